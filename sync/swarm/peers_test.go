package swarm

import (
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

// fetchingBench returns a bench with a content of so many pieces, all asked of alice.
func fetchingBench(t *testing.T, n int, peers ...ident.DeviceID) (*bench, ident.ContentID) {
	b := newBench(t, peers...)
	r := pieces(n)
	b.stage(0, r)
	b.run(0, hasAll(alice, r.ID()))
	if len(b.asked) != n {
		t.Fatalf("%d of %d pieces asked for", len(b.asked), n)
	}
	return b, r.ID()
}

func TestStalledPeerIsReplaced(t *testing.T) {
	b, content := fetchingBench(t, 3, alice, bob)
	b.do(0, hasAll(bob, content), "")
	b.came(10*second, b.asked[0].Index, "")
	if at := b.core.Deadline(); at != 40*second {
		t.Fatalf("due at %v", at)
	}
	b.tick(40*second-1, "")
	if got := b.show(b.core.Tick(40 * second)); !strings.HasPrefix(got, "cancel a 2, ask b") {
		t.Fatalf("got %s", got)
	}
	if n := len(b.asked); n != 5 || b.asked[3].of != bob || b.asked[4].of != bob {
		t.Fatalf("asked %+v", b.asked)
	}
}

func TestLoneStalledPeerIsAskedAgainLater(t *testing.T) {
	b, _ := fetchingBench(t, 2, alice)
	b.tick(30*second, "cancel a 2")
	if at := b.core.Deadline(); at != 60*second {
		t.Fatalf("due at %v", at)
	}
	b.tick(60*second, "ask a 0 1")
}

func TestPeerThatSendsWrongPiecesTwice(t *testing.T) {
	b, content := fetchingBench(t, 4, alice, bob)
	other := ident.ContentID{9}
	b.do(0, PeerHas{alice, []ident.ContentID{other}}, "")
	b.do(0, single(9), "ask a 0")
	b.do(1, PieceBad{Ticket: b.asked[0].Ticket}, "") // may be a bit that flipped
	b.do(2, PieceBad{Ticket: b.asked[1].Ticket}, "cancel a 3, ban a")
	b.do(3, hasAll(alice, content), "")
	if got := b.run(4, hasAll(bob, content)); !strings.HasPrefix(got, "ask b") || len(b.asked) != 9 {
		t.Fatalf("got %s after %d asks", got, len(b.asked))
	}
}

func TestPieceThatTheDiskRefused(t *testing.T) {
	for _, full := range []bool{false, true} {
		b, _ := fetchingBench(t, 2, alice)
		want := map[bool]string{false: "cancel a 1, failed 1", true: "cancel a 1, failed 2"}[full]
		b.do(1, PieceBad{Ticket: b.ticket(0), Ours: true, Full: full}, want)
		if s := b.core.source(alice); s.bad != 0 {
			t.Error("alice is blamed for our disk")
		}
		b, content := fetchingBench(t, 2, alice)
		b.do(1, StageFailed{Content: content, Full: full}, strings.Replace(want, "1", "2", 1))
	}
}

func TestBusyPeerIsLeftAlone(t *testing.T) {
	b, content := fetchingBench(t, 1, alice)
	busy := func(ticket uint64) Event { return Heard{alice, wire.NoPiece{Ticket: ticket, Reason: wire.Busy}} }
	b.do(second, busy(b.ticket(0)), "")
	if at := b.core.Deadline(); at != 1500*ms {
		t.Fatalf("due at %v", at)
	}
	b.tick(1500*ms-1, "")
	b.tick(1500*ms, "ask a 0")
	b.do(2*second, busy(99), "") // no ask of ours
	b.do(2*second, Heard{bob, wire.NoPiece{Ticket: b.ticket(0), Reason: wire.Busy}}, "")
	b.do(2*second, has(alice, content, 0), "")
}

func TestGoneIsAskedOfAnotherOrAskedAboutLater(t *testing.T) {
	b, content := fetchingBench(t, 1, alice, bob)
	gone := func(peer ident.DeviceID) Event {
		return Heard{peer, wire.NoPiece{Ticket: b.ticket(0), Reason: wire.Gone}}
	}
	b.do(0, hasAll(bob, content), "")
	b.do(second, gone(alice), "ask b 0")
	b.do(20*second, gone(bob), "")
	b.tick(21*second-1, "")
	b.tick(21*second, "a: want 1, b: want 1")
	b.tick(24*second, "a: want 1, b: want 1")
	b.do(25*second, has(alice, content, 0), "ask a 0")
}

func TestPatienceEnds(t *testing.T) {
	b := newBench(t, alice)
	b.do(second, single(1), "a: want 1")
	for _, at := range []step.Instant{4, 7, 10} {
		b.tick(at*second, "a: want 1")
	}
	if at := b.core.Deadline(); at != 11*second {
		t.Fatalf("due at %v", at)
	}
	b.tick(11*second, "failed 0")
	if at := b.core.Deadline(); at != step.Never {
		t.Fatalf("still something due at %v", at)
	}
	b.do(12*second, single(1), "a: want 1") // the folder tries again
}

// Patience counts from when the last holder was lost, however long the fetch took before.
func TestPatienceBeginsWhenTheLastHolderIsLost(t *testing.T) {
	b, content := fetchingBench(t, 2, alice)
	b.came(29*second, 0, "")
	b.do(50*second, PeerLeft{alice}, "cancel a 1")
	b.tick(50*second, "")
	b.do(55*second, PeerJoined{alice}, "a: want 1")
	b.do(56*second, hasAll(alice, content), "ask a 1")
	b.do(57*second, PieceBad{Ticket: b.ticket(1)}, "")
	b.tick(57*second, "")
	b.tick(58*second, "a: want 1")
	b.tick(67*second, "failed 0")

	b, _ = fetchingBench(t, 1, alice)
	b.do(20*second, PeerLeft{alice}, "cancel a 1")
	if at := b.core.Deadline(); at > 30*second {
		t.Fatalf("due at %v", at)
	}
	b.tick(21*second, "")
	b.tick(30*second, "failed 0")
}

// A wrong recipe of the only holder must not leave the content waiting without end.
func TestWrongRecipeOfTheOnlyHolder(t *testing.T) {
	b := newBench(t, alice)
	r, wrong := pieces(4), pieces(4)
	wrong.Chunks[0].ID[0]++
	b.run(0, wanting(r))
	b.run(0, RecipeFound{Content: r.ID()})
	b.do(0, hasAll(alice, r.ID()), "a: recipe 1")
	b.do(5*second, recipes(alice, r, wrong, 0), "")
	b.tick(6*second, "a: want 1")
	b.do(7*second, hasAll(alice, r.ID()), "a: recipe 1")
	b.do(8*second, recipes(alice, r, wrong, 0), "ban a")
	b.tick(18*second, "failed 0")
}

// A peer that never answers about a recipe must not hold the content for ever.
func TestRecipeThatDoesNotComeIsAskedOfAnother(t *testing.T) {
	b := newBench(t, alice, bob)
	r := pieces(4)
	b.run(0, wanting(r))
	b.run(0, RecipeFound{Content: r.ID()})
	b.do(0, hasAll(alice, r.ID()), "a: recipe 1")
	b.do(1*second, hasAll(bob, r.ID()), "")
	b.tick(29*second, "")
	if at := b.core.Deadline(); at != 30*second {
		t.Fatalf("due at %v", at)
	}
	b.tick(30*second, "b: recipe 1")
	b.do(31*second, recipes(bob, r, r, 0), "OpenStage")
}

func TestPeerThatLeavesReturnsItsAsks(t *testing.T) {
	b, content := fetchingBench(t, 3, alice, bob)
	b.do(0, hasAll(bob, content), "")
	ticket := b.asked[0].Ticket
	got := b.run(1, PeerLeft{alice})
	if !strings.HasPrefix(got, "cancel a 3, ask b") || len(b.asked) != 6 {
		t.Fatalf("got %s", got)
	}
	b.do(2, PiecesStored{[]uint64{ticket}}, "") // an ask taken back has no say any more
	b.do(3, PeerJoined{alice}, "a: want 1")
}

func wantHave(contents ...ident.ContentID) wire.WantHave { return wire.WantHave{Contents: contents} }

func TestHavesAreGathered(t *testing.T) {
	b, content := fetchingBench(t, 6, alice, bob)
	b.came(0, 5, "")
	b.do(0, Heard{bob, wantHave(content)}, "b: have [5]")
	b.came(second, 3, "")
	b.came(second+50*ms, 1, "")
	if at := b.core.Deadline(); at != second+100*ms {
		t.Fatalf("due at %v", at)
	}
	b.tick(second+100*ms, "b: have [1 3 5]")
	b.came(2*second, 0, "")
	b.came(2*second, 2, "")
	b.came(2*second, 4, "ContentReady, b: have all")
	b.do(3*second, ContentsHere{[]ident.ContentID{content}}, "b: have all")
	b.do(4*second, ContentsHere{[]ident.ContentID{content}}, "")
}

func TestWhoAskedEarlyIsToldOnceContentIsHere(t *testing.T) {
	b := newBench(t, alice, bob)
	content := single(1).Content
	b.do(0, Heard{bob, wantHave(content)}, "check b 1")
	b.do(1, HavesChecked{bob, []ident.ContentID{content}, []bool{false}}, "")
	b.do(2, PeerHas{alice, []ident.ContentID{content}}, "")
	b.do(2, single(1), "ask a 0")
	b.came(3, 0, "ContentReady") // a single piece is served from its place only
	b.do(4, ContentsHere{[]ident.ContentID{content}}, "b: have all")

	here := single(2).Content
	b.do(5, Heard{bob, wantHave(here)}, "check b 1")
	b.do(6, HavesChecked{bob, []ident.ContentID{here}, []bool{true}}, "b: have all")
	b.do(7, ContentsHere{[]ident.ContentID{here}}, "")
	b.do(8, Heard{bob, wantHave(content)}, "check b 1")
	b.do(9, PeerLeft{bob}, "")
	b.do(9, ContentsHere{[]ident.ContentID{content}}, "")
}

func TestFloodOfQuestionsIsBounded(t *testing.T) {
	b := newBench(t, alice)
	checks := 0
	contents := make([]ident.ContentID, wire.HaveMax)
	for n := range 2 * interestMax / wire.HaveMax {
		for i := range contents {
			contents[i] = ident.ContentID{1, byte(n), byte(i >> 8), byte(i)}
		}
		checks += strings.Count(b.run(0, Heard{alice, wantHave(contents...)}), "check")
	}
	if checks != checksMax {
		t.Errorf("the index is asked %d times at once", checks)
	}
	if n := len(b.core.interest); n != interestMax {
		t.Errorf("%d contents remembered for whoever asks", n)
	}
	b.do(0, HavesChecked{Peer: alice}, "")
	b.do(0, Heard{alice, wantHave(contents[0])}, "check a 1")
	for i := range hintsMax + 5 {
		b.run(0, PeerHas{alice, []ident.ContentID{{2, byte(i >> 16), byte(i >> 8), byte(i)}}})
	}
	if n := len(b.core.hints); n > hintsMax {
		t.Errorf("%d hints", n)
	}
}
