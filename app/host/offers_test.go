package host

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

// offeredTo is an agent that two devices are linked to.
func offeredTo(t *testing.T, near, far ident.DeviceID) *agent {
	ctx, cancel := context.WithCancel(t.Context())
	a := &agent{ctx: ctx, events: newEvents(time.Now()), news: newNews()}
	a.config.Devices = []config.Device{{ID: near, Name: "near"}, {ID: far, Name: "far"}}
	a.trusted.Store(&map[ident.DeviceID]bool{near: true, far: true})
	a.offered = newOffers(a)
	t.Cleanup(func() { cancel(); a.work.Wait() })
	return a
}

func offerOf(n int, name string) wire.Offer {
	return wire.Offer{Folder: ident.FolderID{byte(n), byte(n >> 8), 1}, Name: name, Role: "writer"}
}

// A device that says what it shares over and over costs no more than one that says it once.
func TestOffersThatComeOverAndOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := ident.DeviceID{1}, ident.DeviceID{2}
		a := offeredTo(t, near, far)
		before := runtime.NumGoroutine()
		for n := range 1000 {
			a.offered.heard(near, wire.Offers{Folders: []wire.Offer{offerOf(n, "old")}})
		}
		a.offered.heard(near, wire.Offers{Folders: []wire.Offer{offerOf(7, "last")}})
		a.offered.heard(far, wire.Offers{Folders: []wire.Offer{offerOf(8, "far")}})
		if more := runtime.NumGoroutine() - before; more > 2 {
			t.Errorf("%d goroutines wait for two devices", more)
		}
		<-time.After(5 * offerPatience)
		synctest.Wait()
		if shown := a.offered.view(); len(shown) != 2 || shown[0].Name != "far" || shown[1].Name != "last" {
			t.Errorf("in the end there is %+v", shown)
		}
	})
}

// A device that always offers something new is heard, and people are not told for ever.
func TestOffersWithoutEnd(t *testing.T) {
	near, far := ident.DeviceID{1}, ident.DeviceID{2}
	a := offeredTo(t, near, far)
	for n := range 2 * offersTold {
		o := offerOf(n, fmt.Sprint("folder ", n))
		o.Files, o.Bytes = math.MaxUint64, math.MaxUint64
		a.offered.take(near, wire.Offers{Folders: []wire.Offer{o}})
	}
	a.offered.take(far, wire.Offers{Folders: []wire.Offer{offerOf(2*offersTold, "of the other")}})
	told, _ := a.events.after(0)
	if len(told) != offersTold+1 || told[offersTold].Device != far {
		t.Errorf("people are told %d times, want %d", len(told), offersTold+1)
	}
	shown := a.offered.view()
	if len(shown) != 2 || shown[0].Files != offerNumberMax || int64(shown[0].Bytes) <= 0 {
		t.Errorf("there is %+v", shown)
	}
}

// Devices call one folder by different names, and it is shown and meant once.
func TestOneFolderUnderTwoNames(t *testing.T) {
	near, far := ident.DeviceID{1}, ident.DeviceID{2}
	a := offeredTo(t, near, far)
	a.offered.take(far, wire.Offers{Folders: []wire.Offer{offerOf(1, "Bilder"), offerOf(2, "Music")}})
	a.offered.take(near, wire.Offers{Folders: []wire.Offer{offerOf(1, "Pictures")}})
	shown := a.offered.view()
	if len(shown) != 2 || shown[0].Name != "Music" || shown[1].Name != "Pictures" || shown[1].Role != status.Writer {
		t.Errorf("there is %+v", shown)
	}
	for range 20 {
		from, offer, err := a.offered.find(shown[1].Folder.String())
		if from != near || offer.Name != "Pictures" || err != nil {
			t.Fatalf("meant is %s of %s, %v", offer.Name, from.Short(), err)
		}
	}
	if from, _, err := a.offered.find("Bilder"); from != far || err != nil {
		t.Errorf("by the other name it is of %s, %v", from.Short(), err)
	}
}
