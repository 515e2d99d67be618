package host

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/swarm"
)

// reading is a folder with an index, of which nothing but reading is asked.
func reading(t *testing.T) *folderRun {
	t.Helper()
	a := &agent{events: newEvents(time.Now()), log: slog.New(slog.DiscardHandler)}
	a.links = &links{agent: a, serving: map[ident.DeviceID]*link{}}
	r := &folderRun{agent: a, log: a.log}
	indexed(t, r)
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	r.reads.init()
	r.haves.init()
	t.Cleanup(func() {
		r.cancel(errors.New("test over"))
		r.work.Wait()
		a.work.Wait()
	})
	return r
}

// onDisk gives a folder a directory of its own.
func onDisk(t *testing.T, r *folderRun) (root string) {
	t.Helper()
	root = t.TempDir()
	var err error
	if r.disk, err = disk.Create(root, disk.Limits{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.disk.Close(); err != nil {
			t.Error(err)
		}
	})
	return root
}

// indexed gives a folder an index.
func indexed(t *testing.T, r *folderRun) {
	t.Helper()
	var err error
	if r.store, _, err = index.Open(filepath.Join(t.TempDir(), "folder.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// linkTo gives the folder's agent a link to a device and returns the device's end of it.
func linkTo(t *testing.T, r *folderRun) (ident.DeviceID, *direct.Link) {
	t.Helper()
	keys := [2]ed25519.PrivateKey{}
	var ids [2]ident.DeviceID
	for i := range keys {
		seed := make([]byte, ed25519.SeedSize)
		seed[0] = byte(i + 1)
		keys[i] = ed25519.NewKeyFromSeed(seed)
		ids[i] = ident.DeviceFromKey(keys[i].Public().(ed25519.PublicKey))
	}
	here, err := direct.New(direct.Options{Key: keys[0], Trusts: func(ident.DeviceID) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	there, err := direct.New(direct.Options{Key: keys[1]})
	if err != nil {
		t.Fatal(err)
	}
	l, err := here.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	welcomed, ended := make(chan *direct.Link, 1), make(chan error, 1)
	go func() { ended <- l.Serve(func(link *direct.Link) { welcomed <- link }) }()
	theirs, err := there.Dial(context.Background(), ids[0], l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	ours := <-welcomed
	r.agent.links.serving[ids[1]] = &link{Link: ours}
	t.Cleanup(func() {
		theirs.Close("test over")
		ours.Close("test over")
		if err := errors.Join(l.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return ids[1], theirs
}

func TestADeviceThatAsksWithoutEndOpensFewConnectionsAndLosesItsLink(t *testing.T) {
	r := reading(t)
	mallory, hers := linkTo(t, r)
	release := make(chan struct{})
	var now, most, answered atomic.Int64
	for range 5000 {
		r.readFor(mallory, func(*index.View) error {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-release
			now.Add(-1)
			return nil
		}, func() { answered.Add(1) })
	}
	over := make(chan error, 1)
	go func() { over <- hers.Receive(func([]byte) error { return nil }) }()
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Error("she keeps her link, and would wait for answers that do not come")
	}
	honest := make(chan struct{})
	r.readFor(ident.DeviceID{9}, func(*index.View) error { return nil }, func() { close(honest) })
	close(release)
	select {
	case <-honest:
	case <-time.After(20 * time.Second):
		t.Error("another device is not answered")
	}
	r.work.Wait()
	if most.Load() > readsMax || answered.Load() != readsWaitMax {
		t.Errorf("%d reads at a time, %d answered", most.Load(), answered.Load())
	}
	if again := r.reads.begin(mallory); !again {
		t.Error("what was answered still counts as open")
	}
}

// Questions which contents are here wait in one line for each device, and a device that puts
// more into it than any wants loses its link.
func TestHavesWaitInLine(t *testing.T) {
	r := reading(t)
	mallory, hers := linkTo(t, r)
	for range readsMax {
		r.reads.slots <- struct{}{} // the disk is busy
	}
	question := swarm.CheckHaves{Peer: mallory, Contents: make([]ident.ContentID, 1024)}
	for range havesMax / 1024 {
		r.tellHaves(question)
	}
	if r.haves.count[mallory] != havesMax {
		t.Fatalf("%d contents wait", r.haves.count[mallory])
	}
	r.tellHaves(question)
	over := make(chan error, 1)
	go func() { over <- hers.Receive(func([]byte) error { return nil }) }()
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Error("she keeps her link, and would wait for answers that do not come")
	}
	if first, ok := r.haves.add(swarm.CheckHaves{Peer: ident.DeviceID{9}, Contents: question.Contents}); !first || !ok {
		t.Error("another device has to wait for her")
	}
	r.cancel(errors.New("test over"))
	r.work.Wait()
	if len(r.haves.waiting[mallory]) != 0 {
		t.Error("questions are left in a folder that has ended")
	}
}

func TestTooManyOpenFilesBreakNoFolder(t *testing.T) {
	r := reading(t)
	d, theirs := linkTo(t, r)
	r.readFor(d, func(*index.View) error { return index.ErrCrowded }, func() { t.Error("it was answered") })
	over := make(chan error, 1)
	go func() { over <- theirs.Receive(func([]byte) error { return nil }) }()
	select {
	case err := <-over:
		if err == nil || strings.Contains(err.Error(), "test over") {
			t.Errorf("the link ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the device keeps its link, and would wait for an answer that does not come")
	}
	r.work.Wait()
	if p := r.broken.Load(); p != nil || r.ctx.Err() != nil {
		t.Errorf("the folder is not kept any more: %+v", p)
	}
}
