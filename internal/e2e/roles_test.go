//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
	b.eventually(20*time.Second, "bert is connected to carl", func() error {
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
	c.eventually(20*time.Second, "carl learns that he is no member", func() error {
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
	b.eventually(10*time.Second, "bert learns that carl ended it", func() error {
		if p := b.folder().Problems; len(p) == 0 || !strings.Contains(p[0].Reason, "carl does not share") {
			return fmt.Errorf("problems are %+v", p)
		}
		return nil
	})
}
