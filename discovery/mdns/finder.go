// Package mdns finds linked devices on the local network, and lets them find this one, by
// multicast DNS (RFC 6762).
//
// It knows network interfaces, questions, answers and tags. It does not know what links
// there are nor whether an address is any good: the host tells it which devices are
// linked and which of them are connected, and hands what was heard to the book. The host
// calls it, and says when interfaces may have changed.
//
// What a device tells of itself: the version of the protocol, its port, and a tag, which
// is a number that only linked devices recognise and that changes every hour. A device
// that wants to be linked tells its id and its name too, and the slot of the code it
// shows: it has no linked device yet, or was told to Show. Nobody tells an address: a
// device is where its answer comes from.
//
//	asked    to 224.0.0.251 and ff02::fb, port 5353, from a port of its own:
//	         PTR  WFnnnnnnnntttttttttttttttttttttttttttttttt._sub._shoal._tcp.local.
//	         W    e: everybody, answer; l: answer if linked with me and not connected;
//	              m: answer if you want to be linked
//	         F    4 or 6: the family it is asked in
//	         n    a random number, so that copies of a question are answered once
//	         t    the asker's tag
//	answered to where the question came from:
//	         PTR  the question → TAG._shoal._tcp.local.
//	         SRV  TAG._shoal._tcp.local. → port
//	         TXT  TAG._shoal._tcp.local. → v=VERSION, then perhaps id=ID n=NAME s=SLOT
//
// The library answers. It can neither announce nor ask as we need: it asks only where
// there is a multicast route, opens four sockets for each question, and hides where
// answers came from. So asking is done here, through one socket per interface and family.
//
// When it asks: on each interface at once, after 1, 3 and 10 s, and then about every 75 s.
// The early questions are to everybody, the later ones only to linked devices, and none is
// asked while all of these are connected. So on a quiet network nearly nothing is sent.
package mdns

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// believed is how long an address is believed after it was heard: two questions may
	// be lost.
	believed = 3 * time.Minute
	// arrivedEvery bounds how often the arrival of a linked device makes us ask.
	arrivedEvery = 10 * time.Second
	// deafPatience is how long nothing can be asked before a person is told: interfaces
	// take seconds to come up after the computer has started.
	deafPatience = 6 * time.Second
)

// pace is when questions are asked.
type pace struct {
	first  []time.Duration // the waits before the early questions
	steady time.Duration   // the wait before every later one, and
	spread time.Duration   // up to so much more: devices that start together drift apart
}

var usualPace = pace{
	first:  []time.Duration{0, time.Second, 2 * time.Second, 7 * time.Second},
	steady: 60 * time.Second, spread: 30 * time.Second,
}

// before is the wait before the question with the given number.
func (p pace) before(round int) time.Duration {
	if round < len(p.first) {
		return p.first[round]
	}
	return p.steady + time.Duration(rand.Int64N(int64(p.spread)+1))
}

// Options say what is told, and to whom to tell what is heard. The functions are called
// from several goroutines until Close returns.
type Options struct {
	Device ident.DeviceID // this device
	// Name is told while no device is linked or a person links one, at most 64 bytes; empty
	// tells neither name nor id.
	Name     string
	Protocol uint64 // version of the protocol spoken on links, not 0
	// Port is where links are taken; 0 if nobody else on the network can reach it: then we
	// ask and never answer.
	Port       uint16
	IPv4, IPv6 bool       // the families links are taken in
	Only       netip.Addr // the one address links are taken at, if it is not all of them

	// Linked lists the linked devices; Relinked says when the list has changed.
	Linked func() []ident.DeviceID
	// Announce is the secret that linked devices were told, and Key returns theirs, zero
	// where they have told none. Key may be nil.
	Announce [32]byte
	Key      func(ident.DeviceID) [32]byte
	// Connected reports whether a linked device is connected now.
	Connected func(ident.DeviceID) bool
	// Heard is told where a linked device is, and how long to believe it. Anyone on the
	// network can claim to be any device; only a link proves it.
	Heard func(device ident.DeviceID, at netip.AddrPort, lasts time.Duration)
	// Found is told who wants to be linked, while Seek is on. It may be nil.
	Found func(Neighbour)
	Log   *slog.Logger // nil discards
}

