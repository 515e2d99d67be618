package route

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// LinkID names one link for as long as the program runs. The host draws it, starting at 1,
// and never gives one twice.
type LinkID uint64

// Kind is how a link reaches the other side. A greater one is better.
type Kind int8

// The kinds, best last.
const (
	Relayed Kind = iota - 2 // a server passes everything on
	Punched                 // straight, through NATs that had to be opened
	Direct                  // straight, to an address that can be called
	Lan                     // the other side is on our own network
)

// String is empty for Direct.
func (k Kind) String() string { return [...]string{" relayed", " punched", "", " lan"}[k-Relayed] }

// Event is something that happened; the types below are all there are.
type Event interface {
	fmt.Stringer
	event()
}

// DeviceTrusted says that a device is to be linked to from now on.
type DeviceTrusted struct{ Device ident.DeviceID }

// DeviceSought says whether a trusted device is to be dialed while there is no link to it,
// as it is until something else is said. Its own calls are taken all the same. Of other
// devices it is ignored, so it has to follow DeviceTrusted.
type DeviceSought struct {
	Device ident.DeviceID
	Sought bool
}

// DeviceForgotten says that a device is not to be linked to any more.
type DeviceForgotten struct{ Device ident.DeviceID }

// AddressesLearned says where a trusted device may be reached, best first. It replaces what
// was said before; of other devices it is ignored, so it has to follow DeviceTrusted.
type AddressesLearned struct {
	Device ident.DeviceID
	Addrs  []netip.AddrPort
}

// LinkUp says that a link was opened: it answers Dial, or it is incoming.
type LinkUp struct {
	Device   ident.DeviceID
	Link     LinkID
	Addr     netip.AddrPort // of the other side
	Incoming bool
	Kind     Kind
	Ticket   step.Ticket // of the Dial or Call it answers; zero when incoming
}

// CallsLearned says whether somebody can carry calls to a trusted device. It replaces what
// was said before.
type CallsLearned struct {
	Device   ident.DeviceID
	Possible bool
}

// DialFailed answers Dial or Call.
type DialFailed struct {
	Ticket step.Ticket
	Reason string
}

// LinkLost says that a link has ended, by whatever cause. After CloseLink it may come or
// not.
type LinkLost struct {
	Link   LinkID
	Reason string
}

// FrameHeard says that something besides a ping or a pong arrived on a link. Once a second
// and link is enough.
type FrameHeard struct{ Link LinkID }

// PingHeard says that the other side's ping arrived. It must reach the core before any
// later frame of that link reaches whoever is told of PeerConnected.
type PingHeard struct {
	Link  LinkID
	Nonce uint64
}

// PongHeard says that a ping was answered.
type PongHeard struct {
	Link  LinkID
	Nonce uint64
}

// NetworkChanged says that this computer's addresses changed or that it woke from sleep.
type NetworkChanged struct{}

func (DeviceTrusted) event()    {}
func (DeviceSought) event()     {}
func (DeviceForgotten) event()  {}
func (AddressesLearned) event() {}
func (LinkUp) event()           {}
func (CallsLearned) event()     {}
func (DialFailed) event()       {}
func (LinkLost) event()         {}
func (FrameHeard) event()       {}
func (PingHeard) event()        {}
func (PongHeard) event()        {}
func (NetworkChanged) event()   {}

func (e DeviceTrusted) String() string { return "DeviceTrusted " + e.Device.Short() }
func (e DeviceSought) String() string {
	return fmt.Sprintf("DeviceSought %s %v", e.Device.Short(), e.Sought)
}
func (e DeviceForgotten) String() string { return "DeviceForgotten " + e.Device.Short() }
func (e AddressesLearned) String() string {
	return fmt.Sprintf("AddressesLearned %s %v", e.Device.Short(), e.Addrs)
}
func (e LinkUp) String() string {
	text := fmt.Sprintf("LinkUp %s link=%d %s", e.Device.Short(), e.Link, e.Addr)
	if e.Incoming {
		text += " incoming"
	} else {
		text += fmt.Sprintf(" ticket=%d", e.Ticket)
	}
	return text + e.Kind.String()
}
func (e CallsLearned) String() string {
	return fmt.Sprintf("CallsLearned %s possible=%v", e.Device.Short(), e.Possible)
}
func (e DialFailed) String() string {
	return fmt.Sprintf("DialFailed ticket=%d: %s", e.Ticket, e.Reason)
}
func (e LinkLost) String() string       { return fmt.Sprintf("LinkLost link=%d: %s", e.Link, e.Reason) }
func (e FrameHeard) String() string     { return fmt.Sprintf("FrameHeard link=%d", e.Link) }
func (e PingHeard) String() string      { return fmt.Sprintf("PingHeard link=%d nonce=%d", e.Link, e.Nonce) }
func (e PongHeard) String() string      { return fmt.Sprintf("PongHeard link=%d nonce=%d", e.Link, e.Nonce) }
func (e NetworkChanged) String() string { return "NetworkChanged" }

