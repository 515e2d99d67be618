package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// inParts cuts a recipe into parts of some chunks.
func inParts(r recipe.Recipe, each int) (parts []recipe.Part) {
	next := recipe.Part{Class: r.Class}
	for rest := r.Chunks; len(rest) > 0; rest = rest[len(next.Chunks):] {
		next.Chunks = rest[:min(each, len(rest))]
		parts = append(parts, next)
		next.First, next.Offset = next.End()
		next.Chunks = rest[:min(each, len(rest))]
	}
	return parts
}

func TestAProspectBecomesAStage(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(3<<20, 1)
	rec := recipe.Of(content)
	parts := inParts(rec, 5)
	p := r.NewProspect(recipe.ProspectID{1})
	for n, part := range parts[:2] {
		if have, err := p.Extend(part, true); err != nil || len(have) != 5 || have[0] {
			t.Fatalf("part %d: %v, %v", n, have, err)
		}
		for i := range part.Chunks {
			if n == 1 && i == 3 {
				continue
			}
			if err := p.Put(part.First+i, chunkOf(content, rec, part.First+i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !p.Has(parts[0]) || p.Has(parts[1]) || p.Has(parts[2]) {
		t.Error("it is not told which parts are whole")
	}
	if got, err := p.Read(2, rec.Chunks[2], nil); err != nil || !bytes.Equal(got, chunkOf(content, rec, 2)) {
		t.Errorf("a piece cannot be passed on: %v", err)
	}
	if err := p.Put(3, []byte("other")); !errors.Is(err, ErrNotStaged) {
		t.Errorf("wrong bytes: %v", err)
	}
	s, err := r.BeginWith(p, rec.ID(), rec)
	if err != nil || s.Missing() != len(rec.Chunks)-9 || s.Has(8) || !s.Has(9) {
		t.Fatalf("%d of %d chunks missing, %v", s.Missing(), len(rec.Chunks), err)
	}
	// A piece that was on its way finds what the prospect has become.
	if err := p.Put(8, chunkOf(content, rec, 8)); err != nil || !s.Has(8) {
		t.Errorf("a late piece: %v", err)
	}
	for i := range rec.Chunks {
		if err := s.Put(i, chunkOf(content, rec, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Drop(); err != nil {
		t.Fatal(err)
	}
	r.do(t, whole("f", rec, nil), tree.Done)
	r.holds(t, "f", string(content))
}

// What a prospect has not staged is fetched: nothing else is read when it becomes a stage,
// or that would take as long as hashing all that lies around what it has.
func TestNothingIsHashedOfAProspect(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(3<<20, 1)
	rec := recipe.Of(content)
	p := r.NewProspect(recipe.ProspectID{1})
	if _, err := p.Extend(recipe.Part{Class: rec.Class, Chunks: rec.Chunks}, true); err != nil {
		t.Fatal(err)
	}
	if err := p.Put(0, chunkOf(content, rec, 0)); err != nil {
		t.Fatal(err)
	}
	// The right bytes, of which the prospect knows nothing.
	if _, err := p.file.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	s, err := r.BeginWith(p, rec.ID(), rec)
	if err != nil || s.Missing() != len(rec.Chunks)-1 {
		t.Fatalf("%d of %d chunks missing, %v", s.Missing(), len(rec.Chunks), err)
	}
}

// What an earlier run left of a content and what a prospect has brought of it meanwhile are
// both kept, and what is still on its way for the prospect as well.
func TestAProspectJoinsAStage(t *testing.T) {
	r := newReal(t, Limits{})
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	content := noise(3<<20, 1)
	rec := recipe.Of(content)
	left, err := r.Begin(rec.ID(), rec)
	must(t, err)
	must(t, left.Put(2, chunkOf(content, rec, 2)))
	p := r.NewProspect(recipe.ProspectID{1})
	part := inParts(rec, 5)[0]
	_, err = p.Extend(part, true)
	must(t, err)
	for _, i := range []int{1, 2, 3} {
		must(t, p.Put(i, chunkOf(content, rec, i)))
	}
	s, err := r.BeginWith(p, rec.ID(), rec)
	must(t, err)
	must(t, p.Put(4, chunkOf(content, rec, 4)))
	for i := range part.Chunks {
		if got, want := s.Has(i), i > 0; got != want {
			t.Errorf("chunk %d is staged: %v", i, got)
		}
	}
	must(t, p.Drop())
	if s.Missing() != len(rec.Chunks)-4 {
		t.Errorf("%d of %d chunks are missing", s.Missing(), len(rec.Chunks))
	}
}

// A file that changed while it was read: what is behind the change is dropped, and nothing
// of it can be in what the file becomes.
func TestAProspectThatChanges(t *testing.T) {
	r := newReal(t, Limits{})
	was := noise(3<<20, 1)
	old := recipe.Of(was)
	now := append(append([]byte(nil), was[:1<<20]...), noise(2<<20, 2)...)
	rec := recipe.Of(now)
	p := r.NewProspect(recipe.ProspectID{1})
	for _, part := range inParts(old, 5) {
		if _, err := p.Extend(part, true); err != nil {
			t.Fatal(err)
		}
		for i := range part.Chunks {
			if err := p.Put(part.First+i, chunkOf(was, old, part.First+i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	parts := inParts(rec, 5)
	if have, err := p.Extend(parts[0], true); err != nil || !have[4] {
		t.Errorf("what is the same is not there any more: %v, %v", have, err)
	}
	for _, part := range parts[1:] {
		if _, err := p.Extend(part, true); err != nil {
			t.Fatal(err)
		}
	}
	s, err := r.BeginWith(p, rec.ID(), rec)
	if err != nil || !s.Has(4) || s.Has(len(rec.Chunks)-1) {
		t.Fatal(err)
	}
	asksWhatItWas(t, p, rec)
	for i := range rec.Chunks {
		if s.Has(i) {
			if got, err := r.ReadChunk(rec.ID(), i, nil); err != nil || recipe.HashChunk(got) != rec.Chunks[i].ID {
				t.Errorf("chunk %d is said to be there and is not: %v", i, err)
			}
		}
		if err := s.Put(i, chunkOf(now, rec, i)); err != nil {
			t.Fatal(err)
		}
	}
	r.do(t, whole("f", rec, nil), tree.Done)
	r.holds(t, "f", string(now))
}

// bring stages a whole part.
func bring(t *testing.T, p *Prospect, part recipe.Part, content []byte, rec recipe.Recipe) {
	t.Helper()
	if _, err := p.Extend(part, true); err != nil {
		t.Fatal(err)
	}
	for i := range part.Chunks {
		if err := p.Put(part.First+i, chunkOf(content, rec, part.First+i)); err != nil {
			t.Fatal(err)
		}
	}
}

// A peer that says of a part that it begins in another place would have its bytes lie over
// what is staged already, and be taken for the right ones when the content is known.
func TestPartsThatLieOverOthers(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(3<<20, 1)
	rec := recipe.Of(content)
	parts := inParts(rec, 5)
	p := r.NewProspect(recipe.ProspectID{1})
	bring(t, p, parts[0], content, rec)
	for _, offset := range []int64{0, parts[1].Offset - 1, parts[1].Offset + 1} {
		over := parts[1]
		over.Offset = offset
		if _, err := p.Extend(over, true); err == nil {
			t.Errorf("a part at %d is taken, the one before it ends at %d", offset, parts[1].Offset)
		}
		for i := range over.Chunks {
			if err := p.Put(over.First+i, chunkOf(content, rec, over.First+i)); !errors.Is(err, ErrNotStaged) {
				t.Fatalf("a piece of a part that was refused: %v", err)
			}
		}
	}
	if _, err := r.BeginWith(p, rec.ID(), rec); err != nil {
		t.Fatal(err)
	}
	for i := range parts[0].Chunks {
		if got, err := r.ReadChunk(rec.ID(), i, nil); err != nil || recipe.HashChunk(got) != rec.Chunks[i].ID {
			t.Errorf("chunk %d is not what was staged: %v", i, err)
		}
	}
}

// asksWhatItWas asks a prospect that has become the stage of a content for its beginning,
// and for a piece of what the file was before.
func asksWhatItWas(t *testing.T, p *Prospect, rec recipe.Recipe) {
	t.Helper()
	parts := inParts(rec, 5)
	if !p.Has(parts[0]) {
		t.Error("a part that the stage has is not there any more")
	}
	strange, other := parts[len(parts)-1], noise(100, 3)
	chunk := recipe.Chunk{ID: recipe.HashChunk(other), Size: 100}
	at := strange.First
	strange.Chunks = []recipe.Chunk{chunk}
	if _, err := p.Read(at, chunk, nil); !errors.Is(err, ErrNotStaged) || p.Has(strange) {
		t.Errorf("a chunk that the content does not have there: %v, %v", err, p.Has(strange))
	}
	if err := p.Put(at, other); !errors.Is(err, ErrNotStaged) {
		t.Errorf("a late piece of what the file was before is called wrong: %v", err)
	}
}

func TestProspectsLeaveNothing(t *testing.T) {
	r := newReal(t, Limits{})
	rec := recipe.Of(noise(1<<20, 1))
	part := inParts(rec, 5)[0]
	staged := func() []string {
		found, err := filepath.Glob(filepath.Join(r.dir, tree.PrivateDir, stageName, prospectPrefix+"*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	p := r.NewProspect(recipe.ProspectID{1})
	if _, err := p.Extend(part, false); err != nil || len(staged()) != 0 {
		t.Errorf("a file for nothing: %v, %v", staged(), err)
	}
	if _, err := p.Extend(part, true); err != nil || len(staged()) != 1 {
		t.Fatalf("%v, %v", staged(), err)
	}
	if _, err := p.Extend(inParts(rec, 3)[3], true); err == nil {
		t.Error("a part behind a gap was taken")
	}
	if err := p.Drop(); err != nil || len(staged()) != 0 {
		t.Errorf("dropped: %v, %v", staged(), err)
	}
	full := newReal(t, Limits{KeepFree: 1 << 60})
	if _, err := full.NewProspect(recipe.ProspectID{2}).Extend(part, true); !errors.Is(err, ErrNoSpace) {
		t.Errorf("on a full volume: %v", err)
	}
	left := filepath.Join(r.dir, tree.PrivateDir, stageName, prospectPrefix+"77")
	if err := os.WriteFile(left, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.reopen(t)
	if found := staged(); len(found) != 0 {
		t.Errorf("left by an earlier run: %v", found)
	}
}

func TestReadHashed(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(300_000, 1)
	rec := recipe.Of(content)
	path := filepath.Join(r.dir, "f")
	if err := os.WriteFile(path, append(content, "and more"...), 0o644); err != nil {
		t.Fatal(err)
	}
	at := rec.Offset(1)
	if got, err := r.ReadHashed("f", at, rec.Chunks[1], nil); err != nil || !bytes.Equal(got, chunkOf(content, rec, 1)) {
		t.Errorf("a file that has grown: %v", err)
	}
	if _, err := r.ReadHashed("f", at+1, rec.Chunks[1], nil); !errors.Is(err, ErrChanged) {
		t.Errorf("other bytes: %v", err)
	}
	if _, err := r.ReadHashed("g", at, rec.Chunks[1], nil); !errors.Is(err, ErrChanged) {
		t.Errorf("no file: %v", err)
	}
}

// A part may say less of a chunk's length than one before it, whose piece comes now: that
// would lie over the next chunk.
func TestAPieceLongerThanItsChunk(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(3<<20, 1)
	rec := recipe.Of(content)
	shorter := inParts(rec, 5)[0]
	shorter.Chunks = append([]recipe.Chunk(nil), shorter.Chunks...)
	shorter.Chunks[0].Size--
	p := r.NewProspect(recipe.ProspectID{1})
	if _, err := p.Extend(shorter, true); err != nil {
		t.Fatal(err)
	}
	if err := p.Put(0, chunkOf(content, rec, 0)); !errors.Is(err, ErrNotStaged) {
		t.Errorf("a piece that is longer than its chunk: %v", err)
	}
}

// A prospect that begins anew touches nothing of what it was before, which may be becoming a
// stage at that moment.
func TestAProspectBegunAnewHasAFileOfItsOwn(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(1<<20, 1)
	rec := recipe.Of(content)
	whole := inParts(rec, len(rec.Chunks))[0]
	was, anew := r.NewProspect(recipe.ProspectID{1}), r.NewProspect(recipe.ProspectID{1})
	if _, err := was.Extend(whole, true); err != nil {
		t.Fatal(err)
	}
	for i := range rec.Chunks {
		if err := was.Put(i, chunkOf(content, rec, i)); err != nil {
			t.Fatal(err)
		}
	}
	other := recipe.Of(noise(1<<20, 2))
	if _, err := anew.Extend(inParts(other, len(other.Chunks))[0], true); err != nil {
		t.Fatal(err)
	}
	if s, err := r.BeginWith(was, rec.ID(), rec); err != nil || s.Missing() != 0 {
		t.Fatalf("%d chunks missing, %v", s.Missing(), err)
	}
	if err := anew.Drop(); err != nil {
		t.Fatal(err)
	}
	for i, c := range rec.Chunks {
		if got, err := r.ReadChunk(rec.ID(), i, nil); err != nil || recipe.HashChunk(got) != c.ID {
			t.Fatalf("piece %d of the stage is another one now: %v", i, err)
		}
	}
}
