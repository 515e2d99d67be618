package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/discovery/rendezvous"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/nat/signal"
	"github.com/shoal-sync/shoal/nat/webrtc"
)

const (
	// seekEvery is how often devices that are not connected are asked after, seekMax of
	// them at a time: whoever comes asks at once, so this only mends what went wrong.
	seekEvery = 20 * time.Second
	seekMax   = 40
	// lookEvery is how often a rendezvous is asked who shows a code.
	lookEvery = 1500 * time.Millisecond
)

// posts is this agent at the rendezvous servers that a person has named.
type posts struct {
	agent *agent

	mu      sync.Mutex
	last    uint32
	offices []*office
	slot    uint16 // of the code that is shown, 0 while none is
	piping  map[ident.DeviceID]bool
	next    int          // where seeking goes on
	extra   []post.Place // of links that were entered, for this run
}

// office is one server.
type office struct {
	*rendezvous.Client
	number uint32
	stop   context.CancelFunc
	shared shared
}

func newPosts(a *agent) *posts {
	p := &posts{agent: a, piping: map[ident.DeviceID]bool{}}
	a.letters.others = append(a.letters.others, p.carry)
	return p
}

// use makes the servers those of the settings, or of the flags of this run.
func (p *posts) use(places []post.Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	places = append(slices.Clone(places), p.extra...)
	p.offices = slices.DeleteFunc(p.offices, func(o *office) bool {
		gone := !slices.Contains(places, o.Place())
		if gone {
			o.stop()
		}
		return gone
	})
	for _, place := range places {
		if !slices.ContainsFunc(p.offices, func(o *office) bool { return o.Place() == place }) {
			p.openLocked(place)
		}
	}
}

// borrow uses the server of a link that a person has entered, until it is given back.
func (p *posts) borrow(place post.Place) (giveBack func()) {
	change := func(how func()) {
		p.mu.Lock()
		how()
		p.mu.Unlock()
		p.use(p.agent.rendezvous())
	}
	change(func() { p.extra = append(p.extra, place) })
	return func() {
		change(func() {
			if at := slices.Index(p.extra, place); at >= 0 {
				p.extra = slices.Delete(p.extra, at, at+1)
			}
		})
	}
}

// adopt keeps the server of a link by which two devices were linked: they have no other way
// to find each other. It returns what a person is told of that, empty when nothing changed.
func (p *posts) adopt(place post.Place) string {
	a := p.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	places := a.settings.Load().Rendezvous
	if slices.Contains(places, place) || slices.Contains(a.rendezvous(), place) {
		return ""
	}
	var texts []string
	for _, o := range append(slices.Clone(places), place) {
		texts = append(texts, o.String())
	}
	fresh, err := a.home.SetSetting("rendezvous", strings.Join(texts, ","))
	if err != nil {
		a.log.Warn("the rendezvous of the link is not kept", "server", place.Plain(), "error", err)
		return ""
	}
	a.useSettings(fresh)
	return "this device is now found at the rendezvous " + place.Plain() + ", too: it was in the link; " +
		"`shoal config set rendezvous` changes that"
}

func (p *posts) openLocked(place post.Place) {
	a := p.agent
	ctx, stop := context.WithCancel(a.ctx)
	p.last++
	o := &office{number: p.last, stop: stop, shared: newShared()}
	o.Client = rendezvous.New(rendezvous.Options{
		Place: place, Key: a.key.Private(), Card: a.letters.sealer.Card().Bytes(), Log: a.log,
		Dial: func(ctx context.Context, hostPort string) (net.Conn, error) { return a.dialOut(ctx, hostPort) },
		Letter: func(_ ident.DeviceID, body []byte) {
			a.letters.opened(body, func(ident.DeviceID) {}) // every answer goes to all servers
		},
		Takes: func(from ident.DeviceID, slot uint16) bool {
			return slot != 0 && slot == p.shown() || slot == 0 && a.settings.Load().NAT && a.trusts(from)
		},
		Called:  func(_ ident.DeviceID, _ uint16, pipe net.Conn) { p.called(o, pipe) },
		Changed: func() { a.start(func() { p.changed(o) }) },
	})
	p.offices = append(p.offices, o)
	a.start(func() { o.Run(ctx) })
}

