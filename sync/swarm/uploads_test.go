package swarm

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

// asking is what a peer asks for: pieces of one content, with the tickets 100, 101 and on.
func asking(peer ident.DeviceID, indexes ...uint32) PiecesAsked {
	e := PiecesAsked{Peer: peer}
	for i, index := range indexes {
		e.Items = append(e.Items, wire.PieceAsk{
			Ticket: uint64(100 + i), Content: ident.ContentID{5}, Index: index, Size: pieceSize,
		})
	}
	return e
}

func TestOnePeerIsServedAllAtOnce(t *testing.T) {
	b := newBench(t, alice, bob)
	b.do(0, asking(alice, 0, 1, 2, 3, 4, 5, 6, 7), "serve a 0 1 2 3 4 5 6 7")
	b.do(1, PiecesServed{alice, 8}, "")
	b.do(1, asking(bob, 0, 1), "serve b 0 1") // nothing that was not given waits
}

func TestEachPieceIsGivenOnceBeforeAnyIsGivenTwice(t *testing.T) {
	b := newBench(t, alice, bob)
	b.do(0, asking(alice, 0), "serve a 0")
	b.do(0, asking(bob, 1, 2, 3, 4, 5, 6, 7), "serve b 1, serve b 2")
	// Alice wants one that Bob is promised, and one that nobody is.
	b.do(1, asking(alice, 5, 9), "a: wire.NoPiece, AsksEnded")
	b.do(2, PiecesServed{alice, 1}, "serve a 9")
	b.do(3, PiecesServed{bob, 2}, "serve b 3, serve b 4")
	b.do(4, Heard{bob, wire.YieldPieces{Tickets: []uint64{104, 102, 77}}}, "b: wire.NoPiece, AsksEnded")
	b.do(5, AsksCanceled{bob, []uint64{105}}, "AsksEnded")
	b.do(6, PeerLeft{bob}, "AsksEnded")
	if u := b.core.uploads; u.pieces != 1 || u.inHand != pieceSize {
		t.Errorf("%d pieces, %d bytes in hand when only alice is being served one", u.pieces, u.inHand)
	}
}

// Peers take turns, whatever one of them asks for.
func TestPeersAreServedInTurn(t *testing.T) {
	b := newBench(t, alice, bob, carol)
	b.stage(0, pieces(40)) // so that nothing is refused for being promised already
	content := pieces(40).ID()
	ask := func(p ident.DeviceID, n uint32) {
		e := asking(p)
		for i := range n {
			e.Items = append(e.Items, wire.PieceAsk{Ticket: uint64(i), Content: content, Index: i, Size: pieceSize})
		}
		b.run(0, e)
	}
	ask(alice, 30)
	ask(bob, 30)
	ask(carol, 30)
	served := map[ident.DeviceID]int{}
	for range 60 {
		for _, p := range []ident.DeviceID{alice, bob, carol} {
			for _, f := range b.core.Handle(1, PiecesServed{p, 1}) {
				if s, ok := f.(Serve); ok {
					served[s.Peer] += len(s.Items)
				}
			}
		}
		if served[bob] > 12 {
			break
		}
	}
	if d := served[bob] - served[carol]; d < -2 || d > 2 {
		t.Errorf("served while all asked: %v", served)
	}
}

func TestSlowReceiverHoldsUpNobody(t *testing.T) {
	b := newBench(t, alice, bob)
	b.do(0, asking(alice, 0, 1, 2, 3), "serve a 0 1 2 3")
	b.do(1, asking(bob, 4, 5), "")
	if at := b.core.Deadline(); at != 2*second {
		t.Fatalf("due at %v", at)
	}
	b.tick(2*second, "serve b 4, serve b 5")
}
