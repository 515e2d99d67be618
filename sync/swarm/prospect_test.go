package swarm

import (
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/wire"
)

// reading is a file of alice's that is read part by part.
func reading(r recipe.Recipe, each int) (parts []recipe.Part) {
	next := recipe.Part{Class: r.Class}
	for chunks := range slices.Chunk(r.Chunks, each) {
		next.Chunks = chunks
		parts = append(parts, next)
		next.First, next.Offset = next.End()
	}
	return parts
}

var film = recipe.ProspectID{'f'}

func told(from ident.DeviceID, part recipe.Part) Event {
	return Heard{from, wire.Prospect{Prospect: film, Part: part}}
}

func ended(from ident.DeviceID, content ident.ContentID) Event {
	return Heard{from, wire.ProspectEnded{Prospect: film, Content: content}}
}

func (b *bench) opened(at step.Instant, part recipe.Part, want string) {
	b.t.Helper()
	b.do(at, PartOpened{Content: part.ID(), Present: make([]bool, len(part.Chunks))}, want)
}

// What is told of a file before it is known is fetched, and its content goes on with what
// came and with what is on its way; its recipe need not be asked for.
func TestAProspectBecomesItsContent(t *testing.T) {
	b := newBench(t, alice)
	r := pieces(6)
	parts := reading(r, 3)
	b.do(1, told(alice, parts[0]), "OpenPart")
	b.opened(2, parts[0], "ask a 0 1 2")
	b.do(3, PiecesStored{[]uint64{b.asked[0].Ticket}}, "")
	b.do(4, told(alice, parts[1]), "OpenPart")
	b.opened(5, parts[1], "ask a 0 1 2")
	b.do(6, ended(alice, r.ID()), "")

	b.do(7, PeerHas{alice, []ident.ContentID{r.ID()}}, "")
	effects := b.core.Handle(8, wanting(r))
	if open, ok := effects[0].(OpenStage); !ok || len(effects) != 1 || open.Prospect != (recipe.ProspectID{7: 1}) {
		t.Fatalf("wanted the content: %s", b.show(effects))
	}
	present := make([]bool, 6)
	present[0] = true
	b.do(9, StageOpened{r.ID(), present}, "DropProspect")
	for i, a := range b.asked[1:] {
		want := ""
		if i == 4 {
			want = "ContentReady"
		}
		b.do(10, PiecesStored{[]uint64{a.Ticket}}, want)
	}
	if len(b.asked) != 6 {
		t.Errorf("%d pieces were asked for, of 6", len(b.asked))
	}
}

// Pieces that a content has taken over go to its stage when they come. Another file that
// begins with the same part is not staged before: they would be put there, and be lacking.
func TestAPartIsNotOpenedWhilePiecesOfItAreLate(t *testing.T) {
	b := newBench(t, alice, bob)
	r := pieces(6)
	parts := reading(r, 3)
	other := Heard{bob, wire.Prospect{Prospect: recipe.ProspectID{'g'}, Part: parts[0]}}
	b.run(1, told(alice, parts[0]))
	b.run(2, PartOpened{Content: parts[0].ID(), Present: make([]bool, 3)})
	b.run(3, PeerHas{alice, []ident.ContentID{r.ID()}})
	b.run(4, wanting(r))
	b.run(5, RecipeFound{r.ID(), r})
	b.run(6, StageOpened{r.ID(), make([]bool, 6)})
	b.do(7, other, "")
	for i, a := range b.asked {
		want := ""
		if i == 5 {
			want = "ContentReady, OpenPart, a: want 1"
		}
		b.do(8, PiecesStored{[]uint64{a.Ticket}}, want)
	}
}

