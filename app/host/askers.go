package host

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/signal"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// askersMax bounds who waits for one device to turn up here.
	askersMax = 16
	// askedAfterMax bounds after how many devices a newly linked one is asked at once.
	askedAfterMax = 64
)

// askCarrier asks a device that has just been linked to whom it can carry letters: of those
// that are not reached. It answers now, or when one of them turns up there.
func (l *letters) askCarrier(device ident.DeviceID) {
	a := l.agent
	link := a.links.to(device)
	if link == nil {
		return
	}
	asked := 0
	for _, d := range a.linkedDevices() {
		if d != device && a.links.to(d) == nil && !a.view.unsought(d) && asked < askedAfterMax {
			asked++
			a.sendOn(link, wire.AskCard{Device: d})
		}
	}
}

// carriedBy lists those to whom a device has carried letters.
func (l *letters) carriedBy(carrier ident.DeviceID) (out []ident.DeviceID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for d, ways := range l.ways {
		if slices.Contains(ways, carrier) {
			out = append(out, d)
		}
	}
	return out
}

// waysOpened has what was said in calls with these devices said again at once: who carries
// it has just come back.
func (l *letters) waysOpened(to []ident.DeviceID) {
	for _, d := range to {
		l.agent.device.Post(l.agent.ctx, signal.WayOpened{Device: d})
	}
}

// waitFor remembers who asked after a device that is not connected here now. Only devices
// that are trusted here can turn up.
func (l *letters) waitFor(device, asker ident.DeviceID) {
	if !l.agent.trusts(device) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if all := l.askers[device]; len(all) < askersMax && !slices.Contains(all, asker) {
		l.askers[device] = append(all, asker)
	}
}

// turnedUp tells everybody who asked after a device that letters can be carried to it.
func (l *letters) turnedUp(card signal.Card) {
	l.mu.Lock()
	all := l.askers[card.Device]
	delete(l.askers, card.Device)
	l.mu.Unlock()
	for _, asker := range all {
		if link := l.agent.links.to(asker); link != nil {
			l.agent.sendOn(link, wire.Card{Card: card.Bytes()})
		}
	}
}
