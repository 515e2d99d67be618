package route

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// A computer that is far too busy, or was asleep, finds that everything is overdue at once:
// links of one device have fallen silent together, and what follows the one that ends is to
// be looked at too. Whatever the order, each device is looked after and none for ever.
func TestEverythingIsOverdueAtOnce(t *testing.T) {
	kinds := []Kind{Relayed, Punched, Direct, Lan}
	for seed := range uint64(400) {
		chance := rand.New(rand.NewPCG(seed, 9))
		core := New([]ident.DeviceID{low, high}[seed%2], rand.New(rand.NewPCG(seed, 1)))
		var now step.Instant
		var links []LinkID
		var last LinkID
		do := func(effects []Effect) {
			for _, f := range append([]Effect(nil), effects...) {
				switch f := f.(type) {
				case SendPing:
					if chance.IntN(3) > 0 {
						core.Handle(now, PongHeard(f))
					}
				case Dial:
					if chance.IntN(2) == 0 {
						last++
						links = append(links, last)
						core.Handle(now, LinkUp{Device: f.Device, Link: last, Addr: f.Addr, Ticket: f.Ticket, Kind: kinds[chance.IntN(4)]})
					}
				}
			}
		}
		do(core.Handle(now, DeviceTrusted{mid}))
		do(core.Handle(now, AddressesLearned{mid, []netip.AddrPort{home, away}}))
		do(core.Handle(now, CallsLearned{mid, chance.IntN(2) == 0}))
		for range 80 {
			now = now.Add(time.Duration(chance.Int64N(1 << (16 + chance.IntN(21)))))
			if core.Deadline() <= now {
				do(core.Tick(now)) // however late
			}
			if core.Deadline() <= now {
				t.Fatalf("seed %d: something is due that was looked after", seed)
			}
			link := LinkID(0)
			if len(links) > 0 {
				link = links[chance.IntN(len(links))]
			}
			switch chance.IntN(6) {
			case 0, 1:
				last++
				links = append(links, last)
				do(core.Handle(now, LinkUp{Device: mid, Link: last, Addr: home, Incoming: true, Kind: kinds[chance.IntN(4)]}))
				do(core.Handle(now, PingHeard{last, uint64(last)}))
			case 2:
				do(core.Handle(now, PingHeard{link, 7}))
			case 3:
				do(core.Handle(now, FrameHeard{link}))
			case 4:
				do(core.Handle(now, NetworkChanged{}))
			case 5:
				do(core.Handle(now, LinkLost{Link: link, Reason: "gone"}))
			}
		}
	}
}