// Effect is an order to the world; the types below are all there are.
type Effect interface {
	fmt.Stringer
	effect()
}

// Dial orders a link to be opened. Exactly one LinkUp or DialFailed answers it.
type Dial struct {
	Device ident.DeviceID
	Addr   netip.AddrPort
	Ticket step.Ticket
}

// Call orders a link across NATs to be made. Exactly one LinkUp or DialFailed answers it. It
// takes the place of an earlier call of this side to the device.
type Call struct {
	Device ident.DeviceID
	Ticket step.Ticket
	Anew   bool // there is no link, or none that is sure to live: any will do
}

// SendPing orders a ping, in the lane that is never behind content.
type SendPing struct {
	Link  LinkID
	Nonce uint64
}

// SendPong orders the answer to a ping.
type SendPong struct {
	Link  LinkID
	Nonce uint64
}

// CloseLink orders a link to be ended. The core has forgotten it already.
type CloseLink struct {
	Link   LinkID
	Reason string
}

// PeerConnected says that a device is now spoken with on this link, and on no other: frames
// of other links to it are not for its conversation.
type PeerConnected struct {
	Device ident.DeviceID
	Link   LinkID
}

// PeerLost says that the conversation on this link is over; what was sent on it may not
// have arrived. It comes once for each PeerConnected, and before the next one.
type PeerLost struct {
	Device ident.DeviceID
	Link   LinkID
	Reason string
}

// Trouble says why a device is not connected, and when it will be tried again; step.Never
// when something must happen first.
type Trouble struct {
	Device  ident.DeviceID
	Reason  string
	NextTry step.Instant
}

func (Dial) effect()          {}
func (Call) effect()          {}
func (SendPing) effect()      {}
func (SendPong) effect()      {}
func (CloseLink) effect()     {}
func (PeerConnected) effect() {}
func (PeerLost) effect()      {}
func (Trouble) effect()       {}

func (e Dial) String() string {
	return fmt.Sprintf("Dial %s %s ticket=%d", e.Device.Short(), e.Addr, e.Ticket)
}
func (e Call) String() string {
	if e.Anew {
		return fmt.Sprintf("Call %s ticket=%d anew", e.Device.Short(), e.Ticket)
	}
	return fmt.Sprintf("Call %s ticket=%d", e.Device.Short(), e.Ticket)
}
func (e SendPing) String() string  { return fmt.Sprintf("SendPing link=%d nonce=%d", e.Link, e.Nonce) }
func (e SendPong) String() string  { return fmt.Sprintf("SendPong link=%d nonce=%d", e.Link, e.Nonce) }
func (e CloseLink) String() string { return fmt.Sprintf("CloseLink link=%d: %s", e.Link, e.Reason) }
func (e PeerConnected) String() string {
	return fmt.Sprintf("PeerConnected %s link=%d", e.Device.Short(), e.Link)
}
func (e PeerLost) String() string {
	return fmt.Sprintf("PeerLost %s link=%d: %s", e.Device.Short(), e.Link, e.Reason)
}
func (e Trouble) String() string {
	next := "waits for news"
	if e.NextTry != step.Never {
		next = fmt.Sprintf("next try at %v", time.Duration(e.NextTry))
	}
	return fmt.Sprintf("Trouble %s: %s; %s", e.Device.Short(), e.Reason, next)
}
