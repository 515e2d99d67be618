package api

import (
	"fmt"
	"reflect"

	"github.com/shoal-sync/shoal/app/status"
)

// kind is one kind of intent: its word in the request path, what it is for, and how its
// result looks.
type kind struct {
	word   string
	says   string
	ask    reflect.Type
	answer reflect.Type
	parse  func(body []byte) (Intent, error)
}

// kinds are all intents. A word never changes. A new intent gets one row here, in the
// order in which the documentation shows them.
var kinds = []kind{
	of[FolderAdd, Folder]("folder-add", "start keeping a directory, or join a folder by its id"),
	of[FolderAccept, Folder]("folder-accept", "begin to keep a folder that a linked device offers"),
	of[FolderDecline, Folder]("folder-decline", "ask no more about a folder that is offered"),
	of[FolderRemove, Folder]("folder-remove", "stop keeping a folder; its files stay"),
	of[FolderRescan, Folder]("folder-rescan", "look at the whole folder on disk"),
	of[FolderSet, Folder]("folder-set", "change a property of a folder"),
	of[FolderShare, Share]("folder-share", "make a device a member of a folder"),
	of[FolderUnshare, Share]("folder-unshare", "end a device's membership"),
	of[FolderRevert, Revert]("folder-revert", "put the members' version back where a reader changed something"),
	of[DeviceAdd, Device]("device-add", "trust a device"),
	of[DeviceRename, Device]("device-rename", "change what a device is called here"),
	of[DeviceRemove, Device]("device-remove", "end the trust in a device"),
	of[FolderVerify, Verified]("folder-verify", "read every file of a folder and compare it with what it should hold"),
	of[ConflictList, []Conflict]("conflict-list", "list files that were changed on two devices at once"),
	of[ConflictResolve, []Resolved]("conflict-resolve", "say which version of such a file stays"),
	of[WhyAsk, Why]("why", "say why a path is as it is"),
	of[SwarmAsk, Swarm]("swarm", "show who has what of a folder, and who sends it"),
	of[TrashList, []Trashed]("trash-list", "list what the trash holds, here and on connected members"),
	of[TrashRestore, []Restored]("trash-restore", "put files of the trash back"),
	of[TrashEmpty, Emptied]("trash-empty", "drop what the trash holds on this device"),
	of[Search, []Match]("search", "look for files by words in their names"),
	of[Fetch, Fetched]("fetch", "bring a file that was found"),
	of[HeldList, []Held]("held-list", "list deletes that wait for a person"),
	of[HeldAnswer, []Held]("held-answer", "let held deletes happen, or take them back"),
	of[GiveUp, GivenUp]("give-up", "do without a content that no connected device has"),
	of[TransferList, Transfers]("transfer-list", "list what is still to come to this device"),
	of[SpeedList, Speeds]("speed-list", "say how fast content has travelled lately"),
	of[IgnoreRead, IgnoreTexts]("ignore-read", "read the ignore patterns of a folder"),
	of[IgnoreWrite, IgnoreTexts]("ignore-write", "replace the ignore patterns of a folder"),
	of[IgnorePreview, Ignores]("ignore-preview", "say what ignore patterns would leave alone"),
	of[NearbyList, Nearby]("nearby-list", "list devices nearby that want to be linked"),
	of[LinkAnswer, Nothing]("link-answer", "answer the question that linking asks"),
	of[Diagnose, status.Diagnosis]("diagnose", "look for what is wrong, and how to mend it"),
	of[Pause, Pauses]("pause", "stop transfers of a folder, with a device, or all"),
	of[SettingList, []status.Setting]("setting-list", "list every setting"),
	of[SettingSet, SettingChange]("setting-set", "give a setting a value, or its default"),
	of[Stop, Nothing]("stop", "end the agent"),
	of[Restart, Nothing]("restart", "end the agent and start its program anew"),
	of[About, Running]("about", "say which program the agent runs"),
	of[UpdateFind, UpdateFound]("update-find", "look for a newer version at linked devices, and bring it"),
	of[Resume, Pauses]("resume", "end a pause, or all of them"),
}

func of[Ask Intent, Answer any](word, says string) kind {
	return kind{
		word: word, says: says, ask: reflect.TypeFor[Ask](), answer: reflect.TypeFor[Answer](),
		parse: func(body []byte) (Intent, error) {
			var intent Ask
			if err := strictly(body, &intent); err != nil {
				return nil, err
			}
			return intent, nil
		},
	}
}

// Intents returns one intent of each kind, with nothing filled in.
func Intents() []Intent {
	out := make([]Intent, len(kinds))
	for n, k := range kinds {
		out[n] = reflect.Zero(k.ask).Interface().(Intent)
	}
	return out
}

// KindOf returns the word that names the kind of an intent.
func KindOf(intent Intent) string {
	for _, k := range kinds {
		if k.ask == reflect.TypeOf(intent) {
			return k.word
		}
	}
	panic(fmt.Sprintf("bug: intent %T has no word", intent))
}

// ParseIntent reads the body of an intent of the given kind. What the body says is not
// checked beyond its form; the agent does that.
func ParseIntent(word string, body []byte) (Intent, error) {
	for _, k := range kinds {
		if k.word == word {
			return k.parse(body)
		}
	}
	return nil, Errorf(Usage, "this agent does not know the intent %q; "+
		"program and agent may be of different versions", word)
}
