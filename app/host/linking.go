package host

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/mdns"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/direct"
)

const (
	// codeLasts is how long a code is good: long enough to walk to another room, short
	// enough that a forgotten one is no open door.
	codeLasts = 10 * time.Minute
	// lookLasts is how long the other device is looked for.
	lookLasts = 30 * time.Second
	// lastsMax bounds what a request may ask for.
	lastsMax = time.Hour
	// newsMax is more than a linking ever tells.
	newsMax    = 64
	callerStay = 10 * time.Minute
)

// linking is the agent's part in linking: the conversations that are open, who waits for
// news, and who asks.
type linking struct {
	agent     *agent
	announces atomic.Pointer[map[ident.DeviceID][32]byte] // secrets that linked devices told

	mu       sync.Mutex
	last     uint64 // number of the newest conversation, and of the newest ticket
	meetings map[pairing.MeetingID]*direct.Meeting
	waiting  map[step.Ticket]chan pairing.News
	asking   []asking
	callers  []status.Asking
	looking  int // requests that list who is nearby
	seek     bool
	nearby   []mdns.Neighbour

	byHand byHand
}

// asking is a device that asks, and what it offers in full.
type asking struct {
	status.Asking
	offers []pairing.Offer
}

func newLinking(a *agent) *linking {
	return &linking{
		agent: a, meetings: map[pairing.MeetingID]*direct.Meeting{},
		waiting: map[step.Ticket]chan pairing.News{},
	}
}

// act carries out one effect of linking.
func (l *linking) act(effect pairing.Effect) {
	a := l.agent
	switch f := effect.(type) {
	case pairing.Show:
		if a.finder != nil {
			a.finder.Show(f.Visible, f.Slot)
		}
		a.posts.show(f.Slot)
	case pairing.Seek:
		l.setSeek(func() { l.seek = f.On })
	case pairing.Meet:
		a.start(func() { l.meet(f) })
	case pairing.Send:
		if m := l.meeting(f.Meeting); m != nil {
			if err := m.Send(pairing.Append(nil, f.Message)); err != nil {
				a.log.Debug("not sent", "meeting", f.Meeting, "reason", err)
			}
		}
	case pairing.Part:
		if m := l.meeting(f.Meeting); m != nil {
			m.Close()
		}
	case pairing.Tell:
		l.tell(f)
	case pairing.Asked:
		l.asked(f)
	case pairing.AskedNoMore:
		l.mu.Lock()
		l.asking = slices.DeleteFunc(l.asking, func(o asking) bool { return o.ID == f.Device })
		l.mu.Unlock()
	case pairing.Save:
		a.start(func() {
			problem := ""
			if err := a.recordLinked(f); err != nil {
				problem = err.Error()
			}
			a.device.Post(a.ctx, pairing.Saved{Meeting: f.Meeting, Problem: problem})
		})
	default:
		panic(fmt.Sprintf("bug: nobody carries out %T", f))
	}
}

// introduce tells the core what this device says of itself.
func (l *linking) introduce() {
	a := l.agent
	a.device.Post(a.ctx, pairing.Introduced{Card: pairing.Card{
		Name: a.ownName(), Port: a.listener.Addr().Port(), Announce: a.key.Announce(),
	}})
}

func (l *linking) meet(f pairing.Meet) {
	a := l.agent
	meet := func() (*direct.Meeting, error) { return a.endpoint.Meet(a.ctx, f.Device, f.Addr) }
	if f.Via != 0 {
		meet = func() (*direct.Meeting, error) { return a.posts.meet(a.ctx, f) }
	}
	m, err := meet()
	if err != nil {
		a.device.Post(a.ctx, pairing.MeetFailed{Ticket: f.Ticket, Reason: err.Error()})
		return
	}
	l.run(m, f.Ticket)
}

// met takes part in a conversation that another device began.
func (l *linking) met(m *direct.Meeting) {
	l.agent.start(func() { l.run(m, 0) })
}

// run hears a conversation until it ends.
func (l *linking) run(m *direct.Meeting, ticket step.Ticket) {
	a := l.agent
	l.mu.Lock()
	l.last++
	id := pairing.MeetingID(l.last)
	l.meetings[id] = m
	l.mu.Unlock()
	stop := context.AfterFunc(a.ctx, m.Close)
	defer stop()
	met := pairing.Met{
		Ticket: ticket, Meeting: id, Device: m.Device(), Addr: m.RemoteAddr(), Far: m.Far(), Binding: m.Binding(),
	}
	rand.Read(met.Chance[:]) // never fails: crypto/rand ends the program instead
	a.device.Post(a.ctx, met)
	end := m.Receive(func(frame []byte) error {
		message, err := pairing.Parse(frame)
		if err == nil {
			a.device.Post(a.ctx, pairing.Heard{Meeting: id, Message: message})
		}
		return err
	})
	a.device.Post(a.ctx, pairing.MeetingLost{Meeting: id, Reason: end.Error()})
	l.mu.Lock()
	delete(l.meetings, id)
	l.mu.Unlock()
}

func (l *linking) meeting(id pairing.MeetingID) *direct.Meeting {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.meetings[id]
}