// dialOut connects to a server by its name, through the proxy if there is one.
func (a *agent) dialOut(ctx context.Context, hostPort string) (net.Conn, error) {
	addrs, err := lookUp(ctx, hostPort)
	if err != nil {
		return nil, err
	}
	for _, at := range addrs {
		dial := a.proxied(at)
		if dial == nil {
			dial = func(ctx context.Context) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", at.String())
			}
		}
		var conn net.Conn
		if conn, err = dial(ctx); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// connected lists the servers that are reached now.
func (p *posts) connected() []*office {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*office
	for _, o := range p.offices {
		if o.State().Connected {
			out = append(out, o)
		}
	}
	return out
}

// changed follows when a server has come or gone.
func (p *posts) changed(o *office) {
	a := p.agent
	s := o.State()
	if !s.Connected {
		a.log.Info("rendezvous not reached", "server", o.Place().Plain(), "reason", s.Reason)
		a.news.tell()
		return
	}
	a.log.Info("rendezvous reached", "server", o.Place().Plain(), "address", s.At.String())
	a.news.tell()
	if slot := p.shown(); slot != 0 {
		p.claim(o, slot)
	}
	a.letters.askAnew()
	a.letters.waysOpened(a.linkedDevices())
	p.forgetShares(o)
	p.seekMembers()
	p.seekMissing()
}

// keepSeeking asks after devices that are not connected, now and then.
func (p *posts) keepSeeking() {
	ticker := time.NewTicker(seekEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.agent.ctx.Done():
			return
		case <-ticker.C:
			p.seekMembers()
			p.seekMissing()
		}
	}
}

func (p *posts) seekMissing() {
	a := p.agent
	if len(p.connected()) == 0 {
		return
	}
	var missing []ident.DeviceID
	for _, d := range a.linkedDevices() {
		if a.links.to(d) == nil && !a.view.unsought(d) {
			missing = append(missing, d)
		}
	}
	slices.SortFunc(missing, func(x, y ident.DeviceID) int { return slices.Compare(x[:], y[:]) })
	p.mu.Lock()
	from := p.next
	p.next += seekMax
	if p.next >= len(missing) {
		p.next = 0
	}
	p.mu.Unlock()
	for i := range min(seekMax, len(missing)) {
		a.letters.seek(missing[(from+i)%len(missing)])
	}
}

// find asks the servers for a device's card.
func (p *posts) find(d ident.DeviceID) {
	for _, o := range p.connected() {
		p.agent.start(func() {
			text, err := o.Find(p.agent.ctx, d)
			if err != nil || text == nil {
				return // it is not there
			}
			if card, err := signal.ParseCard(text); err == nil && card.Device == d {
				p.agent.letters.cardHeard(card)
				p.reach(d, false) // route may be waiting long after tries that failed for want of the server
			}
		})
	}
}

// carry gives an envelope to all servers.
func (p *posts) carry(to ident.DeviceID, envelope []byte) {
	for _, o := range p.connected() {
		p.agent.start(func() {
			if err := o.Send(p.agent.ctx, to, envelope); err != nil {
				p.agent.log.Debug("a letter was not taken", "server", o.Place().Plain(), "reason", err.Error())
			}
		})
	}
}

// helpers are the STUN and TURN servers that the rendezvous offer.
func (p *posts) helpers() (out []webrtc.Server) {
	for _, o := range p.connected() {
		if t := o.State().Turn; t != nil {
			out = append(out, webrtc.ToldServers(t.URLs, t.Username, t.Password)...)
		}
	}
	return out
}

// over is how a pipe is treated: what passes it leaves the house.
func (p *posts) over(o *office, pipe net.Conn) direct.Over {
	a := p.agent
	return direct.Over{
		Conn: pipe, Remote: o.Remote(),
		Gates: a.limits.outside,
	}
}

// called takes a pipe that another device opened.
func (p *posts) called(o *office, pipe net.Conn) {
	a := p.agent
	link, meeting, err := a.endpoint.WelcomeOver(p.over(o, pipe))
	switch {
	case err != nil:
		a.log.Debug("call refused", "from", o.Place().Plain(), "error", err)
	case meeting != nil:
		a.linking.met(meeting)
	default:
		a.start(func() { a.useLink(link, route.Relayed, 0) })
	}
}

