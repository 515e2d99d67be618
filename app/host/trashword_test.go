package host

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// A reader's word on what its trash holds counts as far as records or a writer confirm it.
func TestReadersTrashIsConfirmed(t *testing.T) {
	r := reading(t)
	writer, reader := ident.DeviceID{1}, ident.DeviceID{2}
	r.who.Store(&roster.Standing{Own: members.Writer, Known: true, Partners: []roster.Partner{
		{Device: writer, Role: members.Writer}, {Device: reader, Role: members.Reader},
	}})
	v := version.Version{Dot: version.Dot{Replica: 1, Counter: 1}, Seen: version.Vector{{Replica: 1, Counter: 1}}}
	v.Stamp = version.Stamp{Time: 1 << 30, Replica: 1}
	e := tree.Entry{ID: ident.EntryID{1}, Kind: tree.File}
	e.Place = tree.Placement{Version: v, Context: v.Seen, Name: "notes.txt"}
	e.Content = tree.Content{Version: v, Context: v.Seen, ID: ident.ContentID{3}, Ancestors: []ident.ContentID{{2}, {1}}}
	e.Attrs = tree.Attributes{Version: v, Context: v.Seen}
	r.store.Apply(tree.Batch{Rows: []tree.Row{{Entry: e, Seq: 1}}})
	if err := r.store.Commit(); err != nil {
		t.Fatal(err)
	}
	held := func(by ident.DeviceID, path string, content byte) trashed {
		return trashed{TrashItem: wire.TrashItem{Path: path, Content: ident.ContentID{content}}, holder: by}
	}
	all := []trashed{
		held(reader, "notes.txt", 9),     // never was in the folder
		held(reader, "dir/notes.txt", 1), // an older version
		held(reader, "other.txt", 1),     // never had that name
		held(reader, "both.txt", 7),      // a writer says the same
		held(writer, "dir/both.txt", 7),  //
		held(reader, "elsewhere/notes.txt", 3),
	}
	got, err := r.believed(append([]trashed(nil), all...), "")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, g := range got {
		paths = append(paths, g.Path)
	}
	if len(got) != 4 || paths[0] != "dir/notes.txt" || paths[1] != "both.txt" || paths[3] != "elsewhere/notes.txt" {
		t.Errorf("believed are %q", paths)
	}
	if named, _ := r.believed(all, "0909"); len(named) != len(all) {
		t.Error("a version that a person named is not to be had")
	}
}
