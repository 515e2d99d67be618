package swarm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	ms     = step.Instant(time.Millisecond)
	second = 1000 * ms

	pieceSize = 64 << 10
)

var alice, bob, carol = ident.DeviceID{'a'}, ident.DeviceID{'b'}, ident.DeviceID{'c'}

// bench drives one core and remembers what it asked.
type bench struct {
	t     *testing.T
	core  *Core
	asked []asked // every piece asked for, in order
}

type asked struct {
	wire.PieceAsk
	of ident.DeviceID
}

// newBench returns a core that shares the folder with some peers.
func newBench(t *testing.T, peers ...ident.DeviceID) *bench {
	b := &bench{t: t, core: New(ident.FolderID{7}, ident.DeviceID{'z'}, rand.New(rand.NewPCG(1, 2)))}
	for _, p := range peers {
		b.do(0, PeerJoined{p}, "")
	}
	return b
}

func (b *bench) run(at step.Instant, e Event) string {
	return b.show(b.core.Handle(at, e))
}

func (b *bench) do(at step.Instant, e Event, want string) {
	b.t.Helper()
	if got := b.run(at, e); got != want {
		b.t.Fatalf("at %v, %T:\n got  %s\n want %s", time.Duration(at), e, got, want)
	}
}

func (b *bench) tick(at step.Instant, want string) {
	b.t.Helper()
	if got := b.show(b.core.Tick(at)); got != want {
		b.t.Fatalf("tick at %v:\n got  %s\n want %s", time.Duration(at), got, want)
	}
}

func (b *bench) show(effects []Effect) string {
	var out []string
	for _, f := range effects {
		switch f := f.(type) {
		case AskPieces:
			text := fmt.Sprintf("ask %c", f.Peer[0])
			for i, item := range f.Items {
				b.asked = append(b.asked, asked{item, f.Peer})
				if i < 8 {
					text += fmt.Sprint(" ", item.Index)
				}
			}
			out = append(out, text)
		case CancelPieces:
			out = append(out, fmt.Sprintf("cancel %c %d", f.Peer[0], len(f.Tickets)))
		case YieldPieces:
			out = append(out, fmt.Sprintf("yield %c %d", f.Peer[0], len(f.Tickets)))
		case Serve:
			text := fmt.Sprintf("serve %c", f.Peer[0])
			for _, item := range f.Items {
				text += fmt.Sprint(" ", item.Index)
			}
			out = append(out, text)
		case Send:
			out = append(out, fmt.Sprintf("%c: %s", f.Peer[0], showMessage(f.Message)))
		case CheckHaves:
			out = append(out, fmt.Sprintf("check %c %d", f.Peer[0], len(f.Contents)))
		case ContentFailed:
			out = append(out, fmt.Sprintf("failed %d", f.Cause))
		case PeerBanned:
			out = append(out, fmt.Sprintf("ban %c", f.Peer[0]))
		default:
			out = append(out, strings.TrimPrefix(fmt.Sprintf("%T", f), "swarm."))
		}
	}
	return strings.Join(out, ", ")
}

func showMessage(m wire.Message) string {
	switch m := m.(type) {
	case wire.WantHave:
		return fmt.Sprintf("want %d", len(m.Contents))
	case wire.AskRecipes:
		return fmt.Sprintf("recipe %d", len(m.Contents))
	case wire.Have:
		text := "have"
		for _, item := range m.Items {
			if text += fmt.Sprint(" ", item.Pieces); item.All {
				text = strings.TrimSuffix(text, "[]") + "all"
			}
		}
		return text
	}
	return fmt.Sprintf("%T", m)
}

// single returns a content that is one piece.
func single(n byte) ContentWanted { return ContentWanted{Content: ident.ContentID{n}, Size: 100} }

// pieces returns the recipe of a content of many pieces.
func pieces(n int) recipe.Recipe {
	r := recipe.Recipe{}
	for i := range n {
		r.Chunks = append(r.Chunks, recipe.Chunk{ID: ident.ChunkID{1, byte(i >> 8), byte(i)}, Size: pieceSize})
	}
	return r
}

func wanting(r recipe.Recipe) ContentWanted { return ContentWanted{Content: r.ID(), Size: r.Size()} }

// stage wants a content whose recipe is on this device; nothing of it is in the stage.
func (b *bench) stage(at step.Instant, r recipe.Recipe) {
	b.t.Helper()
	b.run(at, wanting(r))
	b.do(at, RecipeFound{r.ID(), r}, "OpenStage")
	b.run(at, StageOpened{r.ID(), make([]bool, len(r.Chunks))})
}

func hasAll(peer ident.DeviceID, content ident.ContentID) Event {
	return Heard{peer, wire.Have{Items: []wire.HaveItem{{Content: content, All: true}}}}
}

func has(peer ident.DeviceID, content ident.ContentID, pieces ...uint32) Event {
	return Heard{peer, wire.Have{Items: []wire.HaveItem{{Content: content, Pieces: pieces}}}}
}

