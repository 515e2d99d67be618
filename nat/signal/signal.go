// Package signal carries calls: the few sealed letters by which two devices agree on a way
// to each other (an offer, its answer, candidates), while there is no link between them.
//
// It knows letters, their order, repeats and time, and how a letter is sealed from one
// device to the other. It does not know what the letters say: that is for whoever builds
// the link. It does not know who carries them either: a rendezvous, a device that both
// are linked to, or a person. Carriers may lose, delay, repeat and reorder what they are
// given, and may belong to somebody else. The node calls it; the host seals and opens.
//
// Between two devices there is one call at a time:
//
//	Said ────▶ ringing ──▶ talking      the other side's first letter has come
//	             │  │         │
//	             │  ▼         ▼
//	             │ Over ◀─────┘         nothing comes back; hung up; a newer call
//	             ▼
//	           yielded ──▶ talking      both called at once: the call of the lower id stands
//
// Letters are numbered in each direction, told again until they are acknowledged, and
// delivered once and in order. A call is known by its caller, the caller's run and a number
// that grows, so an offer that is repeated by somebody who recorded it rings nowhere:
// across runs of the device that is called the seal does not open, and within one run the
// number is not above the highest that was seen.
package signal

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// BodyMax bounds one letter's body in bytes. A session description with every
	// candidate of a laptop with ten interfaces takes less than half.
	BodyMax = 12 << 10
	// windowMax is how many letters may wait for their acknowledgement, and how far ahead
	// of its turn one may come: more candidates than any device has.
	windowMax = 64
	// devicesMax is as many as route keeps.
	devicesMax = 10_000
	// runsMax is how many runs of one device are remembered, so that what was said in an
	// earlier one is not taken for new.
	runsMax = 16

	// Letters are told again after againMin, and then after twice as long each time.
	againMin = 700 * time.Millisecond
	againMax = 5 * time.Second
	// ringTime is how long a call may stay without any answer. It covers a device that
	// comes back to its rendezvous, which takes it a lease.
	ringTime = 25 * time.Second
	// idleTime is when a call in which nothing is said any more is forgotten.
	idleTime = 2 * time.Minute
	// ringsMax calls of one device ring within ringsTime; the rest are dropped.
	ringsMax  = 8
	ringsTime = 10 * time.Second
)

// Run names one run of a device's program: the first bytes of the key drawn for it.
type Run uint64

// Core is the machine.
type Core struct {
	self    ident.DeviceID
	run     Run
	number  uint64 // of our newest call
	devices map[ident.DeviceID]*device
	busy    []*device // those with a call, as it began
	now     step.Instant
	out     []Effect
}

// device is what is known of one trusted device.
type device struct {
	id    ident.DeviceID
	call  *call
	runs  []runSeen // newest last
	rings []step.Instant
}

// runSeen is the highest call number heard of one run.
type runSeen struct {
	run    Run
	number uint64
}

// call is the one call with a device.
type call struct {
	name    CallName
	run     Run // of the other side's program, once heard
	talking bool
	sent    uint32            // number of our newest letter
	waiting []Letter          // ours, not acknowledged, oldest first
	taken   uint32            // number of their newest letter that was delivered
	early   map[uint32][]byte // theirs that came before their turn
	again   step.Instant
	wait    time.Duration
	heard   step.Instant // or begun, while nothing was heard
	spoke   step.Instant
}

// New returns the core of the device with the given id.
func New(self ident.DeviceID) *Core {
	return &Core{self: self, devices: map[ident.DeviceID]*device{}}
}

// Handle takes in what happened.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.now, c.out = now, c.out[:0]
	switch e := event.(type) {
	case Began:
		c.run = e.Run
	case Trusted:
		if c.devices[e.Device] == nil && e.Device != c.self && len(c.devices) < devicesMax {
			c.devices[e.Device] = &device{id: e.Device}
		}
	case Forgotten:
		if d := c.devices[e.Device]; d != nil {
			c.end(d, "the device is not trusted any more")
			delete(c.devices, e.Device)
		}
	case Said:
		c.say(e)
	case HungUp:
		c.hangUp(e)
	case LetterCame:
		c.letterCame(e)
	case WayOpened:
		if d := c.devices[e.Device]; d != nil && d.call != nil {
			c.tellAgain(d)
		}
	}
	c.rest()
	return c.out
}

