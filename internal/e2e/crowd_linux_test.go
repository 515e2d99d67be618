package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
	"github.com/shoal-sync/shoal/internal/ident"
)

// TestRendezvousNamesMembers lets two of many members find each other who have never met:
// on networks of their own, when who knows them both is away and so is nearly everybody.
func TestRendezvousNamesMembers(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	const absent = 48
	_, all := newFarApart(t, "anna", "bert", "carl")
	a, b, c := all[0], all[1], all[2]
	startAll(a, b)
	a.command("folder", "add", a.root, "--name", shared).done(t)
	id := a.folder().ID.String()
	member := func(device, name string) {
		a.command("device", "add", device, "--name", name).done(t)
		a.command("folder", "share", shared, name).done(t)
	}
	for i := range absent {
		var nobody ident.DeviceID
		rand.Read(nobody[1:]) // they come first wherever devices are gone through by their ids
		member(nobody.String(), fmt.Sprint("away", i))
	}
	member(b.id, b.name)
	member(c.id, c.name)
	a.put("file", "from anna")
	meets := func(other *agent) {
		other.command("device", "add", a.id, "--name", a.name).done(t)
		other.command("folder", "add", other.root, "--name", shared, "--id", id).done(t)
		other.command("folder", "share", shared, "anna").done(t)
		other.eventually(patience, "the file comes", func() error {
			if !other.exists("file") {
				return errors.New("it is not there")
			}
			return nil
		})
	}
	meets(b)
	b.put("late", "from bert")
	b.stop() // nobody gets it from him now
	startAll(c)
	meets(c)
	if c.exists("late") {
		t.Fatal("carl has what bert kept for himself")
	}
	a.stop()
	c.stop() // with what anna told him of where bert may be
	begun := time.Now()
	startAll(b, c)
	c.eventually(patience, "bert's file reaches carl, whom he has never met", func() error {
		if !c.exists("late") {
			return fmt.Errorf("it is not there; the server: %+v", c.status().Device.Rendezvous)
		}
		return nil
	})
	t.Logf("found among %d members, of whom %d are away, after %v", absent+3, absent+1, time.Since(begun).Round(time.Millisecond))
	named := 0
	for _, one := range []*agent{b, c} {
		r := one.status().Device.Rendezvous[0]
		if r.Folders != 1 {
			t.Errorf("%s: the server names members of %d folders", one.name, r.Folders)
		}
		named += r.Named
	}
	if named == 0 {
		t.Error("the server has named neither to the other: they met by chance")
	}
}

// inside is lantest.Inside for tests of the program: what is run again in a network of its
// own cannot tell the cache of test results what the program is made of.
func inside(t *testing.T) bool {
	t.Helper()
	must(t, lookAtSources())
	return lantest.Inside(t)
}
