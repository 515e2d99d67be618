package swarm

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

// small returns a content of one piece, and an ask for it.
func small(n int) (ident.ContentID, wire.PieceAsk) {
	id := ident.ContentID{byte(n), byte(n >> 8), 1}
	return id, wire.PieceAsk{Ticket: uint64(n + 1), Content: id, Chunk: ident.ChunkID(id), Size: 100}
}

// Whoever got small files says so to those that are not known to have them, unasked and in
// one message.
func TestSmallFilesAreToldOf(t *testing.T) {
	b := newBench(t, alice, bob, carol)
	var contents []ident.ContentID
	for n := range 3 {
		id, _ := small(n)
		contents = append(contents, id)
		b.run(0, PeerHas{Peer: alice, Contents: []ident.ContentID{id}})
		b.run(0, ContentWanted{Content: id, Size: 100})
	}
	b.run(ms, Heard{bob, wire.Have{Items: []wire.HaveItem{{Content: contents[0], All: true}}}})
	for _, a := range b.asked {
		b.run(2*ms, PiecesStored{[]uint64{a.Ticket}})
	}
	// Carol has got one from somebody else in the meantime.
	b.run(3*ms, Heard{carol, wire.Have{Items: []wire.HaveItem{{Content: contents[1], All: true}}}})
	b.do(4*ms, ContentsHere{contents}, "b: have all all, c: have all all")
	b.do(5*ms, ContentsHere{contents}, "")
}

// A device that gives many small files away gives each once, and leaves the rest to those
// who got them; a few it gives to everybody.
func TestSmallFilesAreGivenOnce(t *testing.T) {
	b := newBench(t, alice, bob, carol)
	var items []wire.PieceAsk
	for n := range lotLeast {
		_, item := small(n)
		items = append(items, item)
	}
	ask := func(at int, from ident.DeviceID, items ...wire.PieceAsk) string {
		got := b.run(second+step.Instant(at)*ms, PiecesAsked{from, items})
		b.run(second+step.Instant(at)*ms, PiecesServed{from, len(items)})
		return got
	}
	if got := ask(0, alice, items[0]); got != "serve a 0" {
		t.Fatalf("the first is answered %q", got)
	}
	if got := ask(1, bob, items[0]); got != "serve b 0" {
		t.Errorf("one of a few is answered %q", got)
	}
	ask(2, alice, items...)
	if got := ask(3, bob, items[5]); got != "b: wire.NoPiece, AsksEnded" {
		t.Errorf("one of many that another was given is answered %q", got)
	}
	if got := ask(4, alice, items[5]); got != "serve a 0" {
		t.Errorf("asked for again by who was given it, it is answered %q", got)
	}
	b.run(second+5*ms, PeerLeft{alice})
	if got := ask(6, bob, items[6]); got != "serve b 0" {
		t.Errorf("one whose receiver has left is answered %q", got)
	}
	if got := ask(7, carol, items[6]); got != "c: wire.NoPiece, AsksEnded" {
		t.Errorf("one that was just given is answered %q", got)
	}
	if got := ask(int(wholeTime/time.Millisecond)+7, carol, items[6]); got != "serve c 0" {
		t.Errorf("one that was given long ago is answered %q", got)
	}
}

// While a device has many files to give that nobody has, it gives none twice, however long
// those who were given the first ones take to pass them on.
func TestManySmallFilesAreGivenBeforeAnyTwice(t *testing.T) {
	b := newBench(t, alice, bob)
	at := second
	give := func(n int, to ident.DeviceID) string {
		_, item := small(n)
		got := b.run(at, PiecesAsked{to, []wire.PieceAsk{item}})
		b.run(at, PiecesServed{to, 1})
		return got
	}
	for n, end := 0, at.Add(3*wholeTime); at < end; at += 25 * ms {
		give(n, alice)
		n++
	}
	if got := give(0, bob); got != "b: wire.NoPiece, AsksEnded" {
		t.Errorf("while new ones go out, one that was given is answered %q", got)
	}
	at = at.Add(wholeTime)
	if got := give(0, bob); !strings.HasPrefix(got, "serve b") {
		t.Errorf("a while after the last new one has gone out, it is answered %q", got)
	}
}

// Devices that can have files from nobody but the one who wrote them wait once for those who
// were given them first, and not for each other as well.
func TestDevicesWithoutEachOtherWaitOnce(t *testing.T) {
	b := newBench(t, alice, bob, carol)
	var items []wire.PieceAsk
	for n := range lotLeast {
		_, item := small(n)
		items = append(items, item)
	}
	b.run(second, PiecesAsked{alice, items})
	b.run(second, PiecesServed{alice, len(items)})
	b.do(2*second, PiecesAsked{bob, items[3:4]}, "b: wire.NoPiece, AsksEnded")
	at := second + step.Instant(wholeTime)
	for _, who := range []ident.DeviceID{bob, carol} {
		if got := b.run(at, PiecesAsked{who, items[3:4]}); !strings.HasPrefix(got, "serve") {
			t.Errorf("%c is answered %q", who[0], got)
		}
		b.run(at, PiecesServed{who, 1})
	}
}

// Who takes many small files and passes none on does not hold others up for long; who passes
// on most of them does not lose its turn for the rest.
func TestWhoKeepsSmallFilesIsNotWaitedFor(t *testing.T) {
	for _, c := range []struct {
		every int // of the files that alice was given bob has to ask for one in so many
		want  string
	}{{1, "serve b"}, {5, "b: wire.NoPiece"}} {
		b := newBench(t, alice, bob, carol)
		at := second
		give := func(n int, to ident.DeviceID) string {
			_, item := small(n)
			got := b.run(at, PiecesAsked{to, []wire.PieceAsk{item}})
			b.run(at, PiecesServed{to, 1})
			return got
		}
		var got string
		old := 0
		for n := range 1200 {
			give(n, alice)
			if n >= 410 && n%c.every == 0 {
				old = n - 410
				got = give(old, bob)
			}
			at += 25 * ms
		}
		if !strings.HasPrefix(got, c.want) {
			t.Fatalf("bob, who asks for one in %d, is answered %q", c.every, got)
		}
		if c.every > 1 {
			continue
		}
		if got := give(old, carol); !strings.HasPrefix(got, "c: wire.NoPiece") {
			t.Errorf("carol is given at once what bob was just given: %q", got)
		}
		at = at.Add(pieceTime)
		if got := give(old, carol); !strings.HasPrefix(got, "serve c") {
			t.Errorf("after a while carol is answered %q", got)
		}
	}
}
