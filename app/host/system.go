package host

import (
	"time"

	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/app/status"
)

// systemEvery is how often the system is asked about battery and network: soon enough to
// save most of a metered megabyte, rarely enough to cost nothing.
const systemEvery = 15 * time.Second

// watchSystem lets everything rest while the system is in a state in which a person does
// not want transfers, until the agent ends.
func (a *agent) watchSystem() {
	ticker := time.NewTicker(systemEvery)
	defer ticker.Stop()
	for {
		a.lookAtSystem()
		select {
		case <-a.ctx.Done():
			return
		case <-ticker.C:
		case <-a.asked:
		}
	}
}

// lookAtSystem asks the system only what a setting depends on.
func (a *agent) lookAtSystem() {
	s, reason := a.settings.Load(), ""
	if s.OnMetered == "pause" {
		if metered, known := platform.Metered(); known && metered {
			reason = "the network is paid by the byte; `shoal config set on_metered go-on` goes on all the same"
		}
	}
	if s.OnBattery == "pause" && reason == "" {
		if on, known := platform.OnBattery(); known && on {
			reason = "this computer runs on its battery; `shoal config set on_battery go-on` goes on all the same"
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.systemRest == reason {
		return
	}
	event := status.Event{Kind: status.PauseBegun, Detail: reason}
	if reason == "" {
		event = status.Event{Kind: status.PauseEnded, Detail: a.systemRest}
	}
	a.log.Info("transfers", "state", event.Kind, "reason", event.Detail)
	a.systemRest = reason
	a.events.add(event)
	a.pausesChanged()
}

// askSystem makes the watcher look at once.
func (a *agent) askSystem() {
	select {
	case a.asked <- struct{}{}:
	default: // it is about to look anyway
	}
}