// A file that turned out otherwise is fetched like any other; what is the same at its
// beginning is not fetched again.
func TestAProspectThatTurnedOutOtherwise(t *testing.T) {
	b := newBench(t, alice)
	was, r := pieces(6), pieces(6)
	r.Chunks[4].ID[0] = 9
	for _, part := range reading(was, 3) {
		b.run(1, told(alice, part))
		b.run(2, PartOpened{Content: part.ID(), Present: make([]bool, 3)})
	}
	b.do(3, ended(alice, ident.ContentID{}), "")
	b.do(4, PeerHas{alice, []ident.ContentID{r.ID()}}, "")
	b.do(5, wanting(r), "FindRecipe")
	b.do(6, RecipeFound{r.ID(), r}, "OpenStage")
	b.do(7, StageOpened{r.ID(), make([]bool, 6)}, "cancel a 3, DropProspect, ask a 3 4 5")
	if n := len(b.core.asks); n != 6 {
		t.Errorf("%d asks are open, want one a piece", n)
	}
}

// While the stage is being opened the file is told to be another one: its pieces are none
// of the content's.
func TestAProspectThatTurnsWhileTheStageOpens(t *testing.T) {
	b := newBench(t, alice)
	r, now := pieces(6), pieces(6)
	now.Chunks[0].ID[0] = 9
	b.run(1, told(alice, reading(r, 3)[0]))
	b.run(2, PartOpened{Content: reading(r, 3)[0].ID(), Present: make([]bool, 3)})
	b.run(3, PeerHas{alice, []ident.ContentID{r.ID()}})
	b.run(4, wanting(r))
	b.do(5, RecipeFound{r.ID(), r}, "OpenStage")
	other := reading(now, 3)[0]
	b.do(6, told(alice, other), "cancel a 3, OpenPart")
	b.opened(7, other, "")
	b.do(8, StageOpened{r.ID(), make([]bool, 6)}, "DropProspect, ask a 0 1 2 3 4 5")
}

// What an earlier run left of a content may hold what its prospect would bring: nothing is
// asked for while that is looked up, and everything again when it could not be.
func TestAProspectRestsWhileTheStageOpens(t *testing.T) {
	b := newBench(t, alice)
	r := pieces(6)
	parts := reading(r, 3)
	b.do(1, told(alice, parts[0]), "OpenPart")
	b.run(2, PeerHas{alice, []ident.ContentID{r.ID()}})
	b.run(3, wanting(r))
	b.do(4, RecipeFound{r.ID(), r}, "OpenStage")
	b.opened(5, parts[0], "")
	b.do(6, told(alice, parts[1]), "OpenPart")
	b.opened(7, parts[1], "")
	b.run(8, StageFailed{Content: r.ID(), Reason: "disk"})
	if n := len(b.asked); n != 6 {
		t.Fatalf("%d pieces are asked for, want those of both parts", n)
	}
	b.run(9, wanting(r))
	b.do(9, RecipeFound{r.ID(), r}, "OpenStage")
	b.run(9, PeerHas{alice, []ident.ContentID{r.ID()}})
	b.do(10, StageOpened{r.ID(), []bool{true, true, true, true, false, false}}, "cancel a 3, cancel a 1, DropProspect")
	if w := b.core.wants[r.ID()]; w == nil || w.asking != 2 {
		t.Errorf("the two pieces that are lacking are not on their way: %+v", w)
	}
}

