package host

import (
	"errors"
	"fmt"
	"testing"

	"github.com/shoal-sync/shoal/discovery/rendezvous"
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

// A server is asked for a device again when there is something to hope for. With sixty that
// are away, four questions for each cost more than it answers.
func TestWhoIsAwayIsAskedForOnce(t *testing.T) {
	refused := fmt.Errorf("x: %w", rendezvous.Refusal("that device is not here"))
	for _, c := range []struct {
		err          error
		linked, want bool
	}{
		{refused, false, false},
		{refused, true, true}, // it was there a moment ago
		{rendezvous.ErrAway, false, true},
		{rendezvous.ErrBusy, false, true},
		{errors.New("the pipe broke"), false, true},
	} {
		if got := again(c.err, c.linked); got != c.want {
			t.Errorf("%v, linked %v: again %v", c.err, c.linked, got)
		}
	}
}
