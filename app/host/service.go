package host

import (
	"time"

	"github.com/shoal-sync/shoal/app/platform"
)

// tellManager says to the service manager that the agent is ready, and gives it signs of
// life until the agent ends. A sign is given only after the device loop has answered, so
// that an agent that is stuck is noticed.
func (a *agent) tellManager(n platform.Notifier) {
	a.toManager(n.Ready("keeping folders as " + a.ownName()))
	if n.Watchdog() == 0 {
		return
	}
	a.start(func() {
		ticker := time.NewTicker(n.Watchdog() / 2)
		defer ticker.Stop()
		for {
			select {
			case <-a.ctx.Done():
				return
			case <-ticker.C:
			}
			a.links.barrier()
			a.toManager(n.Alive())
		}
	})
}

// toManager notes that the manager could not be told: it may think the worst of us.
func (a *agent) toManager(err error) {
	if err != nil {
		a.log.Warn("the service manager does not know how this agent is", "reason", err)
	}
}