// Parts are hints: what is wanted for certain is asked for before them, nobody is told that
// they cannot be had, and nothing of them is shown.
func TestProspectsComeLast(t *testing.T) {
	b := newBench(t, alice, bob)
	part := reading(pieces(3), 3)[0]
	b.do(1, RateLimited{Rate: 1}, "") // after the first piece nothing may be asked for a while
	b.do(2, told(alice, part), "OpenPart, b: want 1")
	b.run(3, PartOpened{Content: part.ID(), Present: make([]bool, 3)})
	wanted := pieces(2)
	wanted.Chunks[0].ID[0] = 9
	b.stage(4, wanted)
	b.run(4, hasAll(alice, wanted.ID()))
	b.run(4, RateLimited{})
	b.core.Tick(4)
	if n := len(b.asked); n != 5 || b.asked[n-1].Content != part.ID() {
		t.Fatalf("%d pieces are asked for, the last of %v", n, b.asked[n-1].Content)
	}
	for i, a := range b.asked {
		if certain := a.Content == wanted.ID(); certain != (i == 1 || i == 2) && i > 0 {
			t.Errorf("piece %d that is asked for is of %v", i, a.Content)
		}
	}
	told := b.core.Handle(5, StandingAsked{})[0].(StandingTold)
	if len(told.Contents) != 1 {
		t.Errorf("%d contents are shown, want the one that is wanted", len(told.Contents))
	}
	b.do(6, PeerLeft{alice}, "cancel a 5")
	if got := b.show(b.core.Tick(7)); got != "" {
		t.Errorf("without anybody who reads it: %s", got)
	}
	if len(b.core.wants) != 1 {
		t.Errorf("%d wants are left, want the content alone", len(b.core.wants))
	}
}

// A part is replaced only by one in the same place of the file: what came of those before
// it stays where it is.
func TestPartsThatClaimAnotherPlace(t *testing.T) {
	b := newBench(t, alice)
	parts := reading(pieces(6), 3)
	b.do(1, told(alice, parts[0]), "OpenPart")
	b.do(2, told(alice, parts[1]), "OpenPart")
	for i, offset := range []int64{0, parts[1].Offset + 1} {
		over := parts[1]
		over.Offset = offset
		b.do(step.Instant(3+i), told(alice, over), "")
	}
	other := parts[0]
	other.Offset = 1
	b.do(5, told(alice, other), "")
	if n := len(b.core.wants); n != 2 {
		t.Errorf("%d parts are fetched, want the two that fit", n)
	}
}

// However much is told, little of it is opened, and what nothing is heard of goes.
func TestProspectsAreBounded(t *testing.T) {
	b := newBench(t, alice)
	parts := reading(pieces(3*partsAhead+30), 3)
	for _, part := range parts {
		b.run(1, told(alice, part))
	}
	if n := len(b.core.wants); n != partsAhead {
		t.Errorf("%d parts are fetched at once", n)
	}
	for i := range 20 {
		m := wire.Prospect{Prospect: recipe.ProspectID{byte(i)}, Part: parts[0]}
		m.Part.Offset = 0
		b.run(2, Heard{alice, m})
	}
	if n := len(b.core.prospects.heard); n != prospectsMax {
		t.Errorf("%d prospects are kept", n)
	}
	b.run(3, Heard{alice, wire.Prospect{Prospect: recipe.ProspectID{77}, Part: parts[4]}})
	if findProspect(b.core.prospects.heard, recipe.ProspectID{77}) != nil {
		t.Error("a prospect without its beginning is kept")
	}
	at := b.core.prospectsDue()
	b.run(at, RateLimited{})
	b.core.Tick(at)
	if n := len(b.core.prospects.heard); n != 0 || b.core.prospects.bytes != 0 || len(b.core.wants) != 0 {
		t.Errorf("after ten minutes %d prospects of %d bytes are left", n, b.core.prospects.bytes)
	}
}

// What is read here is told at once to whoever is there, and to whoever comes later.
func TestWhatIsReadIsTold(t *testing.T) {
	b := newBench(t, alice)
	parts := reading(pieces(6), 3)
	b.do(1, PartRead{film, parts[0]}, "a: wire.Prospect")
	b.do(2, PeerJoined{bob}, "b: wire.Prospect")
	b.do(3, PartRead{film, parts[1]}, "a: wire.Prospect, b: wire.Prospect")
	b.do(4, ProspectRead{Prospect: film}, "a: wire.ProspectEnded, b: wire.ProspectEnded")
	b.do(5, PartRead{film, parts[0]}, "a: wire.Prospect, b: wire.Prospect")
	b.do(6, ProspectRead{film, pieces(6).ID()}, "a: wire.ProspectEnded, b: wire.ProspectEnded")
	b.do(7, PeerJoined{carol}, "")
}

