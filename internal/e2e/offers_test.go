//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

// offered waits until an agent is offered folders of these names, and no others.
func (a *agent) offered(names ...string) (offers []status.Offer) {
	a.t.Helper()
	a.eventually(patience, fmt.Sprintf("%q are offered", names), func() error {
		view, err := a.tryStatus()
		if err != nil {
			return err
		}
		var got []string
		for _, o := range view.Offers {
			got = append(got, o.Name)
		}
		if offers = view.Offers; fmt.Sprint(got) != fmt.Sprint(names) {
			return fmt.Errorf("offered are %q", got)
		}
		return nil
	})
	return offers
}

// TestFolderIsOffered: a folder that is shared with a linked device is offered there, kept
// where its person says, and asked about no more once they said no.
func TestFolderIsOffered(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	b.offered()
	// A directory of the test's would be gone before the agents are.
	ours, theirs := filepath.Join(filepath.Dir(a.home), "ours"), filepath.Join(filepath.Dir(b.home), "theirs")
	must(t, os.Mkdir(theirs, 0o755))
	for _, name := range []string{"Films", "Music"} {
		root := filepath.Join(ours, name)
		must(t, os.MkdirAll(root, 0o755))
		must(t, os.WriteFile(filepath.Join(root, "one.txt"), []byte("film"), 0o600))
		a.command("folder", "add", root, "--name", name).done(t)
		a.command("folder", "rescan", name).done(t)
	}
	a.command("folder", "share", "Films", "bert").done(t)
	a.command("folder", "share", "Music", "bert", "--role", "reader").done(t)
	offers := b.offered("Films", "Music")
	if o := offers[0]; o.DeviceName != "anna" || o.Role != status.Writer || o.Files != 1 || o.Bytes != 4 {
		t.Errorf("offered is %+v", o)
	}
	if o := offers[1]; o.Role != status.Reader {
		t.Errorf("offered is %+v", o)
	}
	b.command("folder", "accept", "nothing").failed(t, 1, "is not kept")
	b.command("folder", "accept", "Films", "--to", b.root).failed(t, 1, "")
	b.command("folder", "decline", "Music").done(t)
	b.offered("Films")
	to := filepath.Join(theirs, "kept films")
	b.command("folder", "accept", "Films", "--to", to).done(t)
	b.offered()
	b.command("wait", "--folder", "Films", "--timeout", patience.String()).done(t)
	if _, err := tryPicture(filepath.Join(to, "one.txt")); err != nil {
		t.Error(err)
	}

	// What was said holds after a new start; a no can be taken back.
	b.stop()
	b.start()
	b.connected(a)
	must(t, os.MkdirAll(filepath.Join(ours, "Notes"), 0o755))
	a.command("folder", "add", filepath.Join(ours, "Notes"), "--name", "Notes").done(t)
	a.command("folder", "share", "Notes", "bert").done(t)
	b.offered("Notes")
	b.command("folder", "accept", "Music", "--to", filepath.Join(theirs, "music")).done(t)
	b.offered("Notes")
	// What is shared no more is offered no more, and what was given up is not offered again.
	a.command("folder", "unshare", "Notes", "bert").done(t)
	b.offered()
	b.command("folder", "remove", "Music").done(t)
	b.offered()
}
