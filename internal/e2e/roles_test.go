//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

// member returns what an agent says of another one as a member of the shared folder.
func (a *agent) member(other *agent) (status.Member, bool) {
	a.t.Helper()
	members := a.folder().Members
	i := slices.IndexFunc(members, func(m status.Member) bool { return m.ID.String() == other.id })
	if i < 0 {
		return status.Member{}, false
	}
	return members[i], true
}

// TestMembersSpread links two devices with the one that created the folder, and not with
// each other: they learn of each other, connect, and go on when the first is away.
func TestMembersSpread(t *testing.T) {
	t.Parallel()
	a, b, c := newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")
	startAll(a, b, c)
	keep(a, b, c)
	link(a, b)
	link(a, c)
	share(a, b)
	share(a, c)
	b.eventually(patience, "bert is connected to carl", func() error {
		for _, d := range b.status().Devices {
			if d.ID.String() == c.id && d.Connected {
				if d.Name != "carl" || !slices.Equal(d.Through, []string{shared}) {
					return fmt.Errorf("carl is %q, through %q", d.Name, d.Through)
				}
				return nil
			}
		}
		return fmt.Errorf("devices are %+v", b.status().Devices)
	})
	b.command("device", "rename", "carl", "charles").failed(t, 1, "known only through", shared)
	b.command("device", "remove", "carl").failed(t, 1, "only an owner", shared)
	settleAll(a, b, c)
	a.stop()
	b.put("from bert", "while anna is away")
	settle(b, c)
	if c.read("from bert") == "" {
		t.Error("carl did not get it")
	}

	// What is known of members is no part of the index, and is back after a restart.
	c.stop()
	must(t, os.RemoveAll(filepath.Join(c.home, "index")))
	c.start()
	c.connected(b) // anna, who told him where bert is, is away
	a.start()
	settleAll(a, b, c)
	if m, ok := c.member(b); !ok || m.Role != status.Writer || !m.Connected {
		t.Errorf("carl says of bert: %+v, %v", m, ok)
	}
	if f := a.folder(); f.Role != status.Owner || c.folder().Role != status.Writer {
		t.Errorf("anna is %s, carl is %s", f.Role, c.folder().Role)
	}
}

// TestOnlyOwnersSayWhoShares: and what they say reaches those who were away.
func TestOnlyOwnersSayWhoShares(t *testing.T) {
	t.Parallel()
	a, b, c := newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")
	startAll(a, b, c)
	keep(a, b, c)
	link(a, b)
	link(a, c)
	share(a, b)
	share(a, c)
	settleAll(a, b, c)
	b.connected(c)
	for _, args := range [][]string{
		{"share", shared, "carl", "--role", "reader"}, {"share", shared, "anna", "--role", "writer"},
		{"unshare", shared, "carl"},
	} {
		b.command(append([]string{"folder"}, args...)...).failed(t, 1, "only an owner", "anna")
	}
	b.command("folder", "share", shared, "carl").done(t) // as it is already

	c.kill()
	a.command("folder", "unshare", shared, "carl").done(t)
	a.put("secret", "not for carl")
	settle(a, b)
	if _, still := b.member(c); still {
		t.Error("bert still takes carl for a member")
	}
	b.put("other secret", "nor this")
	c.start()
	c.eventually(patience, "carl learns that he is no member", func() error {
		for _, p := range c.folder().Problems {
			if p.Kind == "removed" && strings.Contains(p.Reason, "anna does not share this folder") {
				return nil
			}
		}
		return fmt.Errorf("problems are %+v", c.folder().Problems)
	})
	if f := c.folder(); f.State != status.NeedsYou || f.Role != "none" {
		t.Errorf("carl's folder is %s, he is %s", f.State, f.Role)
	}
	if c.exists("secret") || c.exists("other secret") {
		t.Error("carl was served although he is no member")
	}
	a.command("folder", "share", shared, "carl", "--role", "owner").done(t)
	settleAll(a, b, c)
	if c.read("secret") == "" || c.folder().Role != status.Owner {
		t.Errorf("shared again, carl is %s", c.folder().Role)
	}
	c.command("folder", "unshare", shared, "bert").done(t)
	b.eventually(patience, "bert learns that carl ended it", func() error {
		if p := b.folder().Problems; len(p) == 0 || !strings.Contains(p[0].Reason, "carl does not share") {
			return fmt.Errorf("problems are %+v", p)
		}
		return nil
	})
}

