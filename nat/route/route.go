// Package route keeps one link to every trusted device: it orders dials, settles on one
// link where there are several, notices when the other side is gone, and tries again.
//
// It knows devices, addresses and links by name, of links their kind, and time. A link
// comes of dialing an address, or of a call, which somebody carries; all ways are tried
// together, each a little after the one before. It does not open links, does not know what
// is said on them, and does not find addresses: book does. The node calls it.
//
// # Which link serves
//
// Both sides may dial at once, a side may dial again because its old link is half dead, and
// the two see links come and go in different orders. So one side decides: the device with
// the lower id leads, the other follows.
//
//   - The leader takes the first link that is up, and pings on it before anything else.
//     Only on the link it has taken does it ever ping: its ping says "this one".
//   - The follower takes a link when it hears a ping on it, and tells PeerConnected only
//     then. As the ping comes first on the link, nothing said on it is missed. Pings of two
//     links may overtake each other; their nonces say which the leader meant last.
//   - Whoever leaves a link closes it, and never takes it up again. Here we know that two
//     sides which both keep a link keep the same one: what one has left, the other loses.
//   - The follower dials only when it has no link. So when it calls a leader that has one,
//     that link is either just being taken, or dead at the follower's end. The leader
//     pings: an answer closes the newcomer; silence, for at most 2 s, puts it in place.
//   - A follower whose link died while another is up pings on that one: look again.
//   - A link nobody takes up is closed by the follower after a while.
//   - The leader moves to a better kind of link (lan, then direct, punched, relayed) as soon
//     as one is up; to one of the same kind only when its own falls silent. Here we know
//     that two links do not take turns: each move is up, or away from a dead one.
//
// Who has a link that is no better than punched goes on looking for a better one, ever more
// seldom. Both may: perhaps only one of them can reach the other.
//
// The life of a device here:
//
//	dialing ──▶ link up ──▶ connected      taken: by the leader at once, by the follower
//	 ▲   │         │            │           when it is pinged
//	 │   ▼         ▼            ▼
//	 └─ waiting ◀──┴────────────┘           every address failed; nobody took the link;
//	                                        it was lost and there is no other
package route

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// devicesMax is far above what a person links, and keeps a full snapshot small.
	devicesMax = 10_000
	// addrsMax is a laptop's every interface in both families, at home and at work.
	addrsMax = 16
	// linksMax is one link in use, one from each side's dial, and one that is half dead.
	linksMax = 4
	// dialsMax keeps a change of network with thousands of devices within the number of
	// open files that systems allow by default.
	dialsMax = 256
	// reasonMax cuts the words that the outside gives us for a failure.
	reasonMax = 300

	// stagger is the head start of each address over the next one: the "connection attempt
	// delay" of RFC 8305, section 5.
	stagger = 250 * time.Millisecond
	// dialPatience is when an order to dial counts as failed without an answer. Dialing
	// has shorter limits of its own; this one only makes sure that we never hang.
	dialPatience = 30 * time.Second

	// A link that is lost is dialed again at once: mostly the other side restarted, or a
	// cable was moved. That wait is spread so that the two ends seldom collide.
	redialSpread = 100 * time.Millisecond
	backoffMin   = 500 * time.Millisecond
	backoffMax   = 30 * time.Second
	// steadyAfter is how long a link must have lived to be worth an immediate redial
	// again; otherwise two sides that end every link at once would never stop.
	steadyAfter = 10 * time.Second

	// pingAfter and deadAfter: two pings fit between them, so one slow answer kills no link.
	pingAfter = 5 * time.Second
	deadAfter = 12 * time.Second
	// measureEvery keeps the round trip time of a busy link fresh.
	measureEvery = 30 * time.Second
	// changedPatience replaces deadAfter once after the network changed: links bound to an
	// address that is gone stay silent, all others answer.
	changedPatience = 4 * time.Second
	// underWay is how long after such a change something may still arrive that was sent
	// before it, and proves nothing.
	underWay = time.Second

	// probeMin and probeMax bound how long the leader waits for its own link to answer
	// when the other side has called again. Four round trips allow for queues.
	probeMin = 500 * time.Millisecond
	probeMax = 2 * time.Second
	// settleWait is how long a follower keeps a link the leader does not take up. It must
	// be longer than probeMax and a slow round trip.
	settleWait = 5 * time.Second

	// runNonces is more pings than one run ever sends. Runs begin anywhere among 2^63, so
	// two nonces that are nearer to each other are of one run, and the greater came later.
	runNonces = 1 << 32

	// A wake-up that comes late says that our own program stood still; what the others said
	// meanwhile waits behind it. stallGrace is the time to read it before we judge them.
	stallMin   = time.Second
	stallGrace = 3 * time.Second
)

// Core decides which link serves each device.
type Core struct {
	self    ident.DeviceID
	chance  *rand.Rand
	peers   map[ident.DeviceID]*peer
	order   []*peer // sorted by device
	timers  timers
	links   map[LinkID]*link
	dials   map[step.Ticket]*dial // those we still wait for
	tickets step.Ticket
	nonces  uint64
	asked   step.Instant // when one link's silence last made all be asked
	out     []Effect
}

