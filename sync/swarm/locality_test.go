package swarm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

// placed is a bench of a device whose peers are on its network, or, after the bar, are not.
func placed(t *testing.T, here, far []ident.DeviceID) *bench {
	b := &bench{t: t, core: New(ident.FolderID{7}, ident.DeviceID{'z'}, rand.New(rand.NewPCG(1, 2)))}
	for i, p := range append(here, far...) {
		b.run(0, PeerPlaced{Peer: p, Lan: i < len(here)})
		b.run(0, PeerJoined{p})
	}
	return b
}

func TestWhatIsOnThisNetworkIsNotAskedOfFarPeers(t *testing.T) {
	b := placed(t, []ident.DeviceID{alice}, []ident.DeviceID{bob})
	r := pieces(20)
	b.stage(0, r)
	b.run(0, has(alice, r.ID(), 0, 1, 2, 3, 4))
	b.run(0, hasAll(bob, r.ID()))
	for _, a := range b.asked {
		if a.of == bob && a.Index < 5 {
			t.Fatalf("piece %d is asked of bob, who is far, and alice has it", a.Index)
		}
	}
	far := func() (n int) {
		for _, a := range b.asked {
			if a.of == bob {
				n++
			}
		}
		return n
	}
	if far() == 0 {
		t.Fatal("what alice does not have is not asked of bob")
	}
	// Alice leaves, and what she had is bob's to give.
	b.run(1, PeerLeft{alice})
	b.run(second, PartCame{bob})
	if far() != 20 {
		t.Errorf("%d of 20 pieces asked of bob when he is alone", far())
	}
}

// Of devices of one network that all want a file, each piece is asked from far by one.
func TestOnePieceIsFetchedFromFarByOneDeviceOfANetwork(t *testing.T) {
	members := []ident.DeviceID{{'p', 1}, {'q', 9}, {'r', 4}}
	r := pieces(60)
	askers := map[uint32]string{}
	for i, self := range members {
		b := &bench{t: t, core: New(ident.FolderID{7}, self, rand.New(rand.NewPCG(1, uint64(i))))}
		for _, p := range members {
			if p != self {
				b.run(0, PeerPlaced{p, true})
				b.run(0, PeerJoined{p})
			}
		}
		b.run(0, PeerJoined{bob})
		b.stage(0, r)
		for _, p := range members {
			if p != self {
				b.run(0, Heard{p, wantHave(r.ID())})
			}
		}
		b.run(0, hasAll(bob, r.ID()))
		at := 10 * ms
		for n := 0; n < len(b.asked); n++ { // all that it asks for comes
			at += 10 * ms
			if other := askers[b.asked[n].Index]; other != "" {
				t.Fatalf("piece %d is asked from far by %s and %c", b.asked[n].Index, other, self[0])
			}
			askers[b.asked[n].Index] = fmt.Sprintf("%c", self[0])
			b.run(at, PiecesStored{[]uint64{b.asked[n].Ticket}})
		}
		if len(b.asked) < 5 || len(b.asked) > 40 {
			t.Errorf("%c asks for %d of 60 pieces: not its share", self[0], len(b.asked))
		}
		// Nobody else fetches anything: it does after a while.
		had := len(b.asked)
		b.core.Tick(at + 2*second - 1)
		if due := b.core.Deadline(); due > at+2*second {
			t.Fatalf("due only at %v", due)
		}
		if got := b.show(b.core.Tick(at + 2*second)); !strings.HasPrefix(got, "ask b") || len(b.asked) != had+1 {
			t.Fatalf("%c waits for others for ever: %s", self[0], got)
		}
	}
	if len(askers) != 60 {
		t.Errorf("%d of 60 pieces are fetched by somebody", len(askers))
	}
}

// A peer on this network that is slow does not hold up what a far one has.
func TestSlowPeerHereIsNotPreferred(t *testing.T) {
	b := placed(t, []ident.DeviceID{alice}, []ident.DeviceID{bob})
	r := pieces(20)
	b.stage(0, r)
	b.run(0, hasAll(alice, r.ID()))
	b.run(0, hasAll(bob, r.ID()))
	s, o := b.core.source(alice), b.core.source(bob)
	if n := o.pieces; n != 0 {
		t.Fatalf("%d pieces asked of bob", n)
	}
	s.latency, s.rate, o.latency, o.rate = 5*lanSlow, 1000, lanSlow/10, 1e6
	b.run(second, PiecesStored{[]uint64{b.asked[0].Ticket}})
	if o.pieces == 0 {
		t.Error("alice takes ten seconds for a piece, and bob is not asked")
	}
}

// Pieces are exchanged mostly with devices of this network, and with some others always.
func TestNeighboursAreHereAndElsewhere(t *testing.T) {
	b := &bench{t: t, core: New(ident.FolderID{7}, ident.DeviceID{'z'}, rand.New(rand.NewPCG(1, 2)))}
	count := func() (here, far int) {
		for _, s := range b.core.peers {
			if s.near && s.lan {
				here++
			} else if s.near {
				far++
			}
		}
		return here, far
	}
	for i := range byte(20) {
		b.run(0, PeerJoined{ident.DeviceID{'f', i}})
	}
	if here, far := count(); here != 0 || far != nearMax {
		t.Fatalf("%d here, %d far of 20 far ones", here, far)
	}
	for i := range byte(20) {
		b.run(0, PeerPlaced{ident.DeviceID{'l', i}, true})
		b.run(0, PeerJoined{ident.DeviceID{'l', i}})
	}
	if here, far := count(); here != nearMax-farKept || far != farKept {
		t.Fatalf("%d here, %d far of 20 and 20", here, far)
	}
	for i := range byte(20) {
		b.run(0, PeerLeft{ident.DeviceID{'f', i}})
	}
	if here, far := count(); here != nearMax || far != 0 {
		t.Fatalf("%d here, %d far once the far ones have left", here, far)
	}
	b.run(0, PeerJoined{bob})
	if here, far := count(); here != nearMax-1 || far != 1 {
		t.Fatalf("%d here, %d far when one far one comes", here, far)
	}
}
