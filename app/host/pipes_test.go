package host

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/route"
)

// Servers are made to prove themselves when a link falls silent, and not each time a device
// that is switched off is called.
func TestWhoIsAwaySaysNothingOfServers(t *testing.T) {
	here, away := ident.DeviceID{1}, ident.DeviceID{2}
	ls := &links{serving: map[ident.DeviceID]*link{here: {}}}
	for _, c := range []struct {
		call route.Call
		want bool
	}{
		{route.Call{Device: here, Anew: true}, true}, // its link is silent
		{route.Call{Device: here}, false},            // a better one is looked for
		{route.Call{Device: away, Anew: true}, false},
	} {
		if got := ls.doubted(c.call); got != c.want {
			t.Errorf("%v: the servers are doubted: %v", c.call, got)
		}
	}
}