// rest forgets who has no call any more.
func (c *Core) rest() {
	c.busy = slices.DeleteFunc(c.busy, func(d *device) bool { return d.call == nil })
}

// Tick tells again what was not acknowledged, and ends calls that nobody answers.
func (c *Core) Tick(now step.Instant) []Effect {
	c.now, c.out = now, c.out[:0]
	for _, d := range c.busy {
		l := d.call
		switch {
		case l == nil || l.due() > now:
		case len(l.waiting) > 0 && now.Since(l.heard) >= ringTime:
			c.end(d, "it does not answer: it may be off, or no carrier reaches it")
		case len(l.waiting) == 0:
			d.call = nil // nothing was said for long: both have what they wanted
		default:
			c.tellAgain(d)
		}
	}
	c.rest()
	return c.out
}

// Deadline is when Tick wants to be called next.
func (c *Core) Deadline() step.Instant {
	at := step.Never
	for _, d := range c.busy {
		if d.call != nil {
			at = min(at, d.call.due())
		}
	}
	return at
}

func (l *call) due() step.Instant {
	if len(l.waiting) > 0 {
		return min(l.again, l.heard.Add(ringTime))
	}
	return max(l.heard, l.spoke).Add(idleTime)
}

// call begins a call.
func (c *Core) call(e Said) {
	d := c.devices[e.Device]
	if d == nil || len(e.Body) > BodyMax {
		c.out = append(c.out, Over{e.Device, "the device is not trusted, or the offer is too long"})
		return
	}
	c.number++
	c.begin(d, CallName{Mine: true, Run: c.run, Number: c.number})
	c.post(d, Offer, e.Body)
}

func (c *Core) begin(d *device, name CallName) {
	d.call = &call{name: name, heard: c.now, spoke: c.now, early: map[uint32][]byte{}}
	if !slices.Contains(c.busy, d) {
		c.busy = append(c.busy, d)
	}
}

// say adds a letter to the call, and begins one when there is none.
func (c *Core) say(e Said) {
	d := c.devices[e.Device]
	if d == nil || d.call == nil {
		c.call(e)
		return
	}
	if len(e.Body) > BodyMax || len(d.call.waiting) >= windowMax {
		c.end(d, "too much was to be said at once")
		return
	}
	c.post(d, Word, e.Body)
}

func (c *Core) post(d *device, kind Kind, body []byte) {
	l := d.call
	l.sent++
	l.spoke = c.now
	letter := Letter{Kind: kind, Call: l.name, Number: l.sent, Ack: l.taken, Body: body}
	if len(l.waiting) == 0 {
		l.wait = againMin
		l.again = c.now.Add(l.wait)
		if l.talking {
			l.heard = c.now // its silence begins with the first letter it may answer
		}
	}
	l.waiting = append(l.waiting, letter)
	c.out = append(c.out, Post{d.id, letter})
}

// tellAgain posts all letters that wait for their acknowledgement.
func (c *Core) tellAgain(d *device) {
	l := d.call
	for _, letter := range l.waiting {
		letter.Ack = l.taken
		c.out = append(c.out, Post{d.id, letter})
	}
	if l.again <= c.now {
		l.wait = min(2*l.wait, againMax)
	}
	l.again = c.now.Add(l.wait)
}

// hangUp ends a call, and tells the other side once: if that is lost, its own limits do.
func (c *Core) hangUp(e HungUp) {
	if d := c.devices[e.Device]; d != nil && d.call != nil {
		c.out = append(c.out, Post{d.id, Letter{Kind: Bye, Call: d.call.name, Ack: d.call.taken}})
		d.call = nil
	}
}

func (c *Core) end(d *device, reason string) {
	if d.call != nil {
		d.call = nil
		c.out = append(c.out, Over{d.id, reason})
	}
}
