package host

import (
	"sync"

	"github.com/shoal-sync/shoal/app/node"
)

// untold is what the device is to hear about whom it may trust, in order. Whoever changes
// that holds the agent's lock, for which the device may be waiting: so nobody who holds it
// waits for the device.
type untold struct {
	mu     sync.Mutex
	events []node.DeviceEvent
}

// tellTrust tells the device of a change of trust, at once if it has room for it, else as
// soon as it has.
func (a *agent) tellTrust(event node.DeviceEvent) {
	u := &a.untold
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.events) == 0 && a.device.TryPost(event) {
		return
	}
	if u.events = append(u.events, event); len(u.events) == 1 {
		a.start(a.tellUntold)
	}
}

// tellUntold tells what waits, until nothing does.
func (a *agent) tellUntold() {
	u := &a.untold
	for {
		u.mu.Lock()
		if len(u.events) == 0 {
			u.mu.Unlock()
			return
		}
		next := u.events[0]
		u.mu.Unlock()
		if !a.device.Post(a.ctx, next) {
			return // the agent ends
		}
		u.mu.Lock()
		u.events = u.events[1:] // the rest waits behind it, so the order stays
		u.mu.Unlock()
	}
}
