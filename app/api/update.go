package api

import "github.com/shoal-sync/shoal/internal/ident"

// About asks which program the agent runs. The result is a Running.
type About struct{}

// Restart ends the agent in order and starts its program anew, with the same arguments. The
// result is Nothing, before that happens.
type Restart struct{}

// UpdateFind looks for a signed release that is newer than a version at the devices that
// are connected, and brings its file for a platform. The result is an UpdateFound.
type UpdateFind struct {
	System string `json:"system"` // as Go names it
	Arch   string `json:"arch"`
	Window bool   `json:"window,omitempty"`
	Newer  string `json:"newer"` // than this version
	// Look brings no file.
	Look bool `json:"look,omitempty"`
}

func (About) intent()      {}
func (Restart) intent()    {}
func (UpdateFind) intent() {}

// Running is the program of an agent.
type Running struct {
	Version string   `json:"version"`
	Program string   `json:"program"` // full path
	Args    []string `json:"args"`
	PID     int      `json:"pid"`
	// Managed is whether a service manager started it, and starts it again when it fails.
	Managed bool `json:"managed"`
}

// UpdateFound is a release that a linked device has. Version is empty when there is none
// that is newer. The list and the file are then in the directory "update" of the home.
type UpdateFound struct {
	Version string         `json:"version,omitempty"`
	From    ident.DeviceID `json:"from,omitzero"`
	Name    string         `json:"name,omitempty"` // of the device
}