// peer is what we know of one trusted device.
type peer struct {
	device  ident.DeviceID
	leads   bool // we lead: our id is the lower one
	addrs   []netip.AddrPort
	calls   bool    // somebody can carry calls to it
	rests   bool    // it is not dialed
	links   []*link // all that are up, oldest first
	current *link   // the one in use, nil while there is none

	told uint64 // nonce of its newest ping, on whichever link

	// The leader's question to its current link, while another one waits.
	probing    bool
	probeNonce uint64
	probeBy    step.Instant

	dialing  bool             // a round over the addresses is under way
	untried  []netip.AddrPort // of this round; byCall among them is a call
	inFlight []*dial          // perhaps of earlier rounds too
	dialAt   step.Instant     // when to go on dialing, meaningful while no link is up
	failures int              // rounds or short-lived links in a row
	reasons  []string         // of this round

	betterAt step.Instant // when to look for a better link than the one in use
	looks    int          // for a better one, in a row

	beside    []netip.AddrPort // ways that are still to be tried beside the link in use
	besideAny bool             // because that one may be dead
	besideAt  step.Instant     // when to try the next
	againAt   step.Instant     // when to try all anew, while the link in use may be dead
	trouble   Trouble          // the last one told; empty reason when none stands

	due step.Instant // when to look at this peer again
	pos int          // in timers
}

type link struct {
	id       LinkID
	peer     *peer
	addr     netip.AddrPort
	incoming bool
	kind     Kind
	up       step.Instant
	heard    step.Instant // when anything last came
	carried  step.Instant // when something besides pings and their answers last did

	pinged   bool // a ping waits for its answer
	pingedAt step.Instant
	nonce    uint64
	rtt      time.Duration // zero until the first answer

	suspected bool // the other side was looked for because this one fell silent
	doubted   bool // nothing was heard since the network changed
	doubtedAt step.Instant
	deadBy    step.Instant
	settleBy  step.Instant // the follower's patience while the link is not in use
}

type dial struct {
	ticket step.Ticket
	peer   *peer
	addr   netip.AddrPort
	since  step.Instant
}

// New returns a core for the given device. Chance spreads redials; a core with the same
// seed that hears the same events gives the same orders.
func New(self ident.DeviceID, chance *rand.Rand) *Core {
	return &Core{
		self: self, chance: chance,
		peers: map[ident.DeviceID]*peer{}, links: map[LinkID]*link{}, dials: map[step.Ticket]*dial{},
		nonces: chance.Uint64() >> 1,
	}
}

// Deadline is when Tick wants to be called next.
func (c *Core) Deadline() step.Instant { return c.timers.first() }

// Tick does what has become due.
func (c *Core) Tick(now step.Instant) []Effect {
	c.out = c.out[:0]
	for c.timers.first() <= now {
		c.lookAfter(now, c.timers.heap[0])
	}
	return c.out
}

// lookAfter does all that is due of a device. A link that takes the place of one that has
// just ended may be overdue itself, after a time in which nobody came to anything: then it
// is looked at once more, as often as there may be links.
func (c *Core) lookAfter(now step.Instant, p *peer) {
	for range linksMax + 2 {
		c.wake(now, p)
		c.arm(p)
		if p.due > now {
			return
		}
	}
	panic("bug: a device that was looked after is due again at once")
}

// Handle takes in what happened.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.out = c.out[:0]
	switch e := event.(type) {
	case FrameHeard:
		if l := c.links[e.Link]; l != nil {
			rested := l.carried == 0 || now.Since(l.carried) >= livelyFor
			l.hear(now)
			l.carried = now
			if rested { // else the peer is due no later than before: no need to reckon anew
				c.arm(l.peer)
			}
		}
	case PingHeard:
		c.pingHeard(now, e)
	case PongHeard:
		c.pongHeard(now, e)
	case LinkUp:
		c.linkUp(now, e)
	case LinkLost:
		if l := c.links[e.Link]; l != nil {
			c.lose(now, l, cut(e.Reason))
			c.arm(l.peer)
		}
	case DialFailed:
		c.dialFailed(now, e)
	case CallsLearned:
		c.callsLearned(now, e)
	case AddressesLearned:
		c.addressesLearned(now, e)
	case DeviceTrusted:
		c.deviceTrusted(now, e.Device)
	case DeviceSought:
		c.deviceSought(now, e)
	case DeviceForgotten:
		c.deviceForgotten(e.Device)
	case NetworkChanged:
		c.networkChanged(now)
	}
	return c.out
}

func (c *Core) do(e Effect) { c.out = append(c.out, e) }

func (c *Core) deviceTrusted(now step.Instant, device ident.DeviceID) {
	if device == c.self || c.peers[device] != nil {
		return
	}
	if len(c.peers) == devicesMax {
		c.do(Trouble{device, "more devices are trusted than can be linked; remove some", step.Never})
		return
	}
	p := &peer{device: device, leads: less(c.self, device), dialAt: step.Never, due: step.Never, betterAt: step.Never}
	c.peers[device] = p
	at, _ := slices.BinarySearchFunc(c.order, device, byDevice)
	c.order = slices.Insert(c.order, at, p)
	c.timers.add(p)
	c.tell(p, "")
	c.arm(p)
}

