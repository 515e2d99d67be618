package scan

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// heard is what a scanner tells of large files.
type heard struct {
	parts []recipe.Part
	ended []ident.ContentID
}

func (h *heard) listen(b *bed) {
	b.scanner.options.Prospects = Prospects{
		Read:  func(_ string, _ tree.Stat, _ *tree.Base, part recipe.Part) { h.parts = append(h.parts, part) },
		Ended: func(_ string, content ident.ContentID) { h.ended = append(h.ended, content) },
	}
}

// whole puts parts together, which must follow one another.
func (h *heard) whole(t *testing.T) (r recipe.Recipe) {
	t.Helper()
	for _, part := range h.parts {
		if part.First != len(r.Chunks) || part.Offset != r.Size() {
			t.Fatalf("a part from chunk %d, %d follows %d chunks of %d bytes", part.First, part.Offset, len(r.Chunks), r.Size())
		}
		r.Class = part.Class
		r.Chunks = append(r.Chunks, part.Chunks...)
	}
	return r
}

func TestLargeFilesAreToldOfWhileTheyAreRead(t *testing.T) {
	b := newBed(t)
	var h heard
	h.listen(b)
	data := noise(1, prospectMin+5<<20)
	b.must(os.WriteFile(b.full("small"), data[:prospectMin], 0o644))
	b.must(os.WriteFile(b.full("large"), data, 0o644))
	_, err := b.scanner.Folder(context.Background())
	b.must(err)
	made := h.whole(t)
	if content := b.rows[b.entry("large")].Content; made.Verify(content) != nil || !slices.Equal(h.ended, []ident.ContentID{content}) {
		t.Errorf("told were %d parts of %v, ended as %v, want %v", len(h.parts), made.ID(), h.ended, content)
	}
	h = heard{}
	b.scanner.between = func(path string) { b.must(os.WriteFile(b.full(path), data[:prospectMin+1], 0o644)) }
	b.must(os.WriteFile(b.full("large"), data[1:], 0o644))
	_, err = b.scanner.Names(context.Background(), []string{"large"})
	b.must(err)
	if !slices.Equal(h.ended, []ident.ContentID{{}}) {
		t.Errorf("a file that changed meanwhile ended as %v", h.ended)
	}
}

// However a file grows, what is told of it is how it is cut in the end, up to where whole
// chunks go.
func TestGrowingFilesAreReadAhead(t *testing.T) {
	b := newBed(t)
	var h heard
	h.listen(b)
	data := noise(2, prospectMin+60<<20)
	want := recipe.Of(data)
	g := &Growing{Path: "f"}
	for _, size := range []int{1000, prospectMin, prospectMin + 1, prospectMin + 9<<20 + 77, prospectMin + 9<<20 + 77, len(data)} {
		b.must(os.WriteFile(b.full("f"), data[:size], 0o644))
		b.must(b.scanner.ReadAhead(context.Background(), g))
	}
	made := h.whole(t)
	n := len(made.Chunks)
	if n < len(want.Chunks)*4/5 || !slices.Equal(made.Chunks, want.Chunks[:n]) {
		t.Fatalf("%d of %d chunks, %d bytes of %d", n, len(want.Chunks), made.Size(), len(data))
	}
	h = heard{}
	b.must(os.Remove(b.full("f")))
	if err := b.scanner.ReadAhead(context.Background(), g); err == nil || len(h.parts) > 0 {
		t.Errorf("a file that is gone: %v, %d parts", err, len(h.parts))
	}
	b.must(os.WriteFile(b.full("f"), data[5:], 0o644))
	b.must(b.scanner.ReadAhead(context.Background(), g))
	if made := h.whole(t); made.Chunks[0] == want.Chunks[0] {
		t.Error("another file under the same name is taken for the one before")
	}
}
