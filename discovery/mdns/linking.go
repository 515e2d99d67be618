package mdns

import (
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// seekSteady is how often it is asked who wants to be linked, after the first questions: a
// person waits for the answer, and looks for minutes at most.
const seekSteady = 5 * time.Second

// Neighbour is a device on the local network that wants to be linked, by its own account:
// nothing of this is proven.
type Neighbour struct {
	Device ident.DeviceID // zero when it does not tell
	Name   string
	Slot   uint16 // of the code it shows; 0 when it shows none
	At     netip.AddrPort
}

// shown is what devices that look for one to link with are told.
type shown struct {
	visible bool
	slot    uint16
}

// Show makes this device one that wants to be linked, or not any more. Slot is the one of
// the code it shows, 0 for none. A device without linked devices always wants to be.
func (f *Finder) Show(visible bool, slot uint16) { f.shown.Store(&shown{visible, slot}) }

// Seek begins or ends to ask who wants to be linked; Found is told.
func (f *Finder) Seek(on bool) { f.wake(func(t *tasks) { t.seeking = on }) }

// seek asks who wants to be linked, when that is due.
func (f *Finder) seek(now time.Time, on bool) {
	if !on {
		f.sought, f.seekNext = 0, time.Time{}
		return
	}
	if now.Before(f.seekNext) {
		return
	}
	f.judge(now, f.stations, linking)
	f.sought++
	wait := seekSteady
	if f.sought < len(f.pace.first) {
		wait = min(wait, f.pace.first[f.sought])
	}
	f.seekNext = now.Add(wait)
}
