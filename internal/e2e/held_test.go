//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

// heldDeletes is what scripts read of a batch.
type heldDeletes struct {
	ID         string `json:"id"`
	Files      int    `json:"files"`
	DeviceName string `json:"device_name"`
}

// held returns what a device holds back.
func (a *agent) held() (out []heldDeletes) {
	a.t.Helper()
	must(a.t, json.Unmarshal([]byte(a.command("held", "list", "--json").done(a.t).out), &out))
	return out
}

// saysWhoHolds waits until the status says that another device holds deletes.
func saysWhoHolds(a *agent, holder string) {
	a.t.Helper()
	a.eventually(patience, "the status says why it is not equal", func() error {
		f := a.folder()
		for _, p := range f.Problems {
			if p.Kind == status.HeldElsewhere && strings.HasPrefix(p.Reason, holder+" holds deletes (") {
				return nil
			}
		}
		return fmt.Errorf("state %s, problems %+v", f.State, f.Problems)
	})
}

// TestMassDelete deletes most of a folder. The other device keeps all of it until the
// person has answered, also when the agent was started anew in between.
func TestMassDelete(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for i := range 160 {
		a.put(fmt.Sprintf("dir%d/file %d", i%4, i), fmt.Sprint("content ", i))
	}
	settle(a, b)
	must(t, os.RemoveAll(a.at("dir0")))
	settle(a, b) // 40 of 160 are no matter for a person
	if b.exists("dir0/file 0") {
		t.Error("a small delete has not arrived")
	}
	a.command("folder", "set", "work", "brake", "50").done(t)
	both := func() { a.remove("dir1"); a.remove("dir2") }
	a.atOnce(both) // one alone is let through
	isHeld := func() error {
		if f := a.folder(); f.Held != 80 || f.State != "needs-you" {
			return fmt.Errorf("%d files are held, state %s", f.Held, f.State)
		}
		return nil
	}
	a.eventually(patience, "the deletes are held", isHeld)
	a.put("meanwhile", "goes on")
	b.eventually(patience, "other changes flow", func() error {
		if !b.exists("meanwhile") {
			return fmt.Errorf("the new file is not there")
		}
		return nil
	})
	a.stop()
	a.start()
	a.connected(b)
	a.eventually(patience, "the deletes are held after a restart", isHeld)
	if !b.exists("dir1/file 1") || !b.exists("dir2/file 2") {
		t.Fatal("held deletes have reached the other device")
	}
	saysWhoHolds(b, "anna")
	batches := a.held()
	if len(batches) != 1 || batches[0].Files != 80 || batches[0].DeviceName != "anna" {
		t.Fatalf("held list shows %+v", batches)
	}
	if r := a.command("wait", "--folder", "work", "--timeout", "1s"); r.code != 4 {
		t.Errorf("wait says that all is equal while deletes are held: %d %s", r.code, r.out)
	}
	if r := a.command("held", "approve", "work", "none"); r.code != 1 {
		t.Errorf("a batch that is not there was approved: %d", r.code)
	}
	a.command("held", "reject", "work", batches[0].ID).done(t)
	a.eventually(patience, "the files come back", func() error {
		if !a.exists("dir1/file 1") || !a.exists("dir2/file 2") {
			return fmt.Errorf("they are not there")
		}
		return nil
	})
	settle(a, b)
	a.atOnce(both)
	a.eventually(patience, "the deletes are held again", isHeld)
	a.command("held", "approve", "work").done(t)
	b.eventually(patience, "the approved deletes arrive", func() error {
		if b.exists("dir1") || b.exists("dir2") {
			return fmt.Errorf("the directories are there")
		}
		return nil
	})
	settle(a, b)
	if f, g := a.folder(), b.folder(); f.Held != 0 || f.State != "up-to-date" || len(g.Problems) != 0 {
		t.Errorf("after the yes %d files are held, state %s; bert says %+v", f.Held, f.State, g.Problems)
	}
}
