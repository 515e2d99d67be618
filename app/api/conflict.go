package api

import (
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// ConflictList asks for the conflicts of one folder, or of all when Folder is empty. The
// result is a list of Conflict, by path.
type ConflictList struct {
	Folder string `json:"folder,omitempty"`
}

// ConflictResolve ends a conflict. Path is that of the file, which means all its copies,
// or that of one copy. The result is a list of Resolved.
type ConflictResolve struct {
	Where
	Keep Keep `json:"keep"`
}

// Keep says which version stays when a conflict ends. The others go to the trash.
type Keep string

// What can be kept. Mine is the version that this device wrote; where it wrote neither or
// both, the one that has the name.
const (
	Mine   Keep = "mine"
	Theirs Keep = "theirs"
	Both   Keep = "both" // the copy becomes a file like any other, under a name of its own
)

// WhyAsk asks why a path is as it is. The result is a Why.
type WhyAsk struct{ Where }

func (ConflictList) intent()    {}
func (ConflictResolve) intent() {}
func (WhyAsk) intent()          {}

// Conflict is one file that is kept beside the one it lost to.
type Conflict struct {
	Folder     ident.FolderID `json:"folder"`
	FolderName string         `json:"folder_name"`
	Path       string         `json:"path"` // of the file that has the name
	Copy       string         `json:"copy"` // of the one kept beside it
	Kind       string         `json:"kind"` // of the copy: file, dir or link
	// Device is the name of the device that wrote the copy; empty when nobody knows.
	Device string        `json:"device"`
	Time   status.Moment `json:"time"` // when it was written
	// Size is of the file that has the name, -1 when nothing has it, CopySize of the copy.
	Size     int64 `json:"size"`
	CopySize int64 `json:"copy_size"`
	// PathDevice is the name of the device that wrote the version that has the name, and
	// PathTime is when; both are empty when nobody knows.
	PathDevice string        `json:"path_device,omitempty"`
	PathTime   status.Moment `json:"path_time,omitzero"`
	// Mine says which of the two this device wrote: path, copy, both or neither.
	Mine string `json:"mine"`
}

// Resolved is one conflict that has ended.
type Resolved struct {
	Folder     ident.FolderID `json:"folder"`
	FolderName string         `json:"folder_name"`
	Path       string         `json:"path"`
	Copy       string         `json:"copy"`
	// Kept is path, copy or both; NewName is what the copy is called now, when both stay.
	Kept    string `json:"kept"`
	NewName string `json:"new_name,omitempty"`
}

// Why says why a path is as it is.
type Why struct {
	Folder     ident.FolderID `json:"folder,omitzero"`
	FolderName string         `json:"folder_name,omitempty"`
	Path       string         `json:"path"`
	// State is one of no-folder, private, ignored, folder, held, problem, syncing, scanning,
	// unknown, deleted, conflict, up-to-date, waiting.
	State string `json:"state"`
	// Lines tell a person what is known, the most important first.
	Lines []string `json:"lines"`
	// Pattern and PatternFile say which line of which file lets the path be ignored.
	Pattern     string        `json:"pattern,omitempty"`
	PatternFile string        `json:"pattern_file,omitempty"`
	Problem     string        `json:"problem,omitempty"` // its kind
	Since       status.Moment `json:"since"`
	NextTry     status.Moment `json:"next_try"`
	// Equal and NotEqual are the members that are, and are not, verified to have the same.
	Equal    []string `json:"equal"`
	NotEqual []string `json:"not_equal"`
}
