// Package api is the language between the agent and those who talk to it on the same
// computer: the command line today, tray and windows later. It holds what they can ask
// for (intents), what comes back, what can go wrong, and a client.
//
// The language is HTTP and JSON over the Unix socket HOME/agent.sock:
//
//	GET  /v1/status            one status.View
//	GET  /v1/status/watch      JSON lines of status.View, one whenever it changed
//	GET  /v1/events?since=N    JSON lines of status.Event, those after number N
//	GET  /v1/logs              a list of status.LogLine, the latest
//	GET  /v1/logs/follow       JSON lines of status.LogLine, those after number since=N
//	POST /v1/wait              WaitRequest → WaitAnswer
//	POST /v1/link              LinkRequest → JSON lines of LinkEvent, until the end
//	POST /v1/intents/KIND      an Intent → its result, null when there is none
//
// A request that fails is answered with an Error. The server is package control; it and
// all clients share the words here, and nothing here knows how an agent does its work.
package api

import (
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// BodyMax bounds a request: the longest is a device with many addresses, far below it.
const BodyMax = 1 << 20

// lineMax bounds one JSON document of an answer. A view of 1,000 devices and 100 folders
// with a hundred problems each stays below 8 MiB.
const lineMax = 64 << 20

// Intent is something a person wants the agent to do. Arguments named Folder and Device
// are an id or a name, as the person gave it; the agent resolves them.
type Intent interface{ intent() }

// FolderAdd starts keeping the directory at Path, an absolute path. With an ID it joins
// the folder of that id. An empty Name means the last element of Path. Adding a path that
// is kept already under the same id changes nothing. The result is a Folder.
type FolderAdd struct {
	Path string         `json:"path"`
	Name string         `json:"name,omitempty"`
	ID   ident.FolderID `json:"id,omitzero"`
}

// FolderAccept begins to keep a folder that a linked device offers; see status.Offer. The
// result is a Folder.
type FolderAccept struct {
	Folder string `json:"folder"` // id or name
	// Path is where it goes, absolute; empty for a place in the person's home.
	Path string `json:"path,omitempty"`
}

// FolderDecline asks no more about a folder that is offered. The result is a Folder.
type FolderDecline struct {
	Folder string `json:"folder"`
}

// FolderRemove stops keeping a folder; its files stay. The result is a Folder.
type FolderRemove struct {
	Folder string `json:"folder"`
}

// FolderRescan looks at the whole folder on disk and returns when that is done. The
// result is a Folder.
type FolderRescan struct {
	Folder string `json:"folder"`
}

// FolderShare makes a device a member of a folder. The result is a Share.
type FolderShare struct {
	Folder string `json:"folder"`
	Device string `json:"device"`
	// Role is empty for the one the device has; a new member becomes a writer. Only owners
	// say roles.
	Role status.Role `json:"role,omitempty"`
}

// FolderUnshare ends a device's membership. The result is a Share with its last role.
type FolderUnshare struct {
	Folder string `json:"folder"`
	Device string `json:"device"`
}

// FolderRevert puts the members' version back wherever a device that may only read has
// changed something; what was changed ends in the trash. The result is a Revert.
type FolderRevert struct {
	Folder string `json:"folder"`
}

// DeviceAdd trusts a device. Adding it again replaces its name when one is given, and
// adds the addresses, each of the form tcp://HOST:PORT. The result is a Device.
type DeviceAdd struct {
	ID        ident.DeviceID `json:"id"`
	Name      string         `json:"name,omitempty"`
	Addresses []string       `json:"addresses,omitempty"`
}

// DeviceRemove ends the trust in a device and its memberships. The result is a Device.
type DeviceRemove struct {
	Device string `json:"device"`
}

// FolderSet changes one property of a folder. Which keys there are, and what their values
// look like, the agent knows; FolderSetKeys names them. The result is a Folder.
type FolderSet struct {
	Folder string `json:"folder"`
	Key    string `json:"key"`
	Value  string `json:"value"`
}

// DeviceRename changes what a device is called here. The result is a Device.
type DeviceRename struct {
	Device string `json:"device"`
	Name   string `json:"name"`
}

// Pause stops transfers of a folder or with a device, or all of them when What is empty,
// until somebody resumes them or the time is over. The result is Pauses.
type Pause struct {
	What string `json:"what,omitempty"`
	// ForMillis is how long to rest; zero rests until resumed.
	ForMillis int64 `json:"for_ms,omitempty"`
}

// Resume ends the pause of a folder or a device, or every pause when What is empty. The
// result is Pauses.
type Resume struct {
	What string `json:"what,omitempty"`
}

// SettingList asks for every setting. The result is a list of status.Setting.
type SettingList struct{}

// SettingSet gives a setting a value; an empty one goes back to the default. The result is
// a SettingChange.
type SettingSet struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Diagnose looks for what is wrong: on this device, or, with a Device, on the way to it. The
// result is a status.Diagnosis.
type Diagnose struct {
	Device string `json:"device,omitempty"`
}

// Stop ends the agent, as an interrupt does. There is no result; the agent may be gone
// before the answer is read.
type Stop struct{}

func (Stop) intent()          {}
func (Diagnose) intent()      {}
func (SettingList) intent()   {}
func (SettingSet) intent()    {}
func (FolderSet) intent()     {}
func (DeviceRename) intent()  {}
func (Pause) intent()         {}
func (Resume) intent()        {}
func (FolderAdd) intent()     {}
func (FolderAccept) intent()  {}
func (FolderDecline) intent() {}
func (FolderRemove) intent()  {}
func (FolderRescan) intent()  {}
func (FolderShare) intent()   {}
func (FolderUnshare) intent() {}
func (FolderRevert) intent()  {}
func (DeviceAdd) intent()     {}
func (DeviceRemove) intent()  {}

// Folder is the result of an intent about a folder.
type Folder struct {
	ID   ident.FolderID `json:"id"`
	Name string         `json:"name"`
	Path string         `json:"path"`
}

// Device is the result of an intent about a device.
type Device struct {
	ID   ident.DeviceID `json:"id"`
	Name string         `json:"name"`
}

// Share is the result of an intent about a membership.
type Share struct {
	Folder ident.FolderID `json:"folder"`
	Device ident.DeviceID `json:"device"`
	Role   status.Role    `json:"role"`
}

// SettingChange says how a setting stands after a change.
type SettingChange struct {
	Setting status.Setting `json:"setting"`
	// Effect is "now", or "after restart".
	Effect string `json:"effect"`
}

// Pauses are the rests that people ordered, which are still on.
type Pauses struct {
	Paused []Paused `json:"paused"`
}

// Paused is one of them: of a folder, of a device, or, with neither, of everything.
type Paused struct {
	Folder ident.FolderID `json:"folder,omitzero"`
	Device ident.DeviceID `json:"device,omitzero"`
	Name   string         `json:"name,omitempty"`
	// Until is null when the rest lasts until somebody, or what caused it, ends it.
	Until status.Moment `json:"until"`
	// Reason is empty when a person said so.
	Reason string `json:"reason,omitempty"`
}

// Revert is the result of FolderRevert: so many local changes are being put back.
type Revert struct {
	Folder  ident.FolderID `json:"folder"`
	Changes int            `json:"changes"`
}

// WaitRequest asks to be answered when Folder is verified equal on Device. Empty means
// every folder, and all connected members.
type WaitRequest struct {
	Folder string `json:"folder,omitempty"`
	Device string `json:"device,omitempty"`
	// TimeoutMillis is how long to wait; zero waits without end.
	TimeoutMillis int64 `json:"timeout_ms,omitempty"`
}

// WaitAnswer says how the wait ended. Missing tells a person what is missing and why; it
// is empty when Equal.
type WaitAnswer struct {
	Equal   bool     `json:"equal"`
	Missing []string `json:"missing"`
}

// Timeout returns the limit as a duration. Longer than a year is as good as a year, and
// keeps the arithmetic from overflowing.
func (r WaitRequest) Timeout() time.Duration {
	const year = 365 * 24 * time.Hour
	millis := min(max(r.TimeoutMillis, 0), year.Milliseconds())
	return time.Duration(millis) * time.Millisecond
}

// ParseWait reads the body of a wait.
func ParseWait(body []byte) (r WaitRequest, err error) {
	return r, strictly(body, &r)
}

// strictly refuses fields it does not know: silently ignoring what a newer client asked
// for would do something else than what the person wanted.
func strictly(body []byte, into any) error {
	if err := unmarshalStrict(body, into); err != nil {
		return Errorf(Usage, "the request cannot be read: %v", err)
	}
	return nil
}