// ticket is that of the newest ask for a piece.
func (b *bench) ticket(index uint32) uint64 {
	b.t.Helper()
	for _, a := range slices.Backward(b.asked) {
		if a.Index == index {
			return a.Ticket
		}
	}
	b.t.Fatalf("piece %d was not asked for", index)
	return 0
}

func (b *bench) came(at step.Instant, index uint32, want string) {
	b.t.Helper()
	b.do(at, PiecesStored{[]uint64{b.ticket(index)}}, want)
}

func TestSinglePieceOfAKnownHolderIsAskedAtOnce(t *testing.T) {
	b := newBench(t, alice, bob)
	w := single(1)
	b.do(0, PeerHas{bob, []ident.ContentID{w.Content}}, "")
	b.do(0, w, "ask b 0")
	b.came(1, 0, "ContentReady")
	if a := b.asked[0]; a.Chunk != ident.ChunkID(w.Content) || a.Size != 100 {
		t.Fatalf("asked for %+v", a)
	}
	b.do(2, w, "a: want 1, b: want 1") // the hint is used up
}

func TestSinglePieceOfNobodyKnownIsAskedAbout(t *testing.T) {
	b := newBench(t, alice, bob)
	w := single(1)
	b.do(0, w, "a: want 1, b: want 1")
	b.do(1, hasAll(bob, w.Content), "ask b 0")
	b.do(2, w, "") // wanted twice
	b.do(3, ContentDropped{w.Content}, "cancel b 1")
	b.do(4, PiecesStored{[]uint64{1}}, "")
}

func TestRecipeIsAskedOfAHolderAndAnotherIfWrong(t *testing.T) {
	b := newBench(t, alice, bob)
	r := pieces(4)
	b.do(0, wanting(r), "FindRecipe, a: want 1, b: want 1")
	b.do(0, RecipeFound{Content: r.ID()}, "")
	b.do(0, hasAll(alice, r.ID()), "a: recipe 1")
	b.do(0, hasAll(bob, r.ID()), "")
	wrong := pieces(4)
	wrong.Chunks[1].ID[0]++
	b.do(1, recipes(bob, r, r, 0), "") // bob was not asked
	b.do(1, recipes(alice, r, wrong, 0), "b: recipe 1")
	b.do(2, recipes(bob, r, r, 100), "OpenStage")
	b.do(3, StageOpened{r.ID(), []bool{true, false, true, true}}, "ask b 1")
	b.came(4, 1, "ContentReady")
	// Alice is blamed as for a wrong piece: one of these more, and nobody asks her again.
	b.do(5, PeerHas{alice, []ident.ContentID{{9}}}, "")
	b.do(5, single(9), "ask a 0")
	b.do(6, PieceBad{Ticket: b.ticket(0)}, "ban a")
}

// recipes says the encoding of a recipe as that of a content, in parts of some size.
func recipes(from ident.DeviceID, of, told recipe.Recipe, part int) Event {
	body := told.Append(nil)
	if part == 0 {
		part = len(body)
	}
	m := wire.Recipes{}
	for at := 0; at < len(body); at += part {
		m.Parts = append(m.Parts, wire.RecipePart{
			Content: of.ID(), Total: uint64(len(body)), Offset: uint64(at),
			Body: body[at:min(at+part, len(body))],
		})
	}
	return Heard{from, m}
}

func TestRecipeThatIsNotThereIsAskedOfAnother(t *testing.T) {
	b := newBench(t, alice, bob)
	r := pieces(4)
	b.run(0, wanting(r))
	b.run(0, RecipeFound{Content: r.ID()})
	b.do(0, hasAll(alice, r.ID()), "a: recipe 1")
	b.do(0, hasAll(bob, r.ID()), "")
	gone := wire.Recipes{Parts: []wire.RecipePart{{Content: r.ID()}}}
	b.do(1, Heard{alice, gone}, "b: recipe 1")
	b.do(2, PeerLeft{bob}, "")
	b.do(3, hasAll(alice, r.ID()), "a: recipe 1")
	// A recipe that claims more than its file can have is not gathered.
	huge := wire.Recipes{Parts: []wire.RecipePart{{Content: r.ID(), Total: 1 << 30, Body: []byte{1}}}}
	b.do(4, Heard{alice, huge}, "")
	if s := b.core.source(alice); s.bad != 1 {
		t.Fatalf("blamed %d times", s.bad)
	}
}

func TestLonePeerIsAskedInOrder(t *testing.T) {
	b := newBench(t, alice)
	r := pieces(100)
	b.stage(0, r)
	b.do(0, hasAll(alice, r.ID()), "ask a 0 1 2 3 4 5 6 7")
	for i, a := range b.asked {
		if a.Index != uint32(i) {
			t.Fatalf("ask %d is for piece %d", i, a.Index)
		}
	}
	if len(b.asked) != 100 {
		t.Fatalf("%d asks", len(b.asked))
	}
}

