package route

import (
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// Status is what may be known about one device right now.
type Status struct {
	Device    ident.DeviceID
	Connected bool
	Link      LinkID         // in use; zero when not connected, like the next four
	Addr      netip.AddrPort // of the other side
	Incoming  bool
	Kind      Kind
	RTT       time.Duration // zero until measured
	Dialing   bool          // an attempt is under way
	Reason    string        // why it is not connected; empty before the first failure
	Unsought  bool          // it is not connected, and not dialed until DeviceSought says so
	NextTry   step.Instant  // step.Never when connected, dialing, or waiting for news
}

// Snapshot returns every trusted device, sorted by id. The slice is the caller's.
func (c *Core) Snapshot() []Status {
	all := make([]Status, 0, len(c.order))
	for _, p := range c.order {
		s := Status{Device: p.device, NextTry: step.Never}
		if l := p.current; l != nil {
			s.Connected, s.Link, s.Addr = true, l.id, l.addr
			s.Incoming, s.Kind, s.RTT = l.incoming, l.kind, l.rtt
		} else {
			s.Dialing = p.dialing || len(p.links) > 0
			s.Reason = p.trouble.Reason
			s.Unsought = p.rests && !s.Dialing
			if !s.Dialing {
				s.NextTry = p.dialAt
			}
		}
		all = append(all, s)
	}
	return all
}
