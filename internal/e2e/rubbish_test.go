//go:build unix

package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// stranger is a device whose program says what the test wants.
type stranger struct {
	endpoint *direct.Endpoint
	id       ident.DeviceID
}

func newStranger(t *testing.T, seed uint64) stranger {
	t.Helper()
	key := ed25519.NewKeyFromSeed(noise(seed, ed25519.SeedSize))
	endpoint, err := direct.New(direct.Options{Key: key})
	must(t, err)
	return stranger{endpoint, ident.DeviceFromKey(key.Public().(ed25519.PublicKey))}
}

func (s stranger) dial(a *agent) (*direct.Link, error) {
	a.t.Helper()
	id, err := ident.ParseDevice(a.id)
	must(a.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.endpoint.Dial(ctx, id, netip.MustParseAddrPort(a.listen))
}

// TestRubbishFromStrangers knocks at the port in ways no device does.
func TestRubbishFromStrangers(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	knock := func(say func(net.Conn)) {
		conn, err := net.Dial("tcp", a.listen)
		must(t, err)
		defer conn.Close()
		must(t, conn.SetDeadline(time.Now().Add(3*time.Second)))
		say(conn)
	}
	for i := range 3 {
		knock(func(c net.Conn) { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: shoal\r\n\r\n") })
		knock(func(c net.Conn) { _, _ = c.Write(noise(uint64(i), 100<<10)) })
		knock(func(net.Conn) {})
		knock(func(c net.Conn) { // TLS without a certificate
			secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"shoal/1"}})
			_ = secure.Handshake() // TLS 1.3 lets the client finish first
			if _, err := secure.Read(make([]byte, 1)); err == nil {
				t.Error("a caller without a certificate was answered")
			}
		})
	}
	// Many silent ones hold places, but not all of them and not for ever.
	for range 40 {
		conn, err := net.Dial("tcp", a.listen)
		must(t, err)
		defer conn.Close()
	}
	if _, err := newStranger(t, 7).dial(b); !errors.Is(err, direct.ErrNotTrusted) {
		t.Errorf("a device that is not trusted was answered %v", err)
	}
	a.put("after", "still at work")
	settle(a, b)
}

