package pairing

import (
	"fmt"
	"net/netip"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// Effect is an order to the world; the types below are all there are.
type Effect interface {
	fmt.Stringer
	effect()
}

// Show orders this device to be visible on the local network: with its slot while a code
// is shown, without while a person looks at those nearby, and not at all.
type Show struct {
	Visible bool
	Slot    uint16 // 0 is none: codes that are drawn begin at 1000
}

// Seek orders devices that are linking to be looked for, or not any more.
type Seek struct{ On bool }

// Meet orders a conversation to be begun. Answered by Met or MeetFailed.
type Meet struct {
	Ticket step.Ticket
	Device ident.DeviceID // who must answer there; zero for anybody
	Addr   netip.AddrPort
	Via    uint32 // number of the rendezvous to go through; 0 is none
	Slot   uint16 // of the code that is entered, for a rendezvous
}

// Send orders a message to be sent.
type Send struct {
	Meeting MeetingID
	Message Message
}

// Part orders a conversation to be ended once what was sent before is out.
type Part struct{ Meeting MeetingID }

// Tell orders news to be brought to the person who began something.
type Tell struct {
	Ticket step.Ticket
	News   News
}

// Asked orders a person to be shown that a device nearby asks to link. The words are to
// be compared with those on the other screen.
type Asked struct {
	Device ident.DeviceID
	Name   string
	Words  string
	Addr   netip.AddrPort
	Offers []Offer
	Until  step.Instant
}

// AskedNoMore takes Asked back: it was answered, or the other side gave up.
type AskedNoMore struct{ Device ident.DeviceID }

// Save orders a device to be recorded as trusted: both people have said yes, and the key
// is proven. Answered by Saved.
type Save struct {
	Meeting MeetingID
	Device  ident.DeviceID
	Card    Card
	Addr    netip.AddrPort // where it takes links; invalid when nothing is known
	Given   []Offer        // our folders that it takes
	Taken   []Taken        // its folders that we take
}

// Taken is an offer and where it goes.
type Taken struct {
	Offer Offer
	Path  string
}

func (Show) effect()        {}
func (Seek) effect()        {}
func (Meet) effect()        {}
func (Send) effect()        {}
func (Part) effect()        {}
func (Tell) effect()        {}
func (Asked) effect()       {}
func (AskedNoMore) effect() {}
func (Save) effect()        {}

func (f Show) String() string { return fmt.Sprintf("Show %v slot=%04d", f.Visible, f.Slot) }
func (f Seek) String() string { return fmt.Sprintf("Seek %v", f.On) }
func (f Meet) String() string {
	return fmt.Sprintf("Meet %d %s %s via=%d", f.Ticket, f.Device.Short(), f.Addr, f.Via)
}
func (f Send) String() string        { return fmt.Sprintf("Send %d %T", f.Meeting, f.Message) }
func (f Part) String() string        { return fmt.Sprintf("Part %d", f.Meeting) }
func (f Tell) String() string        { return fmt.Sprintf("Tell %d %T", f.Ticket, f.News) }
func (f Asked) String() string       { return fmt.Sprintf("Asked %s %q", f.Device.Short(), f.Words) }
func (f AskedNoMore) String() string { return "AskedNoMore " + f.Device.Short() }
func (f Save) String() string {
	return fmt.Sprintf("Save %d %s given=%d taken=%d", f.Meeting, f.Device.Short(), len(f.Given), len(f.Taken))
}

// News is what a person is told while something goes on; the types below are all there
// are. After Ended and Done nothing more comes.
type News interface{ news() }

// Looking says that nothing was found yet.
type Looking struct{}

// Waiting says that the words are being shown there, or that the person there has yet to
// say yes.
type Waiting struct {
	Device ident.DeviceID
	Name   string
}

// Question asks for a yes. Words are to be compared with those on the other screen; they
// are empty when a code or link has proven everything.
type Question struct {
	Device ident.DeviceID
	Name   string
	Words  string
	Offers []Offer // to be taken here
}

// Asks says, while a code is shown, that a device nearby asks the person here to compare
// words; see Asked.
type Asks struct {
	Device ident.DeviceID
	Name   string
	Words  string
}

// Done says that both devices trust each other now.
type Done struct {
	Device ident.DeviceID
	Name   string
	Given  []Offer
	Taken  []Taken
}

// Ended says why nothing came of it.
type Ended struct {
	Why  EndReason
	Text string
}

// EndReason is the part of an end that programs decide on.
type EndReason uint8

// The reasons.
const (
	Expired  EndReason = iota + 1 // nobody came in time, or the code is not shown any more
	NotFound                      // no device with that slot
	Wrong                         // the secret was another; the code is dead
	Refused                       // somebody said no
	Lost                          // the conversation broke off
	Failed                        // anything else
)

func (Looking) news()  {}
func (Waiting) news()  {}
func (Question) news() {}
func (Asks) news()     {}
func (Done) news()     {}
func (Ended) news()    {}
