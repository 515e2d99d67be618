package swarm

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
	b.came(10*second, b.asked[0].Index, "")
	b.do(11*second, hasAll(bob, content), "yield a 1")
	if got := b.show(b.core.Tick(11 * second)); got != "ask b "+fmt.Sprint(b.asked[1].Index) {
		t.Fatalf("nobody else is asked for what alice is slow to send: %s", got)
	}
	b.do(12*second, PeerLeft{bob}, "cancel b 1")
	b.do(13*second, PeerJoined{bob}, "b: want 1")
	b.tick(40*second-1, "")
	b.tick(40*second, "cancel a 2")
	b.run(41*second, hasAll(bob, content))
	if n := len(b.asked); n != 6 || b.asked[4].of != bob || b.asked[5].of != bob {
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

// A peer that says it holds a content, and says that it does not when it is asked, again and
// again, does not keep it waiting for ever.
func TestPatienceEndsWithWhoSaysBoth(t *testing.T) {
	b, content := fetchingBench(t, 2, alice)
	b.came(20*second, 0, "")
	gone := func(at step.Instant, asked string) {
		b.do(at*second, Heard{alice, wire.NoPiece{Ticket: b.ticket(1), Reason: wire.Gone}}, "")
		b.tick((at+1)*second, asked)
	}
	gone(25, "a: want 1")
	for at := step.Instant(26); at < 34; at++ {
		b.do(at*second, has(alice, content, 1), "ask a 1")
		gone(at, "a: want 1")
	}
	b.tick(35*second, "failed 0")
}

// Nor does one that says that it has the recipe of a content, and has none when it is asked.
func TestPatienceEndsWithWhoHasNoRecipe(t *testing.T) {
	b := newBench(t, alice)
	r := pieces(4)
	b.run(0, wanting(r))
	b.run(0, RecipeFound{Content: r.ID()})
	for at := step.Instant(1); at < 11; at++ {
		b.do(at*second, hasAll(alice, r.ID()), "a: recipe 1")
		b.do(at*second, Heard{alice, wire.Recipes{Parts: []wire.RecipePart{{Content: r.ID()}}}}, "")
		b.tick((at+1)*second-1, "")
	}
	b.tick(11*second, "failed 0")
}

func TestPatienceEnds(t *testing.T) {
	b := newBench(t, alice)
	b.do(second, single(1), "a: want 1")
	b.tick(4*second, "OpenStage, a: want 1") // it may be on this device
	for _, at := range []step.Instant{7, 10} {
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
	b.tick(29*second, "")
	if at := b.core.Deadline(); at != 30*second {
		t.Fatalf("due at %v", at)
	}
	b.tick(30*second, "")
	b.do(31*second, hasAll(bob, r.ID()), "b: recipe 1")
	b.do(32*second, recipes(bob, r, r, 0), "OpenStage")
}

// Who is silent about a recipe must not hold up a file that others have, and who is only
// slow is not asked for nothing.
func TestRecipeIsAskedOfOthersBesideASilentOne(t *testing.T) {
	b := newBench(t, alice, bob, carol)
	r := pieces(40)
	b.run(0, wanting(r))
	b.run(0, RecipeFound{Content: r.ID()})
	b.do(0, hasAll(alice, r.ID()), "a: recipe 1")
	b.do(1*second, hasAll(bob, r.ID()), "")
	b.do(1*second, hasAll(carol, r.ID()), "")
	b.tick(3*second, "")
	if at := b.core.Deadline(); at != 4*second {
		t.Fatalf("due at %v", at)
	}
	b.tick(4*second, "b: recipe 1")
	half := recipes(bob, r, r, 100).(Heard).Message.(wire.Recipes)
	b.do(5*second, Heard{bob, wire.Recipes{Parts: half.Parts[:2]}}, "")
	b.tick(8*second, "")
	b.tick(9*second, "c: recipe 1") // bob has told nothing since
	b.tick(13*second, "")
	b.do(14*second, recipes(alice, r, r, 100), "OpenStage")
	b.do(15*second, Heard{bob, wire.Recipes{Parts: half.Parts[2:]}}, "")
	if n := b.core.source(bob).bad; n != 0 {
		t.Errorf("bob is blamed %d times for an answer that came late", n)
	}
}

func TestPeerThatLeavesReturnsItsAsks(t *testing.T) {
	b, content := fetchingBench(t, 3, alice, bob)
	b.core.source(alice).latency = 1 // she has answered before
	b.do(0, hasAll(bob, content), "yield a 1")
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
	b.run(second, asking(bob, 0, 1, 2, 3, 4, 5, 6, 7))
	b.came(second, 3, "b: have [3]") // one alone is told of at once
	b.came(second+10*ms, 1, "")
	b.came(second+20*ms, 0, "")
	if at := b.core.freshDue; at != second+30*ms {
		t.Fatalf("due at %v", at)
	}
	b.tick(second+30*ms, "b: have [0 1]")
	b.came(second+40*ms, 2, "")
	b.came(2*second, 4, "ContentReady, b: have all")
	b.do(3*second, ContentsHere{[]ident.ContentID{content}}, "b: have all")
	b.do(4*second, ContentsHere{[]ident.ContentID{content}}, "")
}

// A device that is asked for little tells sooner of what it has got: it could send that
// already.
func TestWhoIsAskedForLittleTellsSoon(t *testing.T) {
	b, content := fetchingBench(t, 6, alice, bob)
	b.do(0, Heard{bob, wantHave(content)}, "")
	b.run(second, asking(bob, 0, 1, 2, 3, 4, 5, 6))
	b.came(second, 3, "b: have [3]")
	b.came(second+2*ms, 1, "")
	if at := b.core.freshDue; at != second+5*ms {
		t.Fatalf("due at %v", at)
	}
	b.tick(second+5*ms, "b: have [1]")
}

// The only piece that a peer is asked for is left to one that has answered sooner, and never
// to one that takes as long: those two would leave it to each other for ever.
func TestTheOnlyPieceGoesToWhoAnswersSooner(t *testing.T) {
	for _, c := range []struct {
		bob  time.Duration
		want string
	}{{1, "yield a 1"}, {2, ""}, {3, ""}, {0, ""}} {
		b, content := fetchingBench(t, 1, alice, bob)
		b.core.source(alice).latency, b.core.source(bob).latency = 2*time.Millisecond, c.bob*time.Millisecond
		b.do(ms, hasAll(bob, content), c.want)
		if c.want == "" {
			continue
		}
		b.do(2*ms, Heard{alice, wire.NoPiece{Ticket: b.asked[0].Ticket, Reason: wire.Yielded}}, "ask b 0")
	}
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
	b.do(9, HavesChecked{bob, []ident.ContentID{content}, []bool{true}}, "") // asked before it went
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
	b.run(0, PeerJoined{bob}) // who floods takes nothing from the others
	mine := single(9).Content
	b.do(0, Heard{bob, wantHave(mine)}, "check b 1")
	b.do(0, HavesChecked{bob, []ident.ContentID{mine}, []bool{false}}, "")
	b.do(1, ContentsHere{[]ident.ContentID{mine}}, "b: have all")
	b.run(1, PeerLeft{alice})
	if n := len(b.core.interest); n != 0 {
		t.Errorf("%d contents remembered for who left", n)
	}
	b.run(1, PeerJoined{alice})
	for i := range hintsMax + 5 {
		b.run(0, PeerHas{alice, []ident.ContentID{{2, byte(i >> 16), byte(i >> 8), byte(i)}}})
	}
	if n := len(b.core.hints); n > hintsMax {
		t.Errorf("%d hints", n)
	}
}

// What a peer asked about long ago and never came must not keep it from hearing news, nor
// may one that asks about the same again and again take room without end.
func TestOldQuestionsGiveWayToNewOnes(t *testing.T) {
	b := newBench(t, alice)
	for n := range interestMax/interestLeast - 1 {
		b.run(0, PeerJoined{ident.DeviceID{50, byte(n)}})
	}
	for i := range interestLeast + 10 {
		b.run(1, Heard{alice, wantHave(ident.ContentID{1, byte(i >> 8), byte(i)})})
		b.run(1, HavesChecked{Peer: alice})
	}
	mine := single(9).Content
	s := b.core.source(alice)
	for range 4 * interestLeast {
		b.run(2, Heard{alice, wantHave(mine)})
		b.run(2, HavesChecked{Peer: alice})
		if got := b.run(3, ContentsHere{[]ident.ContentID{mine}}); got != "a: have all" {
			t.Fatalf("%q is told", got)
		}
	}
	if s.curious != len(b.core.interest) || s.curious > interestLeast || len(s.interests) > 2*interestLeast+1 {
		t.Errorf("%d of %d contents, and %d in its list", s.curious, len(b.core.interest), len(s.interests))
	}
}

// Of peers that leave at once nobody is asked for what was asked of another of them.
func TestPeersThatLeaveTogether(t *testing.T) {
	b := newBench(t, alice, bob)
	r := pieces(20)
	b.stage(0, r)
	b.run(0, hasAll(alice, r.ID()))
	b.run(0, hasAll(bob, r.ID()))
	got := b.run(second, PeersLeft{[]ident.DeviceID{alice, bob}})
	if strings.Contains(got, "ask") || !strings.Contains(got, "cancel a") && !strings.Contains(got, "cancel b") {
		t.Errorf("both left: %s", got)
	}
}

// Who tells a recipe byte by byte must not hold up a file that others have, nor for ever be
// one of those who are asked; who tells nothing at all with many words lies.
func TestATrickledRecipeHoldsNothingUp(t *testing.T) {
	b := newBench(t, alice, bob)
	r := pieces(40)
	b.run(0, wanting(r))
	b.run(0, RecipeFound{Content: r.ID()})
	b.do(0, hasAll(alice, r.ID()), "a: recipe 1")
	b.do(0, hasAll(bob, r.ID()), "")
	parts := recipes(alice, r, r, 1).(Heard).Message.(wire.Recipes).Parts
	besides := step.Instant(0)
	for at := range step.Instant(36) {
		if got := b.show(b.core.Tick(at * second)); got == "b: recipe 1" {
			besides = at
		}
		b.run(at*second, Heard{alice, wire.Recipes{Parts: parts[at : at+1]}})
	}
	if besides == 0 || besides > 10 {
		t.Errorf("another one is asked after %d s", besides)
	}
	if w := b.core.wants[r.ID()]; w.teller(alice) != nil || w.holders[alice] != nil {
		t.Error("who tells a byte a second is still waited for")
	}
	b.run(36*second, Heard{bob, wire.Recipes{Parts: []wire.RecipePart{{Content: r.ID(), Total: 9}}}})
	if n := b.core.source(bob).bad; n != 1 {
		t.Errorf("an empty part is blamed %d times", n)
	}
}
