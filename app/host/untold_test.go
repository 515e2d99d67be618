package host

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/route"
)

// hearing is a device that only writes down whom it is told to trust.
type hearing struct {
	heard chan ident.DeviceID
}

func (h hearing) Handle(_ step.Instant, e node.DeviceEvent) []node.DeviceEffect {
	h.heard <- e.(route.DeviceTrusted).Device
	return nil
}

func (hearing) Tick(step.Instant) []node.DeviceEffect { return nil }
func (hearing) Deadline() step.Instant                { return step.Never }

// Whoever changes whom a device trusts never waits for it, however much it has to do; and
// it hears all of it in order.
func TestTrustIsToldWithoutWaiting(t *testing.T) {
	const many = 3000 // more than a queue holds
	ctx, end := context.WithCancel(t.Context())
	defer end()
	h := hearing{make(chan ident.DeviceID, many)}
	a := &agent{ctx: ctx}
	a.device = step.NewLoop(step.NewClock(), h, func(node.DeviceEffect) {}, func() (node.DeviceEvent, bool) { return nil, false })
	var want []ident.DeviceID
	for i := range many { // nobody takes them yet
		want = append(want, ident.DeviceID{byte(i), byte(i >> 8)})
		a.tellTrust(route.DeviceTrusted{Device: want[i]})
	}
	go a.device.Run(ctx)
	var got []ident.DeviceID
	for range many {
		select {
		case d := <-h.heard:
			got = append(got, d)
		case <-time.After(20 * time.Second):
			t.Fatalf("only %d of %d were heard", len(got), many)
		}
	}
	if !slices.Equal(got, want) {
		t.Error("they were heard in another order")
	}
	end()
	a.work.Wait()
}