// wait opens a place for news under a fresh ticket; done closes it, and ends what began.
func (l *linking) wait() (ticket step.Ticket, news <-chan pairing.News, done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	ticket = step.Ticket(l.last)
	place := make(chan pairing.News, newsMax)
	l.waiting[ticket] = place
	return ticket, place, func() {
		l.mu.Lock()
		delete(l.waiting, ticket)
		l.mu.Unlock()
		l.agent.device.Post(l.agent.ctx, pairing.Withdrawn{Ticket: ticket})
	}
}

func (l *linking) tell(f pairing.Tell) {
	if end, ok := f.News.(pairing.Ended); ok {
		l.agent.log.Info("not linked", "reason", end.Text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if place := l.waiting[f.Ticket]; place != nil {
		select {
		case place <- f.News:
		default:
			l.agent.log.Error("news of linking were lost", "news", fmt.Sprintf("%T", f.News))
		}
	}
}

// asked shows people that a device asks.
func (l *linking) asked(f pairing.Asked) {
	a := l.agent
	shown := status.Asking{
		ID: f.Device, Name: f.Name, Address: f.Addr.String(), Words: f.Words, Until: a.momentOf(f.Until), Asking: true,
	}
	for _, o := range f.Offers {
		shown.Offers = append(shown.Offers, o.Name)
	}
	l.mu.Lock()
	l.asking = append(l.asking, asking{shown, f.Offers})
	l.mu.Unlock()
	a.log.Info("a device asks to be linked", "device", f.Device.String(), "name", f.Name, "words", f.Words)
	a.events.add(status.Event{Kind: status.LinkAsked, Device: f.Device, Detail: f.Name})
}

// called notes a device that called as a linked one would, and is not trusted: its person
// has told it this device's id.
func (l *linking) called(d ident.DeviceID, from addrPort) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.callers = slices.DeleteFunc(l.callers, func(c status.Asking) bool {
		return c.ID == d || c.Until.Time().Before(now)
	})
	l.callers = withCaller(l.callers, status.Asking{
		ID: d, Address: from.String(), Until: status.MomentOf(now.Add(callerStay)), Asking: true,
	})
}

// view lists who asks. A device that asks with words is not listed again for calling.
func (l *linking) view() []status.Asking {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []status.Asking
	for _, o := range l.asking {
		out = append(out, o.Asking)
	}
	for _, c := range l.callers {
		twice := slices.ContainsFunc(out, func(o status.Asking) bool { return o.ID == c.ID })
		if !twice && !c.Until.Time().Before(now) && !l.agent.trusts(c.ID) {
			out = append(out, c)
		}
	}
	return out
}

// refuse ends what a device asks for. It reports whether it asked.
func (l *linking) refuse(d ident.DeviceID) bool {
	a := l.agent
	l.mu.Lock()
	before := len(l.callers)
	l.callers = slices.DeleteFunc(l.callers, func(c status.Asking) bool { return c.ID == d })
	asked := slices.ContainsFunc(l.asking, func(o asking) bool { return o.ID == d })
	found := asked || len(l.callers) != before
	l.mu.Unlock()
	if asked {
		ticket, _, done := l.wait()
		defer done()
		a.device.Post(a.ctx, pairing.PersonAnswered{Ticket: ticket, Device: d})
	}
	return found
}

// setSeek changes who looks for devices nearby, and asks the network while anybody does.
func (l *linking) setSeek(change func()) {
	l.mu.Lock()
	change()
	on := l.seek || l.looking > 0
	if !on {
		l.nearby = nil
	}
	l.mu.Unlock()
	if f := l.agent.finder; f != nil {
		f.Seek(on)
	}
}

// found is told by the local network of a device that wants to be linked.
func (l *linking) found(n mdns.Neighbour) {
	a := l.agent
	l.mu.Lock()
	same := slices.IndexFunc(l.nearby, func(o mdns.Neighbour) bool { return o.At == n.At })
	switch {
	case same >= 0:
		l.nearby[same] = n
	case len(l.nearby) < nearbyMax && (l.seek || l.looking > 0):
		l.nearby = append(l.nearby, n)
	}
	l.mu.Unlock()
	a.device.Post(a.ctx, pairing.PlaceHeard{Device: n.Device, Name: n.Name, Slot: n.Slot, Addr: n.At})
}

// lanReason says why no device may be found on the local network, in a person's words. It
// asks the network once, which takes a second at most.
func (a *agent) lanReason() string {
	switch {
	case a.finder == nil:
		return "devices on the local network are not looked for (mdns is off, or --no-mdns): use the " +
			"link, or tell where the other device is with --address tcp://HOST:PORT"
	case a.listener.Addr().Addr().IsLoopback():
		return "this agent listens on this computer alone (" + a.listener.Addr().String() + "): it finds " +
			"others and is not found; " + a.finder.Look(a.ctx).Reason()
	}
	return a.finder.Look(a.ctx).Reason()
}

// lanCause is what lanReason explains; the network was asked before.
func (a *agent) lanCause() api.Cause {
	switch {
	case a.finder == nil:
		return api.LookingOff
	case a.listener.Addr().Addr().IsLoopback():
		return api.LocalOnly
	}
	return api.Cause(a.finder.Sight().Cause())
}

// lasts is the time a request asks for, or the usual one.
func lasts(r api.LinkRequest, usual time.Duration) time.Duration {
	if r.LastsMillis <= 0 {
		return usual
	}
	return time.Duration(min(r.LastsMillis, lastsMax.Milliseconds())) * time.Millisecond
}
