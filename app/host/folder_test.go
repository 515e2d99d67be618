package host

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// After a restart a writer signs, and a reader proves, what was deleted before it: without
// that, who takes a signed root in would believe to know deletes that it was never told of.
func TestDeletesAreSummarizedAfterARestart(t *testing.T) {
	var live, gone summary.Tree
	var b tree.Batch
	for n := range uint64(100) {
		v := version.Version{Dot: version.Dot{Replica: 1, Counter: n + 1}}
		v.Seen = version.Vector{v.Dot}
		v.Stamp = version.Stamp{Time: version.HybridOf(1_700_000_000_000), Replica: 1}
		e := tree.Entry{
			ID: ident.EntryID{1, byte(n)}, Kind: tree.File,
			Place:   tree.Placement{Version: v, Context: v.Seen, Parent: ident.Root, Name: fmt.Sprint("file ", n)},
			Content: tree.Content{Version: v, Context: v.Seen, ID: ident.ContentID{1, byte(n)}, Size: 1},
			Attrs:   tree.Attributes{Version: v, Context: v.Seen, Mode: 0o644},
		}
		into := &live
		if n%3 == 0 {
			e.Content.Deleted, e.Content.ID, e.Content.Size = true, ident.ContentID{}, 0
			e.Content.SawPlace = v.Seen
			into = &gone
		}
		into.Set(e.ID, tree.Digest(&e))
		b.Rows = append(b.Rows, tree.Row{Entry: e, Seq: n + 1})
	}
	file := filepath.Join(t.TempDir(), "index.db")
	s, _, err := index.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(b)
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, _, err = index.Open(file); err != nil {
		t.Fatal(err)
	}
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	cfg := folder.Config{Summary: &summary.Tree{}, Gone: &summary.Tree{}}
	if err := summarize(v, &cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Summary.Len() != 66 || cfg.Summary.Root() != live.Root() {
		t.Errorf("%d live entries are summarized", cfg.Summary.Len())
	}
	if cfg.Gone.Len() != 34 || cfg.Gone.Root() != gone.Root() {
		t.Errorf("%d deleted entries are summarized", cfg.Gone.Len())
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
