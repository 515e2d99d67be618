// Package tracker is what a rendezvous knows and decides: which devices are present, what
// waits for them, who shows a code, and who may be called how often.
//
// It knows devices by their ids, connections by numbers, and time. It does not know
// sockets, and nothing of what devices say to each other: letters are sealed, and what runs
// through pipes is TLS between the devices. app/rendezvous calls it.
//
// Everything is memory with a lease. A server that is started anew knows nothing, and all
// of it is back when every device has come back, which takes each at most a lease.
//
//	Opened ──▶ greeted ──▶ registered ──▶ gone      its letters wait for a lease,
//	   (hello)     (register, proven)               then it is forgotten
//
// Devices may say which folders they share, by keys that tell the server nothing. Whoever
// does is told who else does and is here: see group.
//
// A caller can do three things to a device that did not ask for it: tell it that somebody
// calls, leave letters in its box, and learn whether it is there. Each is counted, for the
// caller's device and for the address it comes from.
package tracker

import (
	"crypto/subtle"
	"github.com/shoal-sync/shoal/internal/caller"
	"maps"
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// Lease is how long a device counts as present after its last word.
	Lease = 60 * time.Second
	// greetTime is how long a connection may take to say who it is.
	greetTime = 15 * time.Second
	// pipeTime is how long one end of a pipe waits for the other.
	pipeTime = 20 * time.Second
	// slotTime is the longest that a code is shown; devices show them for ten minutes.
	slotTime = time.Hour

	// boxMax letters wait for a device that has lost its connection: a call takes ten.
	boxMax = 24
	// slotsOfOneMax codes of one device; a person shows one.
	slotsOfOneMax = 4
	// slotCallsMax calls of one code: the device that shows it lets one guess through, and
	// everything else is somebody who disturbs.
	slotCallsMax = 60
	// pipesOfOneMax pipes that wait or run for one device, as caller.
	pipesOfOneMax = 16
	// sourceMax connections from one address: a provider has many homes behind one.
	sourceMax = 512
	// sourceDevices from one address, with those that went within a lease: keys cost
	// nothing, and whoever draws thousands would take the room and the codes of everybody.
	sourceDevices = 2 * sourceMax
	// sourceCalls are calls of codes from one address in sourceTime. With 9,000 numbers that
	// makes finding a code that somebody shows slow, and finding one is no guess yet.
	sourceCalls = 60
	sourceTime  = time.Minute

	// SayBurst words of one device are taken at once, and one more each sayEvery. What is
	// beyond that is refused, and strikesMax refusals end the connection.
	SayBurst   = 100
	sayEvery   = 100 * time.Millisecond
	strikesMax = 200
)

// ConnID names one connection for the life of the server. Zero is none.
type ConnID uint64

// Rules are what the owner of a server decides.
type Rules struct {
	Audiences []string // under which names devices know this server; see post.Place
	Token     string   // what a device must show; empty lets everybody in
	Devices   int      // most devices at once
}

// Core is the machine.
type Core struct {
	rules   Rules
	conns   map[ConnID]*conn
	devices map[ident.DeviceID]*device
	slots   map[uint16]*slot
	pipes   map[[post.PipeSize]byte]*pipe // by the secret of each end
	sources map[netip.Addr]*source
	groups  map[post.FolderKey]*group
	shares  int // of all groups
	timers  timers
	counts  Counts
	now     step.Instant
	out     []Effect
}

// Counts are for people who look after a server. Those of the first line are of now, the
// others grow.
type Counts struct {
	Conns, Devices, Slots, Pipes, Folders, Shares int

	Letters, Calls, Refusals, Handed uint64
	Registrations                    uint64
}

type conn struct {
	id      ConnID
	from    netip.Addr // its source
	addr    netip.AddrPort
	nonce   []byte
	device  *device // nil until it has registered
	left    int     // words it may say at once
	fed     step.Instant
	strikes int
	due     step.Instant
	pos     int
}

// device is one that is present or was a moment ago.
type device struct {
	id    ident.DeviceID
	from  netip.Addr // the source that it counts for
	conn  *conn      // nil while it is away
	card  []byte
	box   []post.Message
	slots []uint16
	pipes int

	shares   map[post.FolderKey]*share
	askLeft  int // how often it may ask for members at once
	askedFed step.Instant
	due      step.Instant // when it is forgotten, while it is away
	pos      int
}

type slot struct {
	owner *device
	until step.Instant
	calls int
}

// pipe is what two devices are about to be joined by.
type pipe struct {
	caller  *device
	secrets [2][post.PipeSize]byte
	ends    [2]ConnID
	due     step.Instant
	pos     int
}

type source struct {
	conns   int
	devices int
	shares  int // of those devices
	calls   []step.Instant
}

