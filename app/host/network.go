package host

import (
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/nat/route"
)

const (
	// networkEvery is how often the network interfaces are looked at where the system does
	// not tell of changes, and how often the clock is, everywhere. A look takes some thirty
	// system calls.
	networkEvery = 2 * time.Second
	// networkSafe is how often where it does, for what it may not tell of.
	networkSafe = time.Minute
	// networkSettles is how long after a change a look is taken: a change is told in parts.
	networkSettles = 100 * time.Millisecond
	// networkLooks may be taken one after another; after that there is one each
	// networkEvery, because some systems tell of changes all the time. An address that is
	// taken away, one that is given and its way out are three.
	networkLooks = 5
	// sleepMin is by how much the clock may jump for the program's having stood still on a
	// busy computer. More is sleep, or as good as that.
	sleepMin = 5 * time.Second
)

// networkWatch notices when this computer's network changes, and when it has slept.
type networkWatch struct {
	seed      maphash.Seed
	all, wide uint64    // as it was looked at last
	clock     time.Time // of the wall, when it was looked at last
	looks     int       // that may be taken now
	refilled  time.Time
}

func newNetworkWatch(now time.Time) *networkWatch {
	w := &networkWatch{seed: maphash.MakeSeed(), clock: now.Round(0), looks: networkLooks, refilled: now}
	w.all, w.wide = wholeNetwork(w.seed), wideNetwork(w.seed)
	return w
}

// wait is how long after a change that was just told the next look is due.
func (w *networkWatch) wait(now time.Time) time.Duration {
	if more := int(now.Sub(w.refilled) / networkEvery); more > 0 {
		w.looks, w.refilled = min(w.looks+more, networkLooks), now
	}
	if w.looks == 0 {
		return networkEvery
	}
	w.looks--
	return networkSettles
}

// slept reports whether the computer has slept since this was asked last: the clock on the
// wall has gone on and this program has not. Timers and the clock that they go by stand
// still meanwhile, on most systems.
func (w *networkWatch) slept(now time.Time) bool {
	gone := now.Round(0).Sub(w.clock)
	w.clock = now.Round(0)
	return gone > networkEvery+sleepMin
}

// look reports whether anything has changed, and whether what leads further has.
func (w *networkWatch) look() (any, further bool) {
	all, wide := wholeNetwork(w.seed), wideNetwork(w.seed)
	any, further = all != w.all, wide != w.wide
	w.all, w.wide = all, wide
	return any || further, further
}

// watchNetwork tells everybody whom it concerns when the network has changed.
func (a *agent) watchNetwork() {
	watch := newNetworkWatch(time.Now())
	changes, every := platform.NetworkChanges(a.ctx), networkSafe
	if changes == nil {
		every = networkEvery
	}
	next, clock := time.NewTimer(every), time.NewTicker(networkEvery)
	defer next.Stop()
	defer clock.Stop()
	due := false
	for {
		slept := false
		select {
		case <-a.ctx.Done():
			return
		case _, told := <-changes:
			if !told {
				changes, every = nil, networkEvery
			}
			if !due {
				due = true
				next.Reset(watch.wait(time.Now()))
			}
			continue
		case now := <-clock.C:
			if slept = watch.slept(now); !slept {
				continue
			}
		case <-next.C:
			due = false
			next.Reset(every)
		}
		any, further := watch.look()
		if further || slept {
			a.networkChanged(slept)
		}
		if (any || slept) && a.finder != nil {
			a.finder.Moved()
		}
	}
}

// networkChanged has every way looked for anew. Calls end before route hears of it, so that
// it calls again.
func (a *agent) networkChanged(slept bool) {
	a.log.Debug("the network has changed", "slept", slept)
	a.calls.Moved()
	a.posts.moved()
	a.letters.askAnew()
	a.device.Post(a.ctx, route.NetworkChanged{})
	if k := a.mapping.Load(); k != nil {
		k.Moved()
	}
}

// wholeNetwork sums up every interface and address there is. What cannot be looked at is
// left out; when it can be again, that is a change.
func wholeNetwork(seed maphash.Seed) (sum uint64) {
	// Hashes are added up, because systems list things in any order.
	if ifaces, err := net.Interfaces(); err == nil {
		for _, i := range ifaces {
			sum += maphash.String(seed, fmt.Sprint(i.Index, i.Name, i.Flags))
		}
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, addr := range addrs {
			sum += maphash.String(seed, addr.String())
		}
	}
	return sum
}

// wideNetwork sums up the interfaces that have an address which leads further than one
// cable, and by which address the world is reached. A computer that runs containers gains
// and loses others all the time, and links do not depend on them.
func wideNetwork(seed maphash.Seed) (sum uint64) {
	ifaces, err := net.Interfaces()
	if err != nil {
		return 0
	}
	for _, i := range ifaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagLoopback != 0 {
			continue // or it has just gone
		}
		for _, addr := range addrs {
			prefix, err := netip.ParsePrefix(addr.String())
			if err != nil || prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
				continue
			}
			sum += maphash.String(seed, fmt.Sprint(i.Index, i.Flags, addr))
		}
	}
	return sum + wayOut(seed)
}

// wayOut sums up from which addresses this computer would speak to the world. An address
// comes a moment before the way out, and a call that begins between the two leads nowhere.
func wayOut(seed maphash.Seed) (sum uint64) {
	// Nobody is there (RFC 5737 and 3849).
	for _, there := range [...]string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		conn, err := net.Dial("udp", there) // which sends nothing
		if err != nil {
			continue // no way
		}
		if at, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			sum += maphash.String(seed, at.IP.String())
		}
		_ = conn.Close() // nothing was said over it
	}
	return sum
}
