//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// trashed is what scripts read of a file in the trash.
type trashed struct {
	Path       string `json:"path"`
	Version    string `json:"version"`
	Why        string `json:"why"`
	ByName     string `json:"by_name"`
	HolderName string `json:"holder_name"`
	Size       int    `json:"size"`
}

func (a *agent) trash() (out []trashed) {
	a.t.Helper()
	must(a.t, json.Unmarshal([]byte(a.command("trash", "list", "--json").done(a.t).out), &out))
	return out
}

// TestUndo deletes and rewrites files on one device, and brings them back on the very
// device that keeps nothing of them, and on the other.
func TestUndo(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	large := strings.Repeat("0123456789abcdef", 300_000) // several pieces
	a.put("gone/large", large)
	a.put("gone/small", "deleted by anna")
	a.put("text", "the first text")
	settle(a, b)
	must(t, os.RemoveAll(a.at("gone")))
	a.put("text", "the second text")
	b.eventually(patience, "the delete and the change arrive", func() error {
		if b.exists("gone") || b.read("text") != "the second text" {
			return fmt.Errorf("they have not")
		}
		return nil
	})
	settle(a, b)
	for _, who := range []*agent{a, b} {
		found := map[string]trashed{}
		for _, held := range who.trash() {
			found[held.Path] = held
		}
		if got := found["gone/large"]; got.Why != "deleted" || got.ByName != "anna" || got.HolderName != "bert" || got.Size != len(large) {
			t.Errorf("%s sees %+v", who.name, got)
		}
		if got := found["text"]; got.Why != "replaced" || got.HolderName != "bert" {
			t.Errorf("%s sees %+v", who.name, got)
		}
	}
	// The device that deleted has to fetch it.
	a.command("trash", "restore", a.at("gone/large")).done(t)
	if a.read("gone/large") != large {
		t.Error("the restored file is another one")
	}
	// What has the place goes to the trash of the device where it is restored.
	b.standing(t.TempDir(), commandTime, "trash", "restore", "text").done(t)
	settle(a, b)
	for _, who := range []*agent{a, b} {
		if who.read("text") != "the first text" || who.read("gone/large") != large {
			t.Errorf("%s has not all that was restored", who.name)
		}
	}
	// And comes back from there, though nobody has read it since: each undoes the other.
	for _, want := range []string{"the second text", "the first text"} {
		b.command("trash", "restore", b.at("text")).done(t)
		if got := b.read("text"); got != want {
			t.Errorf("restored is %q, want %q", got, want)
		}
	}
	b.command("trash", "restore", b.at("gone")).done(t) // the rest of the directory
	settle(a, b)
	if a.read("gone/small") != "deleted by anna" {
		t.Error("the directory has not come back")
	}
	if r := a.command("trash", "restore", a.at("never was")); r.code != 1 || !strings.Contains(r.errs, "trash list") {
		t.Errorf("restoring what never was: %d %s", r.code, r.errs)
	}
	if r := a.command("trash", "restore", "/elsewhere"); r.code != 1 {
		t.Errorf("restoring outside of all folders: %d", r.code)
	}
	comesBack(t, a, b, large)
	b.command("trash", "empty", "work").done(t)
	a.command("trash", "empty").done(t)
	if left := append(a.trash(), b.trash()...); len(left) != 0 {
		t.Errorf("after emptying the trash holds %+v", left)
	}
	if f := a.folder(); f.State != "up-to-date" {
		t.Errorf("state %s", f.State)
	}
}

// comesBack deletes files and makes them anew under other names: what lies in the trash of
// the other device is taken from there, not fetched.
func comesBack(t *testing.T, a, b *agent, large string) {
	t.Helper()
	received := func() (n uint64) {
		for _, d := range b.status().Devices {
			n += d.BytesIn
		}
		return n
	}
	must(t, os.RemoveAll(a.at("gone")))
	settle(a, b)
	before := received()
	a.put("back/large", large)
	a.put("back/small", "deleted by anna")
	settle(a, b)
	if n := received() - before; n > 100_000 {
		t.Errorf("%d bytes were fetched of what lay in the trash", n)
	}
}

// TestVerify damages a file behind the back of everybody, as a failing disk does.
func TestVerify(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("dir/whole", "these bytes are right")
	a.put("other", "these, too")
	settle(a, b)
	b.command("folder", "verify", "work").done(t)
	info, err := os.Stat(b.at("dir/whole"))
	must(t, err)
	b.stop() // else the watcher hears of it
	file, err := os.OpenFile(b.at("dir/whole"), os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteString("THESE BYTES ARE WRONG")
	must(t, err)
	must(t, file.Close())
	must(t, os.Chtimes(b.at("dir/whole"), info.ModTime(), info.ModTime()))
	b.start()
	b.connected(a)
	rescan(b)
	var found struct{ Damaged []string }
	r := b.command("folder", "verify", "work")
	must(t, json.Unmarshal(r.out, &found))
	if r.code != 1 || len(found.Damaged) != 1 || found.Damaged[0] != "dir/whole" {
		t.Fatalf("verify: exit %d, %+v", r.code, found)
	}
	b.eventually(patience, "the file is right again", func() error {
		if body, err := os.ReadFile(b.at("dir/whole")); err != nil || string(body) != "these bytes are right" {
			return fmt.Errorf("it holds %q, %v", body, err)
		}
		return nil
	})
	settle(a, b)
	b.command("folder", "verify", "work").done(t)
	if got := a.read("dir/whole"); got != "these bytes are right" {
		t.Errorf("the damage has spread: %q", got)
	}
}