// New returns the core of a server that has just started.
func New(rules Rules) *Core {
	return &Core{
		rules: rules, conns: map[ConnID]*conn{}, devices: map[ident.DeviceID]*device{},
		slots: map[uint16]*slot{}, pipes: map[[post.PipeSize]byte]*pipe{}, sources: map[netip.Addr]*source{},
		groups: map[post.FolderKey]*group{},
	}
}

// Counts returns how much there is of everything.
func (c *Core) Counts() Counts {
	out := c.counts
	out.Conns, out.Slots, out.Pipes = len(c.conns), len(c.slots), len(c.pipes)/2
	out.Folders, out.Shares = len(c.groups), c.shares
	for _, d := range c.devices {
		if d.conn != nil {
			out.Devices++
		}
	}
	return out
}

// Handle takes in what happened.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.now, c.out = now, c.out[:0]
	switch e := event.(type) {
	case Opened:
		c.opened(e)
	case Heard:
		if n := c.conns[e.Conn]; n != nil {
			c.heard(n, e)
		}
	case Gone:
		if n := c.conns[e.Conn]; n != nil {
			c.gone(n)
		}
	case PipeOpened:
		c.pipeOpened(e)
	case PipeClosed:
		if d := c.devices[e.Caller]; d != nil {
			d.pipes = max(0, d.pipes-1)
		}
	}
	return c.out
}

// Tick forgets what has had its time.
func (c *Core) Tick(now step.Instant) []Effect {
	c.now, c.out = now, c.out[:0]
	for {
		t := c.timers.first()
		if t == nil || t.at() > now {
			return c.out
		}
		c.timers.remove(t)
		switch t := t.(type) {
		case *conn:
			c.drop(t, "nothing was heard for too long")
		case *device:
			c.forget(t)
		case *pipe:
			c.dropPipe(t, "the other device did not come")
		}
	}
}

// Deadline is when Tick wants to be called next.
func (c *Core) Deadline() step.Instant {
	if t := c.timers.first(); t != nil {
		return t.at()
	}
	return step.Never
}

func (c *Core) tell(n *conn, m post.Message) { c.out = append(c.out, Tell{n.id, m}) }

func (c *Core) refuse(n *conn, ticket uint64, reason string) {
	c.counts.Refusals++
	c.tell(n, post.Message{Kind: post.Refused, Ticket: ticket, Reason: reason})
}

// opened greets a connection; what it signs is good for this one only.
func (c *Core) opened(e Opened) {
	from := caller.Source(e.At.Addr())
	s := c.sources[from]
	if s == nil {
		s = &source{}
		c.sources[from] = s
	}
	n := &conn{id: e.Conn, from: from, addr: e.At, nonce: e.Chance[:], left: SayBurst, fed: c.now}
	c.conns[n.id] = n
	s.conns++
	if s.conns > sourceMax {
		c.drop(n, "too many connections come from your address")
		return
	}
	n.due = c.now.Add(greetTime)
	c.timers.add(n)
	c.tell(n, post.Message{Kind: post.Hello, Version: post.Version, Nonce: n.nonce})
}

// drop ends a connection by our own will.
func (c *Core) drop(n *conn, reason string) {
	c.out = append(c.out, Drop{n.id, reason})
	c.gone(n)
}

func (c *Core) gone(n *conn) {
	delete(c.conns, n.id)
	c.timers.remove(n)
	if s := c.sources[n.from]; s != nil {
		if s.conns--; s.idle() && len(s.calls) == 0 {
			delete(c.sources, n.from)
		}
		c.tidy()
	}
	if d := n.device; d != nil && d.conn == n {
		d.conn = nil
		d.due = c.now.Add(Lease)
		c.timers.add(d)
	}
}

// tidy forgets addresses that called and are gone, once they are many.
func (c *Core) tidy() {
	if len(c.sources) > 2*len(c.conns)+1024 {
		maps.DeleteFunc(c.sources, func(_ netip.Addr, s *source) bool { return s.idle() })
	}
}

func (s *source) idle() bool { return s.conns == 0 && s.devices == 0 }

func (c *Core) forget(d *device) {
	c.share(d, nil)
	c.uncount(d)
	delete(c.devices, d.id)
	for _, number := range d.slots {
		delete(c.slots, number)
	}
}

// uncount takes a device off the address that it came from.
func (c *Core) uncount(d *device) {
	s := c.sources[d.from]
	if s == nil {
		return // a new one
	}
	s.shares -= len(d.shares)
	if s.devices--; s.idle() && len(s.calls) == 0 {
		delete(c.sources, d.from)
	}
}

// allowed reports whether the token is the one of this server, in constant time.
func (c *Core) allowed(token string) bool {
	return c.rules.Token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(c.rules.Token)) == 1
}
