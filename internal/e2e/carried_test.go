//go:build unix

package e2e

import (
	"fmt"
	"testing"
)

// TestCarriedByAThirdDevice lets two devices that trust each other, share nothing and know
// no address find each other through a device that both are linked to.
func TestCarriedByAThirdDevice(t *testing.T) {
	t.Parallel()
	a, b, c := newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")
	startAll(a, b, c)
	link(a, b)
	link(b, c)
	connected := func(one, other *agent) {
		t.Helper()
		one.eventually(patience, one.name+" is connected with "+other.name, func() error {
			if d := one.device(other); !d.Connected {
				return fmt.Errorf("not connected: %+v", d)
			}
			return nil
		})
	}
	connected(a, b)
	connected(b, c)
	a.command("device", "add", c.id).done(t)
	c.command("device", "add", a.id).done(t)
	connected(a, c)
	connected(c, a)
}
