package roster

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Event is something that happened.
type Event interface{ event() }

// Connected: a device is spoken with, member or not.
type Connected struct{ Device ident.DeviceID }

// Lost: it is not any more.
type Lost struct{ Device ident.DeviceID }

// Heard: a device said something about the members: Roster, Records or Whereabouts.
type Heard struct {
	Device  ident.DeviceID
	Message wire.Message
}

// ShareAsked: a person shares the folder with a device. Without a role (None) it keeps the
// one it has, or becomes a writer. Answered comes once.
type ShareAsked struct {
	Ticket step.Ticket
	Device ident.DeviceID
	Role   members.Role
	Name   string
}

// UnshareAsked: a person ends that. Answered comes once.
type UnshareAsked struct {
	Ticket step.Ticket
	Device ident.DeviceID
}

// Signed answers Sign.
type Signed struct {
	Ticket step.Ticket
	Sign   [64]byte
}

// Saved answers Save. Problem is empty when the map is durable now.
type Saved struct {
	Ticket  step.Ticket
	Problem string
}

func (Connected) event()    {}
func (Lost) event()         {}
func (Heard) event()        {}
func (ShareAsked) event()   {}
func (UnshareAsked) event() {}
func (Signed) event()       {}
func (Saved) event()        {}

// Effect is an order to the world.
type Effect interface{ effect() }

// Send says something to a device.
type Send struct {
	Device  ident.DeviceID
	Message wire.Message
}

// Sign asks for this device's signature. Signed answers it.
type Sign struct {
	Ticket step.Ticket
	Bytes  []byte
}

// Save makes the map durable. Saved answers it.
type Save struct {
	Ticket step.Ticket
	Body   []byte
}

// Changed tells who shares the folder from now on, and what this device may do.
type Changed struct{ Standing Standing }

// Answered says what became of what a person asked.
type Answered struct {
	Ticket  step.Ticket
	Role    members.Role // that the device has now; after UnshareAsked: had before
	Problem Problem
	Reason  string // of SaveFailed
}

// TellPlaces asks for a device to be told where the members may be reached.
type TellPlaces struct{ Device ident.DeviceID }

// PlacesHeard tells where members may be reached, by the word of one of them.
type PlacesHeard struct {
	From   ident.DeviceID
	Places []wire.Place
}

// Drop ends the link to a device that broke the rules.
type Drop struct {
	Device ident.DeviceID
	Reason string
}

func (Send) effect()        {}
func (Sign) effect()        {}
func (Save) effect()        {}
func (Changed) effect()     {}
func (Answered) effect()    {}
func (TellPlaces) effect()  {}
func (PlacesHeard) effect() {}
func (Drop) effect()        {}

// Problem is why a person's wish was not carried out.
type Problem uint8

// The problems.
const (
	Fine       Problem = iota
	NotOwner           // only owners may say so, and this device is none
	NoOwner            // it is not known who owns the folder, so there are no roles
	Ended              // an owner ended the device's membership; only one can renew it
	NotShared          // the folder is not shared with the device
	TooMany            // the map is full
	SaveFailed         // the map cannot be written
)