// deviceSought begins or ends dialing a device. An attempt under way is let go on.
func (c *Core) deviceSought(now step.Instant, e DeviceSought) {
	p := c.peers[e.Device]
	if p == nil || p.rests != e.Sought {
		return
	}
	p.rests, p.failures = !e.Sought, 0
	if len(p.links) == 0 {
		c.redial(now, p, now)
		c.tell(p, "")
	}
	c.arm(p)
}

func (c *Core) deviceForgotten(device ident.DeviceID) {
	const reason = "the device is no longer trusted"
	p := c.peers[device]
	if p == nil {
		return
	}
	if p.current != nil {
		c.do(PeerLost{device, p.current.id, reason})
	}
	for _, l := range p.links {
		delete(c.links, l.id)
		c.do(CloseLink{l.id, reason})
	}
	for _, d := range p.inFlight {
		delete(c.dials, d.ticket)
	}
	c.timers.remove(p)
	at, _ := slices.BinarySearchFunc(c.order, device, byDevice)
	c.order = slices.Delete(c.order, at, at+1)
	delete(c.peers, device)
}

// networkChanged makes every device without a link be dialed at once, and every link prove
// that it still leads somewhere.
func (c *Core) networkChanged(now step.Instant) {
	for _, p := range c.order {
		p.failures = 0
		// A dial from the old address may take long to fail. It is no longer waited for;
		// should it succeed, its link is as good as any. Calls have ended by the change.
		for _, d := range slices.Clone(p.inFlight) {
			if d.addr == byCall || now.Since(d.since) >= time.Second { // changes come in bursts
				c.forgetDial(d)
			}
		}
		if l := p.current; l != nil {
			if !l.doubted { // the first change counts: it is from then on that nothing is heard
				l.doubted, l.doubtedAt, l.deadBy = true, now, now.Add(changedPatience)
			}
			c.ping(now, l)
			p.looks = 0
			c.seek(now, p, true)
		}
		if len(p.links) == 0 {
			c.redial(now, p, now)
		}
		c.arm(p)
	}
}

// wake does what is due for one device.
func (c *Core) wake(now step.Instant, p *peer) {
	if now.Since(p.due) > stallMin {
		p.forbear(now.Add(stallGrace))
	}
	for _, l := range slices.Clone(p.links) {
		switch {
		case l != p.current:
			if !p.leads && now >= l.settleBy {
				c.leave(now, l, "it answered, but did not take the link up")
			}
		case now >= l.dies():
			c.leave(now, l, "nothing was heard any more")
		case now >= l.nextPing():
			c.ping(now, l)
		case now >= l.suspectAt():
			c.suspect(now, l)
		}
	}
	switch {
	case p.current == nil:
	case now >= p.betterAt:
		c.seek(now, p, false)
	case now >= p.besideDue():
		c.goOnBeside(now, p)
	case now >= p.againDue():
		c.seekAgain(now, p)
	}
	if p.probing && now >= p.probeBy {
		c.giveWay(now, p)
	}
	for _, d := range slices.Clone(p.inFlight) {
		if now >= d.since.Add(dialPatience) {
			c.forgetDial(d)
			reason := "no answer to the call"
			if d.addr != byCall {
				reason = "no answer from " + d.addr.String()
			}
			c.failed(now, p, reason)
		}
	}
	if len(p.links) == 0 && now >= p.dialAt {
		c.goOnDialing(now, p)
	}
}

// forbear moves every judgement about the other side to the given time or later.
func (p *peer) forbear(until step.Instant) {
	p.probeBy = max(p.probeBy, until)
	for _, l := range p.links {
		l.heard = max(l.heard, until.Add(-deadAfter))
		l.settleBy, l.deadBy = max(l.settleBy, until), max(l.deadBy, until)
	}
}

// arm reckons when the device must be looked at again.
func (c *Core) arm(p *peer) {
	if c.peers[p.device] != p {
		return // forgotten
	}
	due := step.Never
	if len(p.links) == 0 {
		due = p.dialAt
	}
	for _, d := range p.inFlight {
		due = min(due, d.since.Add(dialPatience))
	}
	for _, l := range p.links {
		switch {
		case l == p.current:
			due = min(due, l.dies(), l.nextPing(), l.suspectAt(), p.betterAt, p.besideDue(), p.againDue())
		case !p.leads:
			due = min(due, l.settleBy)
		}
	}
	if p.probing {
		due = min(due, p.probeBy)
	}
	p.due = due
	c.timers.fix(p)
}

func less(a, b ident.DeviceID) bool { return slices.Compare(a[:], b[:]) < 0 }

func byDevice(p *peer, d ident.DeviceID) int { return slices.Compare(p.device[:], d[:]) }

// cut shortens words from outside.
func cut(reason string) string {
	if len(reason) > reasonMax {
		return strings.ToValidUTF8(reason[:reasonMax], "") + "…"
	}
	return reason
}
