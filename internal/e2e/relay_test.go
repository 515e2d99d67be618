//go:build unix

package e2e

import (
	"fmt"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

// TestReaderPassesOn: the writer is away, and what it had done comes to one reader from
// another one, deletes and all; neither has changed what the writer says.
func TestReaderPassesOn(t *testing.T) {
	t.Parallel()
	a, b, c := newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")
	startAll(a, b, c)
	a.put("dir/kept", "by anna")
	a.put("dir/deleted", "by anna")
	a.put("moved", "by anna")
	keep(a, b, c)
	link(a, b)
	link(a, c)
	link(b, c)
	for _, reader := range []*agent{b, c} {
		a.command("folder", "share", shared, reader.name, "--role", "reader").done(t)
		reader.command("folder", "share", shared, a.name).done(t)
		reader.vouched(a)
	}

	// While carl is away, anna works on; while anna is away, carl comes back.
	c.stop()
	a.remove("dir/deleted")
	a.move("moved", "dir/moved")
	a.put("dir/kept", "by anna, edited")
	a.fill("dir/large", 3<<20)
	settle(a, b)
	b.vouched(a)
	a.stop()
	b.stop() // what bert holds he holds over a restart
	b.start()
	c.start()
	c.connected(b)
	c.eventually(patience, "carl has what anna had", func() error {
		if f := c.folder(); f.State != status.UpToDate || f.Root != b.folder().Root {
			return fmt.Errorf("%s, needs %d", f.State, f.NeedFiles)
		}
		return nil
	})
	c.vouched(a)
	if c.exists("dir/deleted") || c.exists("moved") || c.read("dir/moved") != "by anna" ||
		c.read("dir/kept") != "by anna, edited" || c.read("dir/large") != b.read("dir/large") {
		t.Errorf("carl has %v", picture(t, c.root))
	}

	a.start()
	a.put("dir/new", "by anna")
	settleAll(a, b, c)
	if c.read("dir/new") != "by anna" {
		t.Error("carl does not go on with anna")
	}
	noConflicts(t, a)
}

// vouched waits until a reader holds just what a writer has signed.
func (a *agent) vouched(by *agent) {
	a.t.Helper()
	a.eventually(patience, a.name+" holds what is signed", func() error {
		if s := a.folder().Signed; s == nil || s.Device.String() != by.id || s.When.IsZero() {
			return fmt.Errorf("signed by %+v", s)
		}
		return nil
	})
}
