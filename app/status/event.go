package status

import "github.com/shoal-sync/shoal/internal/ident"

// Kind says what an Event tells of.
type Kind string

// The kinds of events.
const (
	ItemStarted  Kind = "item_started"
	ItemFinished Kind = "item_finished"
	ItemProgress Kind = "item_progress" // another tenth of a large file has come
	LocalChange  Kind = "local_change"
	RemoteChange Kind = "remote_change"
	Conflict     Kind = "conflict"
	HeldDeletes  Kind = "held_deletes"
	LinkUp       Kind = "link_up"
	LinkDown     Kind = "link_down"
	Trouble      Kind = "problem"
	PauseBegun   Kind = "paused"
	PauseEnded   Kind = "resumed"
	LinkAsked    Kind = "link_asked" // a device asks to be linked
	// FolderOffered tells that a linked device shares a folder that is not kept here.
	FolderOffered Kind = "folder_offered"
	// EventsLost stands for events that are not remembered any more; its number is that
	// of the last of them.
	EventsLost Kind = "events_lost"
)

// LogLine is one line of the agent's log.
type LogLine struct {
	// Seq grows by one with each line, from 1 in each run of the agent.
	Seq  uint64 `json:"seq"`
	Text string `json:"text"`
}

// Event is one thing that happened, numbered so that a listener can come back and ask for
// what it missed. Fields that do not apply are left out of the JSON.
type Event struct {
	// Seq grows by one with each event. It begins anew at a higher number when the agent
	// starts, so that no number is used twice.
	Seq    uint64         `json:"seq"`
	Time   Moment         `json:"time"`
	Kind   Kind           `json:"kind"`
	Folder ident.FolderID `json:"folder,omitzero"`
	Path   string         `json:"path,omitempty"`
	Device ident.DeviceID `json:"device,omitzero"`
	Detail string         `json:"detail,omitempty"`
	// Moving tells, with ItemProgress, of the file's pieces and of who sends them.
	Moving *Moving `json:"moving,omitempty"`
}
