package swarm

import (
	"encoding/binary"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

// A few bytes of a peer must not take megabytes here.
func TestClaimsAboutPiecesThatCannotBe(t *testing.T) {
	b := newBench(t, alice, bob)
	r := pieces(40)
	b.run(0, wanting(r))
	b.run(0, has(alice, r.ID(), 1<<20-1))
	if h := b.core.wants[r.ID()].holders[alice]; len(h.pieces) > 1 {
		t.Errorf("a claim about a piece that no such file has takes %d words", len(h.pieces))
	}
}

func TestAsksForPiecesThatDoNotExist(t *testing.T) {
	b := newBench(t, alice, bob)
	for i := range uint32(200) {
		e := PiecesAsked{Peer: alice, Items: []wire.PieceAsk{{Ticket: uint64(i), Index: 1<<20 - 1, Size: 1}}}
		binary.BigEndian.PutUint32(e.Items[0].Content[:], i)
		b.run(0, e)
		b.run(0, PiecesServed{alice, 1})
	}
	u := &b.core.uploads
	held := 0
	for _, g := range u.given {
		held += len(g.times)
	}
	if held != u.givenBytes || held > givenBytesMax || len(u.order) != len(u.given) {
		t.Errorf("%d bytes are held, %d are counted, of %d and %d contents", held, u.givenBytes, len(u.given), len(u.order))
	}
}

// A lone peer gets much at once, but not so much that another one would wait for long.
func TestWhoComesLaterIsServedSoon(t *testing.T) {
	b := newBench(t, alice, bob)
	var e PiecesAsked
	e.Peer = alice
	for i := range uint32(1000) {
		e.Items = append(e.Items, wire.PieceAsk{Ticket: uint64(i), Content: ident.ContentID{5}, Index: i, Size: pieceSize})
	}
	b.run(0, e)
	u := &b.core.uploads
	if u.inHand != handAlone {
		t.Fatalf("%d bytes in hand", u.inHand)
	}
	b.run(1, asking(bob, 2000))
	b.run(2, PiecesServed{alice, 128})
	if a := u.of(bob); len(a.hand) != 1 {
		t.Errorf("bob still waits: %+v", a)
	}
}
