//go:build unix

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/wire"
)

// TestOlderProtocol: a linked device whose program speaks protocol 1 is told why it is
// refused, and the person here can read it.
func TestOlderProtocol(t *testing.T) {
	t.Parallel()
	a := newAgent(t, "anna")
	startAll(a)
	keep(a)
	s := newStranger(t, 41)
	a.command("device", "add", s.id.String(), "--name", "oldie").done(t)
	a.command("folder", "share", shared, "oldie").done(t)
	link, err := s.dial(a)
	must(t, err)
	defer link.Close("done")
	must(t, link.Send(direct.Metadata, wire.Append(nil, wire.Hello{Version: 1, Name: "oldie", Client: "shoal 0.1"})))
	reason := ""
	_ = link.Receive(func(frame []byte) error { // it ends because the agent ends it
		m, err := wire.Parse(frame)
		if bye, ok := m.(wire.Goodbye); ok {
			reason = bye.Reason
		}
		return err
	})
	const want = "update shoal on the one with protocol 1"
	if !strings.Contains(reason, want) {
		t.Errorf("the older device is told %q, want %q", reason, want)
	}
	a.eventually(patience, "the status says why", func() error {
		for _, d := range a.status().Devices {
			if d.Name == "oldie" && !d.Connected && strings.Contains(d.LastProblem, want) {
				return nil
			}
		}
		return fmt.Errorf("devices %+v", a.status().Devices)
	})
}