// Finder is the presence of this device on the local network. Its methods may be called
// from several goroutines.
type Finder struct {
	opts     Options
	pace     pace
	register register
	answerer answerer
	shown    atomic.Pointer[shown]
	sight    sight
	closing  atomic.Bool
	ended    chan struct{} // closed when run has ended

	mu    sync.Mutex
	tasks tasks
	news  chan struct{} // holds one: there are tasks

	// Owned by run.
	stations []*station
	lookedAt time.Time // when an arrival last made us ask
	deaf     time.Time // since when nothing could be asked; zero while something can
	told     bool      // the log says that we are deaf
	mute     bool      // the log says that we cannot answer
	sought   int       // questions for who wants to be linked since Seek
	seekNext time.Time // when the next one is due
}

// tasks are what run has been asked to do.
type tasks struct {
	moved    bool // interfaces may have changed
	relinked bool // the linked devices have changed
	arrived  bool // a linked device has begun to ask
	look     bool // a person wants to know how the network looks
	seeking  bool // stays until it is taken back: a person looks for a device to link
	end      bool
}

// Start begins to answer and to ask, on every interface there is.
func Start(opts Options) *Finder { return start(opts, usualPace) }

func start(opts Options, p pace) *Finder {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	f := &Finder{
		opts: opts, pace: p,
		register: register{self: opts.Device, linked: opts.Linked, own: opts.Announce, key: opts.Key},
		ended:    make(chan struct{}), news: make(chan struct{}, 1), tasks: tasks{moved: true},
	}
	f.answerer.finder = f
	f.shown.Store(&shown{})
	f.news <- struct{}{}
	go f.run()
	return f
}

// Moved says that network interfaces may have changed. Those that have are asked on at
// once.
func (f *Finder) Moved() { f.wake(func(t *tasks) { t.moved = true }) }

// Relinked says that the list of linked devices has changed.
func (f *Finder) Relinked() {
	f.register.forget()
	f.wake(func(t *tasks) { t.relinked = true })
}

// Close stops answering and asking, and returns when nothing more will be heard.
func (f *Finder) Close() {
	f.closing.Store(true)
	f.wake(func(t *tasks) { t.end = true })
	<-f.ended
}

// wake leaves a task for run.
func (f *Finder) wake(leave func(*tasks)) {
	f.mu.Lock()
	leave(&f.tasks)
	f.mu.Unlock()
	select {
	case f.news <- struct{}{}:
	default: // it will look anyway
	}
}

func (f *Finder) take() tasks {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tasks
	f.tasks = tasks{end: t.end, seeking: t.seeking}
	return t
}

func (f *Finder) run() {
	defer close(f.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-f.news:
		case <-timer.C:
		}
		now := time.Now()
		t := f.take()
		if t.end {
			f.closeAll()
			return
		}
		if t.moved {
			f.move(now)
		}
		if t.relinked {
			for _, s := range f.stations {
				s.rounds, s.next = 0, now.Add(f.pace.before(0))
			}
		}
		if t.arrived && now.Sub(f.lookedAt) >= arrivedEvery {
			f.lookedAt = now
			f.judge(now, f.stations, linked)
		}
		if t.look {
			f.judge(now, f.stations, linking)
		}
		f.seek(now, t.seeking)
		f.askDue(now)
		timer.Reset(max(0, time.Until(f.due(now))))
	}
}

