package host

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// A folder that is opened stands where it stood: what lives and what was deleted hash to the
// same, and conflicts are listed. A reader holds what was signed over a restart by that.
func TestOpenedFolderStandsWhereItStood(t *testing.T) {
	r := reading(t)
	var rows []tree.Row
	live, gone := &summary.Tree{}, &summary.Tree{}
	for n := range byte(9) {
		v := version.Version{Dot: version.Dot{Replica: 7, Counter: uint64(n) + 1}}
		v.Seen = version.Vector{v.Dot}
		v.Stamp = version.Stamp{Time: version.HybridOf(1_700_000_000_000 + int64(n)), Replica: 7}
		e := tree.Entry{ID: ident.EntryID{n + 1}, Kind: tree.File}
		e.Place = tree.Placement{Version: v, Context: v.Seen, Name: string('a' + rune(n))}
		e.Content = tree.Content{Version: v, Context: v.Seen, ID: ident.ContentID{n + 1}, Size: 5}
		e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o644, Mtime: 1}
		row := tree.Row{Entry: e, Seq: uint64(n) + 1}
		in := live
		switch {
		case n%3 == 0:
			row.Entry.Content.Deleted, row.Entry.Content.SawPlace, row.Died = true, v.Seen, 1
			in = gone
		case n == 4:
			row.Entry.Place.Name = "a" + tree.ConflictMark + "anna, 2024-01-01 00-00-00)"
		}
		in.Set(row.Entry.ID, tree.Digest(&row.Entry))
		rows = append(rows, row)
	}
	r.store.Apply(tree.Batch{Rows: rows})
	if err := r.store.Commit(); err != nil {
		t.Fatal(err)
	}
	cfg := folder.Config{}
	if err := r.look(func(v *index.View) error { return summarize(v, &cfg) }); err != nil {
		t.Fatal(err)
	}
	if cfg.Summary.Len() != 6 || cfg.Summary.Root() != live.Root() {
		t.Errorf("%d live entries hash to %x", cfg.Summary.Len(), cfg.Summary.Root())
	}
	if cfg.Gone.Len() != 3 || cfg.Gone.Root() != gone.Root() {
		t.Errorf("%d deleted entries hash to %x", cfg.Gone.Len(), cfg.Gone.Root())
	}
	if len(cfg.Conflicts) != 1 || cfg.Conflicts[0] != rows[4].Entry.ID {
		t.Errorf("conflicts are %v", cfg.Conflicts)
	}
}
