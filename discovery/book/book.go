// Package book is what we believe about where each device is, from whom, and for how long.
//
// It hears addresses from every source there is, and from whoever dials how they turned
// out; it answers with each device's addresses in the order in which they deserve a try.
// It does not look for addresses, resolves no host names (the host does, before they get
// here), and dials nobody. The node calls it and passes its answers on to route.
//
// The order: addresses that worked, the latest first; then addresses a person wrote down;
// then heard ones, the newest first. Behind all of them, in the same order, come those whose
// last attempt failed. What a person wrote never expires; what worked is believed for a
// week; what was heard, for as long as its source said.
package book

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// devicesMax is far above what a person links; sources speak of linked devices only.
	devicesMax = 10_000
	// addrsMax is as many as route tries.
	addrsMax = 16
	// workedLasts bridges a holiday; an address that worked is the best guess there is.
	workedLasts = 7 * 24 * time.Hour
	// lastsMax bounds what a source may claim.
	lastsMax = 7 * 24 * time.Hour
	// sweepEvery joins expiries that lie close together into one look at the book.
	sweepEvery = 10 * time.Second
)

// Core is the book.
type Core struct {
	pages map[ident.DeviceID]*page
	sweep step.Instant // when to look for expired addresses
	out   []Effect
}

// page is what is believed of one device.
type page struct {
	entries []entry // best first
	told    []netip.AddrPort
}

type entry struct {
	addr     netip.AddrPort
	static   bool
	failed   bool // the last attempt failed
	worked   bool
	claimed  bool // by the device itself
	workedAt step.Instant
	since    step.Instant // entered; hearing it again does not move it before the others
	until    step.Instant // believed before this; static ones for ever
}

// New returns an empty book.
func New() *Core { return &Core{pages: map[ident.DeviceID]*page{}, sweep: step.Never} }

// Deadline is when Tick wants to be called next.
func (c *Core) Deadline() step.Instant { return c.sweep }

// Addresses returns where the device may be, best first. The slice is not to be changed.
func (c *Core) Addresses(device ident.DeviceID) []netip.AddrPort {
	if p := c.pages[device]; p != nil {
		return p.told
	}
	return nil
}

// Firsthand returns those of a device's addresses that need not be taken from hearsay: a
// person wrote them down, they worked, or the device itself named them.
func (c *Core) Firsthand(device ident.DeviceID) (out []netip.AddrPort) {
	if p := c.pages[device]; p != nil {
		for _, e := range p.entries {
			if e.static || e.worked || e.claimed {
				out = append(out, e.addr)
			}
		}
	}
	return out
}

// Tick strikes out what has expired.
func (c *Core) Tick(now step.Instant) []Effect {
	c.out = c.out[:0]
	if now < c.sweep {
		return c.out
	}
	c.sweep = step.Never
	devices := slices.SortedFunc(maps.Keys(c.pages), func(a, b ident.DeviceID) int {
		return slices.Compare(a[:], b[:])
	})
	for _, device := range devices {
		p := c.pages[device]
		p.entries = slices.DeleteFunc(p.entries, func(e entry) bool { return !e.static && e.until <= now })
		c.tell(now, device, p)
	}
	return c.out
}

// Handle takes in what happened.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.out = c.out[:0]
	switch e := event.(type) {
	case AddressHeard:
		c.change(now, e.Device, e.Addr, true, func(entry *entry) {
			entry.static = entry.static || e.Source == Static
			entry.claimed = entry.claimed || e.Source == Claim
			entry.until = max(entry.until, now.Add(min(e.Lasts, lastsMax)))
		})
	case AddressWorked:
		c.change(now, e.Device, e.Addr, true, func(entry *entry) {
			entry.worked, entry.workedAt, entry.failed = true, now, false
			entry.until = max(entry.until, now.Add(workedLasts))
		})
	case AddressFailed:
		c.change(now, e.Device, e.Addr, false, func(entry *entry) { entry.failed = true })
	case AddressWithdrawn:
		c.change(now, e.Device, e.Addr, false, func(entry *entry) { entry.static, entry.until = false, now })
	case DeviceForgotten:
		delete(c.pages, e.Device)
	}
	return c.out
}

// change applies news to one address of one device, which is entered if it is new and add
// is set.
func (c *Core) change(now step.Instant, device ident.DeviceID, addr netip.AddrPort, add bool, news func(*entry)) {
	p := c.pages[device]
	if p == nil {
		if !add || len(c.pages) >= devicesMax {
			return
		}
		p = &page{}
		c.pages[device] = p
	}
	at := slices.IndexFunc(p.entries, func(e entry) bool { return e.addr == addr })
	if at < 0 {
		if !add || !addr.IsValid() || addr.Port() == 0 || addr.Addr().IsUnspecified() {
			return
		}
		at = len(p.entries)
		p.entries = append(p.entries, entry{addr: addr, since: now})
	}
	news(&p.entries[at])
	p.entries = slices.DeleteFunc(p.entries, func(e entry) bool { return !e.static && e.until <= now })
	c.tell(now, device, p)
}

// tell orders the page, cuts it to its bound, and says so when the list has changed.
func (c *Core) tell(now step.Instant, device ident.DeviceID, p *page) {
	slices.SortStableFunc(p.entries, better)
	for len(p.entries) > addrsMax {
		p.entries = slices.Delete(p.entries, p.worst(), p.worst()+1)
	}
	addrs := make([]netip.AddrPort, len(p.entries))
	for i, e := range p.entries {
		addrs[i] = e.addr
		if !e.static {
			c.sweep = min(c.sweep, max(e.until, now.Add(sweepEvery)))
		}
	}
	if !slices.Equal(addrs, p.told) {
		p.told = addrs
		c.out = append(c.out, AddressesKnown{device, addrs})
	}
	if len(p.entries) == 0 {
		delete(c.pages, device)
	}
}

// worst is the entry to drop from a full page: what a person wrote goes last.
func (p *page) worst() int {
	for i := len(p.entries) - 1; i >= 0; i-- {
		if !p.entries[i].static {
			return i
		}
	}
	return len(p.entries) - 1
}

// better orders entries as the package comment says.
func better(a, b entry) int {
	return cmp.Or(
		truth(a.failed, b.failed),
		truth(b.worked, a.worked),
		cmp.Compare(b.workedAt, a.workedAt),
		truth(b.static, a.static),
		cmp.Compare(b.since, a.since),
		a.addr.Compare(b.addr),
	)
}

// truth compares two statements: the false one comes first.
func truth(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