// move opens and closes stations so that they fit the interfaces there are now.
func (f *Finder) move(now time.Time) {
	found, err := places()
	if err != nil {
		f.opts.Log.Debug("cannot list the network interfaces", "error", err)
		return
	}
	var kept []*station
	for _, s := range f.stations {
		at := slices.IndexFunc(found, s.place.same)
		if at < 0 {
			f.end(s)
			continue
		}
		found = slices.Delete(found, at, at+1)
		kept = append(kept, s)
	}
	for _, p := range found {
		s, err := f.open(p)
		if err != nil {
			f.opts.Log.Debug("a network interface is of little use", "interface", p.iface.Name, "error", err)
		}
		s.next = now.Add(f.pace.before(0))
		kept = append(kept, s)
	}
	f.stations = kept
	f.sought, f.seekNext = 0, time.Time{} // a new network is asked at once
	f.deaf = time.Time{}
	if len(kept) == 0 {
		f.deaf = now
	}
	f.tellMute()
	f.see()
}

// tellMute tells a person, once, that nobody can find this device.
func (f *Finder) tellMute() {
	answering := slices.ContainsFunc(f.stations, func(s *station) bool { return s.server != nil })
	mute := !answering && slices.ContainsFunc(f.stations, func(s *station) bool { return s.mute })
	if mute && !f.mute {
		f.opts.Log.Warn("devices on the local network cannot find this one, it only finds them: " +
			"another program keeps UDP port 5353 to itself")
	}
	f.mute = mute
}

// askDue asks on every interface whose time has come.
func (f *Finder) askDue(now time.Time) {
	page := f.register.at(now)
	var early, later []*station
	for _, s := range f.stations {
		if now.Before(s.next) {
			continue
		}
		if s.rounds < len(f.pace.first) {
			early = append(early, s)
		} else {
			later = append(later, s)
		}
		s.rounds++
		s.next = now.Add(f.pace.before(s.rounds))
	}
	if len(page.linked) == 0 {
		return // there is nobody to find
	}
	f.judge(now, early, everybody)
	if slices.ContainsFunc(page.linked, func(d ident.DeviceID) bool { return !f.opts.Connected(d) }) {
		f.judge(now, later, linked)
	}
}

// judge asks on some stations, and notices when we cannot be heard on any.
func (f *Finder) judge(now time.Time, at []*station, want byte) {
	own := f.register.at(now).shown()
	f.sight.tries(time.Now())
	sent := false
	for _, s := range at {
		ok, err := s.ask(want, own)
		if err != nil {
			f.opts.Log.Debug("cannot ask who is here", "interface", s.place.iface.Name, "error", err)
		}
		sent = sent || ok
	}
	if len(at) > 0 {
		f.sight.sent.Store(sent)
	}
	switch {
	case sent:
		f.deaf, f.told = time.Time{}, false
	case len(at) > 0 && f.deaf.IsZero():
		f.deaf = now
	}
}

// due is when run has something to do next. It tells a person in passing when we have
// been deaf for too long.
func (f *Finder) due(now time.Time) time.Time {
	next := now.Add(time.Hour)
	if !f.seekNext.IsZero() {
		next = earlier(next, f.seekNext)
	}
	for _, s := range f.stations {
		if s.next.Before(next) {
			next = s.next
		}
	}
	switch end := f.deaf.Add(deafPatience); {
	case f.deaf.IsZero() || f.told:
	case now.Before(end):
		next = earlier(next, end)
	default:
		f.told = true
		f.opts.Log.Warn("cannot look for devices on the local network: no network interface sends " +
			"multicast; if there is a network, check its firewall, or give devices addresses: " +
			"shoal device add ID --address tcp://HOST:PORT")
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (f *Finder) closeAll() {
	for _, s := range f.stations {
		f.end(s)
	}
	f.stations = nil
}

func (f *Finder) end(s *station) {
	if err := s.close(); err != nil {
		f.opts.Log.Debug("cannot close a socket", "interface", s.place.iface.Name, "error", err)
	}
}