// TestRubbishFromTrusted lets a trusted member of the folder break the rules in every way
// that comes to mind. Its link ends with a reason; the other member notices nothing.
func TestRubbishFromTrusted(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("file", "content")
	settle(a, b)
	s := newStranger(t, 99)
	a.command("device", "add", s.id.String(), "--name", "mallory").done(t)
	a.command("folder", "share", shared, "mallory").done(t)
	all := rubbish(a.folder().ID)
	if err := s.speak(a, all[wrongLog], true); err != nil { // before it is believed no more
		t.Fatalf("%s: %v", wrongLog, err)
	}
	delete(all, wrongLog)
	for what, frames := range all {
		if err := s.speak(a, frames, false); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	said := a.listenTo(0)
	for _, why := range []string{"it broke the protocol", "do not fit log"} {
		a.eventually(patience, "an event says why mallory's link ended", func() error {
			return said.heard(status.LinkDown, why)
		})
	}
	a.command("device", "remove", "mallory").done(t)
	a.eventually(patience, "mallory is gone", func() error {
		_, err := s.dial(a)
		if !errors.Is(err, direct.ErrNotTrusted) {
			return fmt.Errorf("mallory was answered %v", err)
		}
		return nil
	})
	a.put("after", "still at work")
	rescan(a, b)
	b.eventually(patience, "bert has what anna wrote", func() error {
		if !b.exists("after") {
			return errors.New("it is missing")
		}
		return nil
	})
	if f := a.folder(); f.State == "" || !a.exists("file") {
		t.Errorf("anna's folder: %+v", f)
	}
	if d := a.device(b); !d.Connected {
		t.Errorf("bert was disconnected: %s", d.LastProblem)
	}
}

// rubbish is what a member may say that no program of ours ever says, by what it is.
func rubbish(folder ident.FolderID) map[string][][]byte {
	other := folder
	other[0] ^= 1
	join := joining(folder)
	one := func(e tree.Entry) [][]byte { return telling(folder, e) }
	ask := wire.PieceAsk{Ticket: 1, Content: ident.ContentID{1}, Size: 1 << 31}
	return map[string][][]byte{
		"noise":            {noise(1, 1000)},
		"an unknown type":  {{200, 1, 2, 3}},
		"a cut join":       {join[:len(join)/2]},
		"a huge count":     {append([]byte{16}, 255, 255, 255, 255, 255, 255, 255, 255, 127)},
		"unasked slices":   {wire.Append(nil, wire.Slice{Ticket: 5, Body: noise(2, 1000)})},
		"unasked rows":     {wire.Append(nil, wire.Rows{Folder: folder, Log: 3, After: 9, Upto: 2})},
		"another folder":   {wire.Append(nil, wire.Join{Folder: other, Replica: 77})},
		"rows with a gap":  {join, wire.Append(nil, wire.Rows{Folder: folder, Log: 78, After: 4, Upto: 5})},
		wrongLog:           {join, wire.Append(nil, wire.Rows{Folder: folder, Log: 79, Upto: 5})},
		"a goodbye":        {wire.Append(nil, wire.Goodbye{Reason: "bye"})},
		"wild asks":        {join, wire.Append(nil, wire.AskPieces{Folder: folder, Items: []wire.PieceAsk{ask, ask}})},
		"no such recipe":   {join, wire.Append(nil, wire.AskRecipes{Folder: folder, Contents: []ident.ContentID{{9}}})},
		"many joins":       {join, join, join, join, join},
		"our own replica?": {wire.Append(nil, wire.Join{Folder: folder, Replica: 77, TookLog: 1, TookSeq: 1 << 60})},
		"a name with ..": one(tree.Entry{ID: ident.EntryID{1}, Kind: tree.Link,
			Place: tree.Placement{Name: ".."}, Content: tree.Content{Target: "x"}}),
		"a private name": one(tree.Entry{ID: ident.EntryID{2}, Kind: tree.Link,
			Place: tree.Placement{Name: ".shoal"}, Content: tree.Content{Target: "x"}}),
		"an entry below a file": one(tree.Entry{ID: ident.EntryID{3}, Kind: tree.Dir,
			Place: tree.Placement{Parent: ident.EntryID{3}, Name: "loop"}}),
		"the root as an entry": one(tree.Entry{Kind: tree.Dir, Place: tree.Placement{Name: "x"}}),
		"content nobody has": one(tree.Entry{ID: ident.EntryID{4}, Kind: tree.File,
			Place:   tree.Placement{Name: "promised"},
			Content: tree.Content{ID: ident.ContentID{7}, Size: 1 << 40}}),
	}
}

// joining is a Join as it should be.
func joining(folder ident.FolderID) []byte {
	return wire.Append(nil, wire.Join{Folder: folder, Replica: 77, Log: 78, Head: 5, Counter: 5})
}

// telling is a Join and one row with the entry.
func telling(folder ident.FolderID, e tree.Entry) [][]byte {
	v := version.Version{
		Dot:   version.Dot{Replica: 77, Counter: 1},
		Seen:  version.Vector{}.With(version.Dot{Replica: 77, Counter: 1}),
		Stamp: version.Stamp{Time: version.Hybrid(1 << 60), Replica: 77},
	}
	for _, at := range []*version.Version{&e.Place.Version, &e.Content.Version, &e.Attrs.Version} {
		*at = v
	}
	e.Place.Context, e.Content.Context, e.Attrs.Context = v.Seen, v.Seen, v.Seen
	return [][]byte{joining(folder), wire.Append(nil, wire.Rows{Folder: folder, Log: 78, Upto: 5,
		Entries: []tree.Entry{e}, Has: []bool{true}})}
}

// wrongLog is the rubbish on which a core, and not the decoder, must hang up.
const wrongLog = "rows of another log"

// speak opens a link, says the frames, and waits until they have been heard, or, when they
// are fatal, until the agent hangs up.
func (s stranger) speak(a *agent, frames [][]byte, fatal bool) error {
	var link *direct.Link
	err := poll(patience, func() (err error) {
		link, err = s.dial(a) // the last link may not have ended there yet
		return err
	})
	if err != nil {
		return err
	}
	defer link.Close("done")
	ended := make(chan struct{})
	taken := make(chan struct{}, 1)
	go func() {
		defer close(ended)
		_ = link.Receive(func(frame []byte) error {
			m, err := wire.Parse(frame)
			if err != nil {
				return err
			}
			switch m := m.(type) {
			case wire.Ping:
				err = link.Send(direct.Metadata, wire.Append(nil, wire.Pong(m)))
			case wire.Pong:
			default:
				return nil
			}
			select {
			case taken <- struct{}{}:
			default:
			}
			return err
		})
	}()
	// A leader pings first; a follower waits to be pinged.
	if err := link.Send(direct.Metadata, wire.Append(nil, wire.Ping{Nonce: 1})); err != nil {
		return err
	}
	select {
	case <-taken:
	case <-ended:
	case <-time.After(patience):
		return errors.New("the agent did not take the link up")
	}
	for _, f := range frames {
		if err := link.Send(direct.Metadata, f); err != nil {
			break // it has hung up already
		}
	}
	// A ping behind them is answered when they have been heard, unless the link has ended.
	for len(taken) > 0 {
		<-taken
	}
	// Whether it can still be sent does not matter.
	_ = link.Send(direct.Metadata, wire.Append(nil, wire.Ping{Nonce: 2}))
	answered := taken
	if fatal {
		answered = nil
	}
	select {
	case <-answered:
	case <-ended:
	case <-time.After(patience):
		return errors.New("the agent neither answered nor hung up")
	}
	return nil
}
