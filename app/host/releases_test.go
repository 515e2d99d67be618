package host

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/release"
	"github.com/shoal-sync/shoal/app/update"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/wire"
)

// updater is an agent that asks for releases of a key.
func updater(t *testing.T, key ed25519.PrivateKey) *agent {
	ctx, cancel := context.WithCancel(t.Context())
	a := &agent{ctx: ctx, log: slog.New(slog.DiscardHandler)}
	a.links = newLinks(a)
	a.releases = &releases{agent: a, open: map[uint64]openRelease{},
		store: update.NewStore(filepath.Join(t.TempDir(), "update"), []ed25519.PublicKey{key.Public().(ed25519.PublicKey)})}
	t.Cleanup(func() { cancel(); a.work.Wait() })
	return a
}

// linked links a device that answers what it is asked.
func linked(t *testing.T, a *agent, d ident.DeviceID, answers func(wire.Message) []byte) *link {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l := &link{Link: direct.Carry(near.(*net.TCPConn), direct.Ends{Device: d}, nil)}
	other := direct.Carry(far.(*net.TCPConn), direct.Ends{}, nil)
	a.links.serving[d] = l
	var receiving sync.WaitGroup
	receiving.Go(func() {
		_ = l.Receive(func(frame []byte) error {
			m, err := wire.Parse(frame)
			if err == nil {
				a.releases.heard(l, m)
			}
			return err
		})
	})
	receiving.Go(func() {
		_ = other.Receive(func(frame []byte) error {
			m, err := wire.Parse(frame)
			if err != nil {
				return err
			}
			var ticket uint64
			switch m := m.(type) {
			case wire.AskRelease:
				ticket = m.Ticket
			case wire.AskReleasePart:
				ticket = m.Ticket
			}
			return other.Send(direct.Bulk, wire.Append(nil, wire.ReleaseTold{Ticket: ticket, Bytes: answers(m)}))
		})
	})
	t.Cleanup(func() {
		l.Close("test over")
		other.Close("test over")
		receiving.Wait()
	})
	return l
}

// A device that has the signed list and gives wrong bytes, or few of them, keeps no release
// from a device that has the right ones.
func TestAWrongPartIsNoEndOfAnUpdate(t *testing.T) {
	for name, wrong := range map[string]func(asked wire.AskReleasePart) []byte{
		"wrong, then none": func(m wire.AskReleasePart) []byte {
			if m.Offset > 0 {
				return nil
			}
			return make([]byte, m.Size)
		},
		"a byte at a time": func(wire.AskReleasePart) []byte { return []byte{0} },
		"too much":         func(m wire.AskReleasePart) []byte { return make([]byte, m.Size+1) },
		"all of it wrong":  func(m wire.AskReleasePart) []byte { return make([]byte, m.Size) },
	} {
		t.Run(name, func(t *testing.T) {
			key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
			content := bytes.Repeat([]byte("program "), 5*releasePart/16)
			sealed, err := release.Seal(release.List{Version: "1.1.0", Files: []release.File{{Name: "shoal.tar.gz", System: "linux",
				Arch: "amd64", Kind: release.Archive, Size: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256(content))}}}, key)
			if err != nil {
				t.Fatal(err)
			}
			a := updater(t, key)
			// The one of the smaller id is asked first.
			mallory, honest := ident.DeviceID{1}, ident.DeviceID{2}
			asked := atomic.Int32{}
			linked(t, a, mallory, func(m wire.Message) []byte {
				if part, ok := m.(wire.AskReleasePart); ok {
					asked.Add(1)
					return wrong(part)
				}
				return sealed
			})
			linked(t, a, honest, func(m wire.Message) []byte {
				if part, ok := m.(wire.AskReleasePart); ok {
					return content[part.Offset:][:part.Size]
				}
				return sealed
			})
			got, err := a.releases.find(t.Context(), api.UpdateFind{System: "linux", Arch: "amd64", Newer: "1.0.0"})
			if found, _ := got.(api.UpdateFound); found.From != honest || err != nil {
				t.Errorf("found is %+v, %v", got, err)
			}
			if n := asked.Load(); n == 0 || n > 6 {
				t.Errorf("the other one was asked %d times", n)
			}
			if a.releases.store.Offers("linux", "amd64", false) == nil {
				t.Error("it does not offer what it has")
			}
		})
	}
}

// A device that asks without end gets a few answers at once, and others get theirs.
func TestFewQuestionsAboutReleasesAreAnsweredAtOnce(t *testing.T) {
	a := updater(t, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	nothing := func(wire.Message) []byte { return nil }
	greedy, other := linked(t, a, ident.DeviceID{1}, nothing), linked(t, a, ident.DeviceID{2}, nothing)
	begun, goOn := make(chan bool, 1000), make(chan bool)
	find := func() ([]byte, error) {
		begun <- true
		<-goOn
		return nil, nil
	}
	for n := range 100 {
		a.releases.serve(greedy, uint64(n), find)
	}
	a.releases.serve(other, 1, find)
	for range releasesServed + 1 {
		<-begun
	}
	close(goOn)
	a.work.Wait()
	if len(begun) > 0 {
		t.Errorf("%d more were answered at once", len(begun))
	}
	a.releases.serve(greedy, 1, find)
	<-begun
}
