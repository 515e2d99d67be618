// Package status is what a person may know about a device right now: its links, its
// folders, its progress and its problems, ready to draw. It also says these things in
// words.
//
// A View is made by the node and never changed afterwards; whoever holds one may read it
// from any goroutine. The package decides nothing and looks nothing up: times, rates and
// roots arrive as data. The node fills it, the local API carries it, the command line and
// the windows draw it. Its JSON field names are a promise to scripts.
package status

import (
	"encoding/json"

	"github.com/shoal-sync/shoal/internal/ident"
)

// State says in one word how a folder is.
type State string

// The states a folder can be in.
const (
	UpToDate State = "up-to-date" // verified equal with at least one connected member
	Scanning State = "scanning"   // looking at the disk
	Syncing  State = "syncing"    // something is still to be fetched or put in place
	Waiting  State = "waiting"    // nobody to compare with; see Folder.LastEqual
	Paused   State = "paused"     // a person stopped it
	NeedsYou State = "needs-you"  // synced otherwise; a person must decide something
)

// Route says how a device is reached.
type Route string

// The routes, best first. A device that is not connected has none.
const (
	LAN     Route = "lan"
	Direct  Route = "direct"
	Punched Route = "punched"
	Relayed Route = "relayed"
)

// Role is what a member may do in a folder.
type Role string

// The roles, most allowed first.
const (
	Owner  Role = "owner"
	Writer Role = "writer"
	Reader Role = "reader"
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == Owner || r == Writer || r == Reader }

// View is everything a person may know at one moment.
type View struct {
	Device  Self     `json:"device"`
	Devices []Device `json:"devices"`
	Folders []Folder `json:"folders"`
	// Asking are devices that are not trusted and ask to be.
	Asking []Asking `json:"asking"`
	// Offers are folders that linked devices share with this one and that are not kept here.
	Offers []Offer `json:"offers"`
}

// Self is the device that shows the view.
type Self struct {
	ID   ident.DeviceID `json:"id"`
	Name string         `json:"name"`
	// Listen holds the addresses other devices can reach this one at, as HOST:PORT.
	Listen []string `json:"listen"`
	// Paused is nil unless everything rests.
	Paused *Rest  `json:"paused"`
	Limits Limits `json:"limits"`
	// Rendezvous are the servers this device is to be found at.
	Rendezvous []Rendezvous `json:"rendezvous,omitempty"`
	// Update is a newer version of the program that there is, empty when none is known.
	Update string `json:"update,omitempty"`
}

// Rendezvous is how things stand with one server.
type Rendezvous struct {
	Address   string `json:"address"` // without its key and token
	Connected bool   `json:"connected"`
	// Seen is this device's IP address as the server sees it, while connected.
	Seen   string `json:"seen,omitempty"`
	Reason string `json:"reason,omitempty"` // why it is not connected
	// Folders is for how many folders of many members the server names those that are
	// there, Named how many it named when it was asked last.
	Folders int `json:"folders,omitempty"`
	Named   int `json:"named,omitempty"`
}

// Limits are the rates that hold at the moment, in bytes per second; zero is no limit.
type Limits struct {
	Up   int64 `json:"up_bps"`
	Down int64 `json:"down_bps"`
	// LAN is true when they also hold for devices on the same local network.
	LAN bool `json:"lan"`
}

// Rest says until when something rests, and why.
type Rest struct {
	// Until is null when the rest ends by a person's word or by what caused it.
	Until Moment `json:"until"`
	// Reason is empty when a person said so.
	Reason string `json:"reason"`
}

// Device is another device this one trusts.
type Device struct {
	ID        ident.DeviceID `json:"id"`
	Name      string         `json:"name"`
	Connected bool           `json:"connected"`
	// Route is filled exactly while Connected.
	Route Route `json:"route"`
	// RTT is the measured round trip in milliseconds.
	RTT       Measured `json:"rtt_ms"`
	BytesIn   uint64   `json:"bytes_in"`
	BytesOut  uint64   `json:"bytes_out"`
	Addresses []string `json:"addresses"`
	// LastProblem says why the last attempt to connect failed, empty when none did.
	LastProblem string `json:"last_problem"`
	NextTry     Moment `json:"next_try"`
	LastSeen    Moment `json:"last_seen"`
	// Unsought is set while it is not connected and this device does not try either: of many
	// who share a folder, links with some are enough. It may well be there.
	Unsought bool `json:"unsought,omitempty"`
	// Through names the folders that this device is known through, apart from any trust
	// that a person here has put in it.
	Through []string `json:"through,omitempty"`
	// Paused is nil unless a person stopped the exchange with this device.
	Paused *Rest `json:"paused"`
}