// TestReader: what a reader changes stays on its device, makes room for what the members
// change, can be put back, and is written when the reader becomes a writer.
func TestReader(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	startAll(a, b)
	b.put("same", "on both before they met")
	a.put("same", "on both before they met")
	a.put("edited", "by anna")
	a.put("deleted", "by anna")
	a.put("dir/moved", "by anna")
	b.put("own", "bert had this already")
	keep(a, b)
	link(a, b)
	a.command("folder", "share", shared, "bert", "--role", "reader").done(t)
	b.command("folder", "share", shared, "anna").done(t)
	b.reads(a, 1, "own")
	if a.exists("own") || b.read("edited") != "by anna" {
		t.Error("bert is no reader")
	}
	b.put("edited", "by bert")
	b.remove("deleted")
	b.move("dir/moved", "elsewhere")
	b.put("dir/new", "by bert")
	rescan(b)
	b.reads(a, 6, "deleted", "dir/moved", "dir/new", "edited", "elsewhere", "own")

	// A newer version is wanted where bert has his own: that one moves aside.
	a.put("edited", "by anna again")
	a.put("deleted", "by anna again")
	a.put("dir/new", "by anna too")
	rescan(a)
	b.gets("edited", "by anna again")
	b.gets("deleted", "by anna again")
	b.gets("dir/new", "by anna too")
	b.keptAside(2, "by bert")
	if b.exists("dir/moved") || a.exists("elsewhere") {
		t.Error("a move that nobody answered was taken back, or sent")
	}
	b.kill()
	b.start()
	b.connected(a)
	rescan(b)
	b.command("wait", "--folder", shared, "--timeout", "300ms").failed(t, 4, "folder revert")

	got := b.command("folder", "revert", shared).done(t)
	if !strings.Contains(string(got.out), "\"changes\":5") {
		t.Errorf("reverted %s", got.out)
	}
	settle(b, a)
	if f := b.folder(); f.LocalChanges != 0 || f.State != status.UpToDate {
		t.Errorf("bert's folder is %s with %d local changes: %+v", f.State, f.LocalChanges, f.Problems)
	}
	changeRoles(t, a, b)
}

// changeRoles makes the reader b a writer, and a reader again.
func changeRoles(t *testing.T, a, b *agent) {
	t.Helper()
	b.put("promoted", "by bert")
	rescan(b)
	a.command("folder", "share", shared, "bert", "--role", "writer").done(t)
	settle(a, b)
	if a.read("promoted") != "by bert" {
		t.Error("what the reader changed was not written when he became a writer")
	}
	b.put("edited", "as a writer")
	settle(a, b)
	a.command("folder", "share", shared, "bert", "--role", "reader").done(t)
	b.eventually(patience, "bert is a reader", func() error {
		if f := b.folder(); f.Role != status.Reader {
			return fmt.Errorf("he is %s", f.Role)
		}
		return nil
	})
	settle(b, a)
	noConflicts(t, a)
	a.command("folder", "revert", shared).failed(t, 1, "may write")
}

// reads waits until an agent has just these local changes, and is equal otherwise.
func (a *agent) reads(from *agent, n int, paths ...string) {
	a.t.Helper()
	a.eventually(patience, "the local changes are listed", func() error {
		f := a.folder()
		var got []string
		for _, p := range f.Problems {
			if p.Kind == "local" {
				got = append(got, p.Path)
			}
		}
		if f.Role != status.Reader || f.LocalChanges != n || !slices.Equal(got, paths) || f.State != status.NeedsYou {
			return fmt.Errorf("%s, %s, %d local changes: %q", f.Role, f.State, f.LocalChanges, got)
		}
		return nil
	})
}

// gets waits until a file has come.
func (a *agent) gets(path, want string) {
	a.t.Helper()
	a.eventually(patience, path+" has come", func() error {
		if got, err := os.ReadFile(a.at(path)); err != nil || string(got) != want {
			return fmt.Errorf("%q, %v", got, err)
		}
		return nil
	})
}

// keptAside demands so many local versions that have moved aside, all with one content.
func (a *agent) keptAside(n int, content string) {
	a.t.Helper()
	for _, name := range picture(a.t, a.root).names() {
		if strings.Contains(name, "(conflict, "+a.name) {
			n--
			if got := a.read(name); got != content {
				a.t.Errorf("%s holds %q", name, got)
			}
		}
	}
	if n != 0 {
		a.t.Errorf("%d local versions too few were kept: %q", n, picture(a.t, a.root).names())
	}
}
