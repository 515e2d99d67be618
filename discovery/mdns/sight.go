package mdns

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sight is what a person is told of who asks why nobody is found.
type sight struct {
	sent       atomic.Bool  // the last question went out
	asked      atomic.Int64 // when one was last tried, in Unix milliseconds
	ownHeard   atomic.Int64 // when a question of our own came back, in Unix milliseconds
	unheard    atomic.Int64 // when the first one was asked since, zero for none
	otherHeard atomic.Int64 // when another shoal was last heard

	mu         sync.Mutex
	interfaces []string
	answering  bool
}

// Sight is how this device sees the local network.
type Sight struct {
	Interfaces []string // the network interfaces that are used
	Sent       bool     // the last question went out on one of them
	Answering  bool     // questions of others can reach this device
	// OwnHeard says that what this device asks comes back, as multicast does inside one
	// computer. Where it did so far, a question asked just now may still be on its way.
	OwnHeard bool
	// OtherHeard is when another shoal was last heard, zero for never.
	OtherHeard time.Time
}

const (
	// lookPatience is how long Look waits: a question comes back within milliseconds, and
	// devices nearby answer within a second.
	lookPatience = time.Second
	lookEvery    = 20 * time.Millisecond
	// comesBack is how long a question of our own may take to be heard here; less than
	// lookPatience, so that a Look whose question does not come back says so.
	comesBack = 500 * time.Millisecond
)

// Look asks the local network once, and returns how this device sees it then. It takes a
// second at most.
func (f *Finder) Look(ctx context.Context) Sight {
	begun := time.Now().UnixMilli()
	f.wake(func(t *tasks) { t.look = true })
	limit := time.After(lookPatience)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-limit:
			return f.Sight()
		case <-ctx.Done():
			return f.Sight()
		}
		s := f.Sight()
		back := f.sight.ownHeard.Load() >= begun
		if f.sight.asked.Load() >= begun && (!s.Sent || back && !s.OtherHeard.Before(time.UnixMilli(begun))) {
			return s
		}
	}
}

// Sight returns how this device saw the local network when it last asked.
func (f *Finder) Sight() Sight {
	s := &f.sight
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Sight{Interfaces: slices.Clone(s.interfaces), Sent: s.sent.Load(), Answering: s.answering}
	if unheard := s.unheard.Load(); s.ownHeard.Load() != 0 {
		out.OwnHeard = unheard == 0 || time.Since(time.UnixMilli(unheard)) < comesBack
	}
	if at := s.otherHeard.Load(); at != 0 {
		out.OtherHeard = time.UnixMilli(at)
	}
	return out
}

// Cause is why no other device may be found, in one word for programs.
type Cause string

// The causes, in the order in which Cause looks for them.
const (
	NoNetwork   Cause = "no-network"
	NoMulticast Cause = "no-multicast"
	PortTaken   Cause = "port-taken"
	Firewall    Cause = "firewall"
	OthersHeard Cause = "others-heard" // nothing stands in the way here; others are heard
	NobodyHeard Cause = "nobody-heard" // nothing stands in the way here; nobody is heard
)

// Cause is what Reason explains.
func (s Sight) Cause() Cause {
	switch {
	case len(s.Interfaces) == 0:
		return NoNetwork
	case !s.Sent:
		return NoMulticast
	case !s.Answering:
		return PortTaken
	case !s.OwnHeard:
		return Firewall
	case !s.OtherHeard.IsZero():
		return OthersHeard
	}
	return NobodyHeard
}

// Reason says in a person's words why no other device may be found, and what to do. It is
// never empty: when nothing stands in the way here, it says where to look instead.
func (s Sight) Reason() string {
	switch s.Cause() {
	case NoNetwork:
		return "this computer has no network on which devices can be found: connect it to the " +
			"other one's network, by cable or Wi-Fi"
	case NoMulticast:
		return "this computer cannot send multicast on its network: look at its firewall (UDP " +
			"port 5353) or at its VPN"
	case PortTaken:
		return "another program keeps UDP port 5353 to itself, so this device finds others and " +
			"is not found: look from the other side"
	case Firewall:
		return "a firewall on this computer blocks multicast DNS: allow UDP port 5353"
	case OthersHeard:
		return "other devices with shoal are heard here, but not that one: is it on this " +
			"network, and does its screen still show the code?"
	}
	return "no other device with shoal is heard: it may be on another network (guest Wi-Fi, VPN), " +
		"its firewall may block UDP port 5353, or this network may keep devices apart; the " +
		"link works across networks that reach each other, and so does --address"
}

// tries remembers that a question is asked.
func (s *sight) tries(now time.Time) {
	s.asked.Store(now.UnixMilli())
	s.unheard.CompareAndSwap(0, now.UnixMilli())
}

// note remembers that a question or answer was heard.
func (f *Finder) note(own bool, now time.Time) {
	if own {
		f.sight.ownHeard.Store(now.UnixMilli())
		f.sight.unheard.Store(0)
	} else {
		f.sight.otherHeard.Store(now.UnixMilli())
	}
}

// see takes down what the stations look like after a change of network.
func (f *Finder) see() {
	var names []string
	answering := false
	for _, s := range f.stations {
		names = append(names, s.place.iface.Name)
		answering = answering || s.server != nil || f.opts.Port == 0
	}
	f.sight.mu.Lock()
	defer f.sight.mu.Unlock()
	f.sight.interfaces, f.sight.answering = names, answering
}
