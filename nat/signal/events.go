package signal

import (
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Kind is what a letter is for.
type Kind uint8

// The kinds.
const (
	Offer Kind = iota + 1 // the first of a call
	Word                  // what follows, both ways
	Ack                   // says only what has arrived
	Bye                   // ends the call
)

// CallName tells one call from every other one between two devices.
type CallName struct {
	Mine   bool   // whoever writes or holds this name began the call
	Run    Run    // of the caller's program
	Number uint64 // grows with each call of a run
}

// Letter is one of the messages of a call.
type Letter struct {
	Kind   Kind
	Call   CallName
	Number uint32 // from 1 in each direction; 0 of Ack and Bye
	Ack    uint32 // the number up to which the other side's letters were delivered
	Body   []byte // up to BodyMax; nobody here looks into it
}

// Event is something that happened; the types below are all there are.
type Event interface {
	fmt.Stringer
	event()
}

// Began says which run of this device's program this is, before anything else.
type Began struct{ Run Run }

// Trusted says that calls with a device may be made and taken.
type Trusted struct{ Device ident.DeviceID }

// Forgotten says that they may not any more.
type Forgotten struct{ Device ident.DeviceID }

// Said adds to the call with a device; when there is none it begins one.
type Said struct {
	Device ident.DeviceID
	Body   []byte
}

// HungUp says that the call with a device is not needed any more.
type HungUp struct{ Device ident.DeviceID }

// LetterCame says that a letter was opened: the seal proved who sent it, in which run.
type LetterCame struct {
	From   ident.DeviceID
	Run    Run
	Letter Letter
}

// WayOpened says that letters to a device may arrive now that did not before: a carrier
// has come up, or its newest key is known.
type WayOpened struct{ Device ident.DeviceID }

func (Began) event()      {}
func (Trusted) event()    {}
func (Forgotten) event()  {}
func (Said) event()       {}
func (HungUp) event()     {}
func (LetterCame) event() {}
func (WayOpened) event()  {}

func (e Began) String() string     { return fmt.Sprintf("Began %016x", uint64(e.Run)) }
func (e Trusted) String() string   { return "Trusted " + e.Device.Short() }
func (e Forgotten) String() string { return "Forgotten " + e.Device.Short() }
func (e Said) String() string      { return fmt.Sprintf("Said %s %d bytes", e.Device.Short(), len(e.Body)) }
func (e HungUp) String() string    { return "HungUp " + e.Device.Short() }
func (e LetterCame) String() string {
	return fmt.Sprintf("LetterCame %s %v", e.From.Short(), e.Letter)
}
func (e WayOpened) String() string { return "WayOpened " + e.Device.Short() }

// String leaves the body out: it holds addresses.
func (l Letter) String() string {
	return fmt.Sprintf("kind=%d mine=%v call=%d number=%d ack=%d %d bytes",
		l.Kind, l.Call.Mine, l.Call.Number, l.Number, l.Ack, len(l.Body))
}

// Effect is an order to the world; the types below are all there are.
type Effect interface {
	fmt.Stringer
	effect()
}

// Post orders a letter to be sealed and given to every carrier that may reach the device.
// That none does is no failure: it is told again.
type Post struct {
	To     ident.DeviceID
	Letter Letter
}

// Ring brings the offer of another device's call.
type Ring struct {
	Device ident.DeviceID
	Body   []byte
}

// Deliver brings what the other device said in the call, in order and once.
type Deliver struct {
	Device ident.DeviceID
	Body   []byte
}

// Over says that the call this device made or took has ended without its doing. When both
// called at once and ours gave way, Ring follows.
type Over struct {
	Device ident.DeviceID
	Reason string
}

func (Post) effect()    {}
func (Ring) effect()    {}
func (Deliver) effect() {}
func (Over) effect()    {}

func (f Post) String() string { return fmt.Sprintf("Post %s %v", f.To.Short(), f.Letter) }
func (f Ring) String() string { return fmt.Sprintf("Ring %s %d bytes", f.Device.Short(), len(f.Body)) }
func (f Deliver) String() string {
	return fmt.Sprintf("Deliver %s %d bytes", f.Device.Short(), len(f.Body))
}
func (f Over) String() string { return fmt.Sprintf("Over %s %q", f.Device.Short(), f.Reason) }