// meet begins a meeting with who shows a code at a server.
func (p *posts) meet(ctx context.Context, f pairing.Meet) (*direct.Meeting, error) {
	p.mu.Lock()
	at := slices.IndexFunc(p.offices, func(o *office) bool { return o.number == f.Via })
	var o *office
	if at >= 0 {
		o = p.offices[at]
	}
	p.mu.Unlock()
	if o == nil {
		return nil, errors.New("the rendezvous is not used any more")
	}
	pipe, err := o.CallSlot(ctx, f.Slot)
	if err != nil {
		return nil, err
	}
	return p.agent.endpoint.MeetOver(ctx, f.Device, p.over(o, pipe))
}

// show makes this device the one that shows a code, at all servers; 0 takes that back.
func (p *posts) show(slot uint16) {
	p.mu.Lock()
	old := p.slot
	p.slot = slot
	p.mu.Unlock()
	for _, o := range p.connected() {
		p.agent.start(func() {
			if old != 0 && old != slot {
				_ = o.Release(p.agent.ctx, old) // its time would be over soon
			}
			if slot != 0 {
				p.claim(o, slot)
			}
		})
	}
}

func (p *posts) shown() uint16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slot
}

func (p *posts) claim(o *office, slot uint16) {
	if err := o.Claim(p.agent.ctx, slot, lastsMax); err != nil && p.agent.ctx.Err() == nil {
		p.agent.log.Warn("the code cannot be used through the rendezvous", "server", o.Place().Plain(),
			"reason", err.Error())
	}
}

// free reports whether no server knows the number of a code as another device's.
func (p *posts) free(ctx context.Context, slot uint16) bool {
	var claimed []*office
	for _, o := range p.connected() {
		err := o.Claim(ctx, slot, lastsMax)
		var taken rendezvous.Refusal
		if errors.As(err, &taken) {
			for _, other := range claimed {
				_ = other.Release(ctx, slot) // its time would be over in the end
			}
			return false
		}
		if err == nil {
			claimed = append(claimed, o)
		}
	}
	return true
}

// look asks the servers who shows a code, until the context ends.
func (p *posts) look(ctx context.Context, slot uint16) {
	a := p.agent
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		for _, o := range p.connected() {
			d, err := o.FindSlot(ctx, slot)
			if err == nil && !d.IsZero() {
				a.device.Post(a.ctx, pairing.PlaceHeard{Device: d, Slot: slot, Addr: o.Remote(), Via: o.number})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-a.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// view lists the servers for people.
func (p *posts) view() []status.Rendezvous {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]status.Rendezvous, 0, len(p.offices))
	for _, o := range p.offices {
		s := o.State()
		shown := status.Rendezvous{Address: o.Place().Plain(), Connected: s.Connected, Reason: s.Reason}
		if s.Connected {
			shown.Seen = s.At.Addr().String()
			shown.Folders, shown.Named = len(o.shared.told), o.shared.named()
		}
		out = append(out, shown)
	}
	return out
}

// address is that of a server which is reached, for a link; empty when there is none.
func (p *posts) address() string {
	if all := p.connected(); len(all) > 0 {
		return all[0].Place().String()
	}
	return ""
}

// check says how things stand with every server, for `shoal doctor`.
func (p *posts) check(d *status.Diagnosis) {
	for _, r := range p.view() {
		c := status.Check{Name: "rendezvous", About: r.Address, Verdict: status.Fine,
			Reason: "it is reached, and sees this device at " + r.Seen}
		if r.Folders > 0 {
			c.Reason += fmt.Sprintf("; of %d folders with many members it names those that are there: %d when asked last",
				r.Folders, r.Named)
		}
		if !r.Connected {
			c.Verdict, c.Reason = status.Doubt, "it is not reached: "+r.Reason
			c.Remedy = "see whether it runs and whether its address is still the one it prints; " +
				"until then devices elsewhere are found through devices that both are linked to, or not at all"
		}
		d.Add(c)
	}
}

// reason says why no rendezvous helps to find a code, in a person's words.
func (p *posts) reason() string {
	p.mu.Lock()
	none := len(p.offices) == 0
	p.mu.Unlock()
	switch {
	case none:
		return "no rendezvous is set, so only devices on the same network are found (`shoal config set rendezvous ADDRESS`)"
	case len(p.connected()) == 0:
		return "the rendezvous is not reached either, see `shoal status`"
	}
	return "nor does a device at the rendezvous"
}
