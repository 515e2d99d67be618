package host

import (
	"github.com/shoal-sync/shoal/internal/caller"
	"net/netip"
	"slices"

	"github.com/shoal-sync/shoal/app/status"
)

const (
	// callersMax bounds the devices that called without being trusted, as shown to people;
	// who calls more often than that is nobody to approve.
	callersMax = 16
	// callersFrom of them are of one source: keys cost nothing, addresses do.
	callersFrom = 4
)

// withCaller adds the newest caller to a list. Where there is no room, the oldest caller of
// the source that has the most goes: so nobody keeps others out.
func withCaller(callers []status.Asking, c status.Asking) []status.Asking {
	count, fullest := map[netip.Addr]int{}, 0
	for _, o := range callers {
		from := callerSource(o)
		count[from]++
		fullest = max(fullest, count[from])
	}
	source := callerSource(c)
	crowded := count[source] >= callersFrom
	if crowded || len(callers) >= callersMax {
		oldest := slices.IndexFunc(callers, func(o status.Asking) bool {
			from := callerSource(o)
			return crowded && from == source || !crowded && count[from] == fullest
		})
		callers = slices.Delete(callers, oldest, oldest+1)
	}
	return append(callers, c)
}

// callerSource is what counts as one caller; everybody whose address is not known is one.
func callerSource(c status.Asking) netip.Addr {
	at, err := netip.ParseAddrPort(c.Address)
	if err != nil {
		return netip.Addr{}
	}
	return caller.Source(at.Addr())
}
