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
	of[TrashList, []Trashed]("trash-list", "list what the trash holds, here and on connected members"),
	of[TrashRestore, []Restored]("trash-restore", "put files of the trash back"),
	of[TrashEmpty, Emptied]("trash-empty", "drop what the trash holds on this device"),
	of[HeldList, []Held]("held-list", "list deletes that wait for a person"),
	of[HeldAnswer, []Held]("held-answer", "let held deletes happen, or take them back"),
	of[NearbyList, Nearby]("nearby-list", "list devices nearby that want to be linked"),
	of[LinkAnswer, Nothing]("link-answer", "answer the question that linking asks"),
	of[Diagnose, status.Diagnosis]("diagnose", "look for what is wrong, and how to mend it"),
	of[Pause, Pauses]("pause", "stop transfers of a folder, with a device, or all"),
	of[SettingList, []status.Setting]("setting-list", "list every setting"),
	of[SettingSet, SettingChange]("setting-set", "give a setting a value, or its default"),
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
