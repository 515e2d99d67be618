package pairing

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/discovery/pake"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// MeetingID names one conversation with a device that may be anybody. Zero is none.
type MeetingID uint64

// Chance is what one meeting needs of it, drawn by the host. It prints as dots.
type Chance [pake.ChanceSize]byte

// String returns dots.
func (Chance) String() string { return "…" }

// Event is something that happened; the types below are all there are.
type Event interface {
	fmt.Stringer
	event()
}

// Introduced says what this device tells of itself to devices it links with.
type Introduced struct{ Card Card }

// Invited says that a person wants a code to be shown. Code and secret are fresh.
type Invited struct {
	Ticket step.Ticket
	Code   Code
	Secret [16]byte // what the link that is shown with the code holds
	Offers []Offer
	Lasts  time.Duration
}

// Entered says that a person typed a code or opened a link. Addrs are where the person
// says that the other device is; without any it is looked for.
type Entered struct {
	Ticket step.Ticket
	Entry  Entry
	Addrs  []netip.AddrPort
	Lasts  time.Duration
}

// Picked says that a person picked a device from those nearby.
type Picked struct {
	Ticket step.Ticket
	Device ident.DeviceID
	Name   string
	Addrs  []netip.AddrPort
	Offers []Offer
	Lasts  time.Duration
}

// PlaceHeard says that a device claims to be linking: on the local network, or at a
// rendezvous.
type PlaceHeard struct {
	Device ident.DeviceID // zero when it tells no id
	Name   string
	Slot   uint16
	Addr   netip.AddrPort
	Via    uint32 // number of the rendezvous where it is; 0 is the local network
}

// Met says that a conversation has begun. Both keys are proven; Binding is a value that
// only the two ends of its channel share. Ticket is the one of Meet; zero when the other
// device called.
type Met struct {
	Ticket  step.Ticket
	Meeting MeetingID
	Device  ident.DeviceID
	Addr    netip.AddrPort // dialed, or where the call came from
	Far     bool           // by way of a rendezvous: Addr says nothing of the device
	Binding [32]byte
	Chance  Chance
}

// MeetFailed answers Meet.
type MeetFailed struct {
	Ticket step.Ticket
	Reason string
}

// Heard says that a message arrived.
type Heard struct {
	Meeting MeetingID
	Message Message
}

// MeetingLost says that a conversation has ended, whoever ended it.
type MeetingLost struct {
	Meeting MeetingID
	Reason  string
}

// PersonAnswered says what the person here said to linking with a device. It answers
// Question, under the same ticket; or Asked, under a ticket that the news go to from now.
// Then Words are those that the person saw: a yes to others is none. A no needs none.
type PersonAnswered struct {
	Ticket step.Ticket
	Device ident.DeviceID
	Words  string
	Yes    bool
	Places []Place // of the offered folders that are taken
}

// Place is where an offered folder goes.
type Place struct {
	Folder ident.FolderID
	Path   string
}

// Saved answers Save. Problem is empty when everything was recorded.
type Saved struct {
	Meeting MeetingID
	Problem string
}

// Withdrawn says that the person who began something does not wait for it any more.
type Withdrawn struct{ Ticket step.Ticket }

func (Introduced) event()     {}
func (Invited) event()        {}
func (Entered) event()        {}
func (Picked) event()         {}
func (PlaceHeard) event()     {}
func (Met) event()            {}
func (MeetFailed) event()     {}
func (Heard) event()          {}
func (MeetingLost) event()    {}
func (PersonAnswered) event() {}
func (Saved) event()          {}
func (Withdrawn) event()      {}

// Secrets stay out of these texts, which end in logs and traces.

func (e Introduced) String() string { return fmt.Sprintf("Introduced %q", e.Card.Name) }
func (e Invited) String() string {
	return fmt.Sprintf("Invited %d slot=%04d offers=%d lasts=%v", e.Ticket, e.Code.Slot, len(e.Offers), e.Lasts)
}
func (e Entered) String() string {
	return fmt.Sprintf("Entered %d %v addrs=%v lasts=%v", e.Ticket, e.Entry, e.Addrs, e.Lasts)
}
func (e Picked) String() string {
	return fmt.Sprintf("Picked %d %s addrs=%v offers=%d", e.Ticket, e.Device.Short(), e.Addrs, len(e.Offers))
}
func (e PlaceHeard) String() string {
	return fmt.Sprintf("PlaceHeard %s slot=%04d %s via=%d", e.Device.Short(), e.Slot, e.Addr, e.Via)
}
func (e Met) String() string {
	return fmt.Sprintf("Met %d meeting=%d %s %s far=%v", e.Ticket, e.Meeting, e.Device.Short(), e.Addr, e.Far)
}
func (e MeetFailed) String() string { return fmt.Sprintf("MeetFailed %d %q", e.Ticket, e.Reason) }
func (e Heard) String() string      { return fmt.Sprintf("Heard %d %T", e.Meeting, e.Message) }
func (e MeetingLost) String() string {
	return fmt.Sprintf("MeetingLost %d %q", e.Meeting, e.Reason)
}
func (e PersonAnswered) String() string {
	return fmt.Sprintf("PersonAnswered %d %s yes=%v places=%d", e.Ticket, e.Device.Short(), e.Yes, len(e.Places))
}
func (e Saved) String() string     { return fmt.Sprintf("Saved %d %q", e.Meeting, e.Problem) }
func (e Withdrawn) String() string { return fmt.Sprintf("Withdrawn %d", e.Ticket) }
