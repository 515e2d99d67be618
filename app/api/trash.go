package api

import (
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Where names a file of a folder. With a Folder (id or name), Path is relative to it;
// without one it is absolute, and the agent finds the folder it lies in.
type Where struct {
	Folder string `json:"folder,omitempty"`
	Path   string `json:"path"`
	// Listed is what a person gave instead of an absolute path, where that may also be a
	// path as lists show it, relative to its folder. What both meanings fit is refused.
	Listed string `json:"listed,omitempty"`
}

// TrashList asks what the trash holds, here and on the connected members, of one folder,
// or of all when Folder is empty. The result is a list of Trashed, newest first.
type TrashList struct {
	Folder string `json:"folder,omitempty"`
}

// TrashRestore puts a file out of the trash back in its place: the newest version, or the
// one whose version begins with Version. A directory's path means every file that was
// deleted in it and is not there. What has the place now goes to the trash itself. The
// result is a list of Restored.
type TrashRestore struct {
	Where
	Version string `json:"version,omitempty"`
}

// TrashEmpty drops what the trash of a folder holds on this device; of all folders when
// Folder is empty. The result is an Emptied.
type TrashEmpty struct {
	Folder string `json:"folder,omitempty"`
}

func (TrashList) intent()    {}
func (TrashRestore) intent() {}
func (TrashEmpty) intent()   {}

// Trashed is a file that was taken away and is still held somewhere.
type Trashed struct {
	Folder     ident.FolderID `json:"folder"`
	FolderName string         `json:"folder_name"`
	Path       string         `json:"path"`
	// Version is the same for equal contents, wherever they are held.
	Version string        `json:"version"`
	Size    int64         `json:"size"`
	Taken   status.Moment `json:"taken"`
	// Why is deleted, replaced (by another version), or changed: a program wrote to it
	// after it was taken away.
	Why string `json:"why"`
	// By is the device whose change took it away; empty when that is not known.
	By     ident.DeviceID `json:"by,omitzero"`
	ByName string         `json:"by_name,omitempty"`
	// Holder is the device that holds it.
	Holder     ident.DeviceID `json:"holder"`
	HolderName string         `json:"holder_name"`
}

// Restored is a file that is back in its place.
type Restored struct {
	Folder     ident.FolderID `json:"folder"`
	FolderName string         `json:"folder_name"`
	Path       string         `json:"path"`
	Version    string         `json:"version"`
	Size       int64          `json:"size"`
	// From is the device that held it.
	From     ident.DeviceID `json:"from"`
	FromName string         `json:"from_name"`
	// Replaced is set when another file had the place; that one is in the trash now.
	Replaced bool `json:"replaced"`
}

// Emptied says what emptying the trash has dropped.
type Emptied struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}