// Folder is one folder this device keeps.
type Folder struct {
	ID    ident.FolderID `json:"id"`
	Name  string         `json:"name"`
	Path  string         `json:"path"`
	State State          `json:"state"`
	// Role is what this device may do in the folder; "none" when an owner has ended its
	// membership.
	Role Role `json:"role"`
	// Files and Bytes count what the folder should hold; the Need fields count what of
	// it is not here yet.
	Files     int64  `json:"files"`
	Bytes     int64  `json:"bytes"`
	NeedFiles int64  `json:"need_files"`
	NeedBytes int64  `json:"need_bytes"`
	Root      string `json:"root"`
	Conflicts int    `json:"conflicts"`
	Held      int    `json:"held"`
	// LocalChanges counts the names changed on this device that are not sent, because it
	// may only read the folder.
	LocalChanges int `json:"local_changes"`
	// Problems are the ones worth showing; their maker bounds how many there are.
	Problems []Problem `json:"problems"`
	Members  []Member  `json:"members"`
	// LastEqual is who last had the same content, nil when nobody had yet.
	LastEqual *Equal `json:"last_equal"`
	// Signed is, on a device that may only read, the writer who signed what it holds, and
	// when by that one's clock; nil while no writer has signed just this. Members who may
	// only read vouch for nothing: what came from them was proven by this.
	Signed *Equal `json:"signed"`
	// Progress is nil while nothing is being moved.
	Progress *Progress `json:"progress"`
	// Moving is nil while nothing comes from other devices; it is a second old at most.
	Moving *Moving `json:"moving"`
	// Paused is set exactly while State is Paused.
	Paused *Rest `json:"paused"`
	// Limits hold for this folder alone, besides those of the device.
	Limits Limits `json:"limits"`
	// Set is what people have set of the folder, as they wrote it.
	Set FolderSet `json:"set"`
}

// FolderSet is what can be set of a folder; empty is as usual.
type FolderSet struct {
	Brake  string `json:"brake"`
	Trash  string `json:"trash"`
	Limits string `json:"limits"`
	Traits string `json:"traits"`
}

// HeldElsewhere is the kind of a problem about a member that holds deletes until a person
// has answered there. Until then it is not the same as this device, and nothing is on its
// way.
const HeldElsewhere = "held-elsewhere"

// MemberProblem is the kind of a problem about a connected device that does not exchange the
// folder.
const MemberProblem = "member"

// Problem is one thing that is not as it should be, with its reason and the next try.
type Problem struct {
	Path string `json:"path"`
	// Kind is one stable word for programs, such as "unreadable".
	Kind string `json:"kind"`
	// Reason tells a person what happened and what they can do.
	Reason string `json:"reason"`
	// NextTry is null when trying again would be of no use before a person acts.
	NextTry Moment `json:"next_try"`
}

// Member is a device that shares a folder with this one.
type Member struct {
	ID ident.DeviceID `json:"id"`
	// Device is the ID too, under its older name.
	Device ident.DeviceID `json:"device"`
	Name   string         `json:"name"`
	Role   Role           `json:"role"`
	// Connected says that it is connected and shares the folder with this device now.
	Connected bool `json:"connected"`
	// Linked says that it is connected, whether or not it shares the folder now: it may
	// not keep it yet, or one side has paused it.
	Linked   bool `json:"linked"`
	UpToDate bool `json:"up_to_date"`
	// Unsought says the same of it as of a Device.
	Unsought bool `json:"unsought,omitempty"`
	// Guest is set when a person here has let the device in and no owner has: the other
	// members do not know it.
	Guest bool `json:"guest,omitempty"`
}

// Equal says who had the same content as this device, and when that was last known, or
// signed.
type Equal struct {
	Device ident.DeviceID `json:"device"`
	Name   string         `json:"name"`
	When   Moment         `json:"when"`
}

// Progress is how far the work at hand has come.
type Progress struct {
	BytesDone  int64 `json:"bytes_done"`
	BytesTotal int64 `json:"bytes_total"`
	RateBps    int64 `json:"rate_bps"` // bytes per second
	// ETA is the time left in seconds.
	ETA Measured `json:"eta_s"`
	// Current is the path being worked on.
	Current string `json:"current"`
}

// MarshalJSON writes lists that hold nothing as [], so that scripts can loop over them.
func (v View) MarshalJSON() ([]byte, error) {
	type plain View
	v.Devices, v.Folders = filled(v.Devices), filled(v.Folders)
	v.Asking, v.Offers = filled(v.Asking), filled(v.Offers)
	return json.Marshal(plain(v))
}

// MarshalJSON writes lists that hold nothing as [], so that scripts can loop over them.
func (s Self) MarshalJSON() ([]byte, error) {
	type plain Self
	s.Listen = filled(s.Listen)
	return json.Marshal(plain(s))
}

// MarshalJSON writes lists that hold nothing as [], so that scripts can loop over them.
func (d Device) MarshalJSON() ([]byte, error) {
	type plain Device
	d.Addresses = filled(d.Addresses)
	return json.Marshal(plain(d))
}

// MarshalJSON writes lists that hold nothing as [], so that scripts can loop over them.
func (f Folder) MarshalJSON() ([]byte, error) {
	type plain Folder
	f.Problems, f.Members = filled(f.Problems), filled(f.Members)
	return json.Marshal(plain(f))
}

func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