// Whoever holds what, the pieces that fewest hold are asked first.
func TestRarestFirst(t *testing.T) {
	peers := []ident.DeviceID{alice, bob, carol}
	for seed := range uint64(50) {
		chance := rand.New(rand.NewPCG(seed, 3))
		b := newBench(t, peers...)
		for _, s := range b.core.peers {
			s.window = windowBytes
		}
		r := pieces(60)
		b.run(0, wanting(r))
		b.do(0, RecipeFound{r.ID(), r}, "OpenStage")
		holders := map[uint32]int{}
		for _, p := range peers {
			for i := range uint32(60) {
				if p == alice || chance.IntN(2) == 0 {
					b.run(0, has(p, r.ID(), i))
					holders[i]++
				}
			}
		}
		b.run(0, StageOpened{r.ID(), make([]bool, 60)})
		if len(b.asked) != 60 {
			t.Fatalf("seed %d: %d asks", seed, len(b.asked))
		}
		slices.SortFunc(b.asked, func(x, y asked) int { return int(x.Ticket) - int(y.Ticket) })
		last := map[ident.DeviceID]int{}
		for _, a := range b.asked {
			if n := holders[a.Index]; n < last[a.of] {
				t.Fatalf("seed %d: of %c a piece of %d holders before one of %d", seed, a.of[0], last[a.of], n)
			}
			last[a.of] = holders[a.Index]
		}
	}
}

// Devices that all asked in one order would have nothing to give to one another.
func TestEquallyRarePiecesAreLeftToChance(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(20) {
		b := &bench{t: t, core: New(ident.FolderID{7}, ident.DeviceID{'z'}, rand.New(rand.NewPCG(seed, 4)))}
		b.run(0, PeerJoined{alice})
		b.run(0, PeerJoined{bob})
		r := pieces(60)
		b.stage(0, r)
		b.run(0, hasAll(alice, r.ID()))
		order := ""
		for _, a := range b.asked {
			order += fmt.Sprint(a.Index, " ")
		}
		orders[order] = true
	}
	if len(orders) != 20 {
		t.Errorf("%d orders in 20 runs", len(orders))
	}
}

func TestWindowsBoundWhatIsAsked(t *testing.T) {
	b := newBench(t, alice)
	r := pieces(400) // 25 MiB
	b.stage(0, r)
	b.run(0, hasAll(alice, r.ID()))
	if n := len(b.asked); n != windowBytes/pieceSize {
		t.Fatalf("%d pieces of %d bytes on their way", n, pieceSize)
	}
	b.came(1, 0, "ask a 256")

	b = newBench(t, alice)
	for i := range windowPieces + 10 {
		content := ident.ContentID{1, byte(i >> 8), byte(i)}
		b.run(0, PeerHas{alice, []ident.ContentID{content}})
		b.run(0, ContentWanted{Content: content, Size: 100})
	}
	if n := len(b.asked); n != windowPieces {
		t.Fatalf("%d small pieces on their way", n)
	}
}

func TestSmallContentsGoFirst(t *testing.T) {
	b := newBench(t, alice)
	film := pieces(400)
	b.stage(0, film)
	b.run(0, hasAll(alice, film.ID()))
	b.do(0, PeerHas{alice, []ident.ContentID{{9}}}, "")
	b.do(0, single(9), "")
	note := len(b.asked)
	b.do(1, PiecesStored{[]uint64{b.asked[0].Ticket}}, "ask a 0 256")
	if b.asked[note].Content != (ident.ContentID{9}) {
		t.Fatal("the note waits for the film")
	}
}

func TestPeersShareTheLoad(t *testing.T) {
	b := newBench(t, alice, bob)
	r := pieces(40)
	b.run(0, wanting(r))
	b.do(0, RecipeFound{r.ID(), r}, "OpenStage")
	b.run(0, hasAll(alice, r.ID()))
	b.run(0, hasAll(bob, r.ID()))
	b.run(0, StageOpened{r.ID(), make([]bool, 40)})
	count := map[ident.DeviceID]int{}
	for _, a := range b.asked {
		count[a.of]++
	}
	if count[alice] != 16 || count[bob] != 16 { // windows of 1 MiB
		t.Fatalf("alice is asked for %d, bob for %d", count[alice], count[bob])
	}
}

func TestSameSeedSameEffects(t *testing.T) {
	run := func() string {
		b := newBench(t, alice, bob, carol)
		var out []string
		for k := range 5 {
			r := pieces(20 + k)
			out = append(out, b.run(0, wanting(r)), b.run(0, RecipeFound{r.ID(), r}))
			for _, p := range []ident.DeviceID{alice, bob, carol} {
				b.run(0, hasAll(p, r.ID()))
				out = append(out, b.run(0, Heard{p, wire.WantHave{Contents: []ident.ContentID{r.ID()}}}))
			}
			out = append(out, b.run(0, StageOpened{r.ID(), make([]bool, 20+k)}))
		}
		for i, a := range slices.Clone(b.asked) {
			if i%3 == 0 {
				out = append(out, b.run(ms, PiecesStored{[]uint64{a.Ticket}}))
			}
		}
		out = append(out, b.run(2*ms, PeerLeft{alice}))
		for now := 200 * ms; now < 60*second; now += second {
			out = append(out, b.show(b.core.Tick(now)))
		}
		return strings.Join(out, "\n")
	}
	first := run()
	for range 20 {
		if again := run(); again != first {
			t.Fatalf("same events, other effects:\n%s\n\n%s", first, again)
		}
	}
}