// Parts of tiny chunks take no more memory than the largest file in small ones would.
func TestChunksOfAProspectAreBounded(t *testing.T) {
	p := &prospect{}
	next := recipe.Part{Chunks: pieces(recipe.PartChunksMax).Chunks}
	taken := 0
	for fits := true; fits && taken < 2*partChunksMax; {
		if fits, _ = p.put(next); fits {
			taken += len(next.Chunks)
		}
		next.First, next.Offset = next.End()
	}
	if taken != partChunksMax {
		t.Errorf("%d chunks are remembered of one prospect, want %d", taken, partChunksMax)
	}
}

// Names are the peers' to choose, so what is ordered goes by none of them: a file that
// takes the name of one that was dropped is another one, and so is one that another peer
// gives the same name.
func TestAProspectIsNotKnownByItsName(t *testing.T) {
	b := newBench(t, alice, bob)
	of := func(from ident.DeviceID, n byte) (Event, recipe.Part) {
		r := pieces(3)
		r.Chunks[0].ID[0] = n
		part := reading(r, 3)[0]
		return told(from, part), part
	}
	ids := map[recipe.ProspectID]bool{}
	opens := func(at step.Instant, e Event) (id recipe.ProspectID) {
		t.Helper()
		for _, f := range b.core.Handle(at, e) {
			if f, ok := f.(OpenPart); ok {
				id = f.Prospect
			}
		}
		if ids[id] || id == (recipe.ProspectID{}) {
			t.Errorf("at %d %v was opened, which is another one", at, id)
		}
		ids[id] = true
		return id
	}
	hers, part := of(alice, 50)
	first := opens(1, hers)
	his, _ := of(bob, 60)
	opens(2, his)
	// The disk fails: with that hers is dropped, and she tells of it once more.
	dropped := false
	for _, f := range b.core.Handle(3, StageFailed{Content: part.ID()}) {
		drop, ok := f.(DropProspect)
		dropped = dropped || ok && drop.Prospect == first
	}
	if !dropped {
		t.Error("it was not dropped")
	}
	opens(4, hers)
}

// Who tells of ever more files takes the place of his own, not of another one's.
func TestManyProspectsOfOne(t *testing.T) {
	b := newBench(t, alice, bob)
	hers := reading(pieces(3), 3)[0]
	b.run(1, told(alice, hers))
	for n := range byte(9) {
		r := pieces(3)
		r.Chunks[0].ID[0] = 50 + n
		b.run(2, Heard{bob, wire.Prospect{Prospect: recipe.ProspectID{n}, Part: reading(r, 3)[0]}})
	}
	if b.core.prospects.of(alice, film) == nil || len(b.core.prospects.heard) != prospectsMax {
		t.Errorf("alice's has gone, and %d are left", len(b.core.prospects.heard))
	}
	b.run(3, PartOpened{Content: hers.ID(), Present: make([]bool, 3)})
	if len(b.asked) != 3 {
		t.Errorf("%d of its 3 pieces were asked for", len(b.asked))
	}
}

// A recipe that is here is used, also when a holder said that it is one while it was being
// looked up, and was asked for it.
func TestARecipeThatIsHere(t *testing.T) {
	b := newBench(t, alice)
	r := pieces(6)
	b.do(1, wanting(r), "FindRecipe, a: want 1")
	b.do(2, PeerHas{alice, []ident.ContentID{r.ID()}}, "a: recipe 1")
	b.do(3, RecipeFound{r.ID(), r}, "OpenStage")
	b.do(4, StageOpened{r.ID(), make([]bool, 6)}, "ask a 0 1 2 3 4 5")

	b.do(5, wanting(pieces(7)), "FindRecipe, a: want 1")
	b.do(6, PeerHas{alice, []ident.ContentID{pieces(7).ID()}}, "a: recipe 1")
	b.do(7, RecipeFound{Content: pieces(7).ID()}, "") // it is not: she was asked already
}
