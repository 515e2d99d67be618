package api

import (
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// HeldList asks for the deletes that wait for a person, in one folder, or in all of them
// when Folder is empty. The result is a list of Held, oldest first.
type HeldList struct {
	Folder string `json:"folder,omitempty"`
}

// HeldAnswer lets the held deletes of a folder happen, or takes them back; all of them
// when ID is empty. The result is the list of Held that it was about.
type HeldAnswer struct {
	Folder  string `json:"folder"`
	ID      string `json:"id,omitempty"`
	Approve bool   `json:"approve"`
}

// GiveUp does without the content of a file that no connected device has. Where an older
// version of it is on this device that one stays; otherwise the file is deleted. Path is
// relative to the folder. The result is a GivenUp.
type GiveUp struct {
	Folder string `json:"folder"`
	Path   string `json:"path"`
}

// GivenUp says what became of a file whose content nobody had. More than one may have been
// meant by a path.
type GivenUp struct {
	Folder ident.FolderID `json:"folder"`
	Path   string         `json:"path"`
	// Kept files are what this device still had of them; Deleted ones are gone.
	Kept    int `json:"kept"`
	Deleted int `json:"deleted"`
}

func (GiveUp) intent()     {}
func (HeldList) intent()   {}
func (HeldAnswer) intent() {}

// The kinds of what is held.
const (
	HeldDeletes  = "deletes"
	HeldPatterns = "ignore"
)

// Held is what waits for a person: deletes that happened together, or ignore patterns that
// would leave a large part of the folder alone.
type Held struct {
	Kind       string         `json:"kind"`
	Folder     ident.FolderID `json:"folder"`
	FolderName string         `json:"folder_name"`
	ID         string         `json:"id"`
	Since      status.Moment  `json:"since"`
	// Device is where they happened.
	Device     ident.DeviceID `json:"device"`
	DeviceName string         `json:"device_name"`
	Files      int64          `json:"files"`
	Bytes      int64          `json:"bytes"`
	// Names counts the files and directories that are gone, or would be ignored, each
	// directory once with all that is in it; Paths are some of them.
	Names int      `json:"names"`
	Paths []string `json:"paths"`
	// Approved is set when a person has said yes and the last look at the disk goes on.
	Approved bool `json:"approved"`
	// Lost is set when a person, or somebody's change, has undone the deletes and no
	// connected device had some of the contents: they wait for a device that has them, or
	// for a yes.
	Lost bool `json:"lost"`
}
