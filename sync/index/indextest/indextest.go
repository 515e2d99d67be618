// Package indextest holds every index of a folder to the same behaviour: the one in SQLite
// and the simulator's, so that what a simulation shows is true of the real one.
//
// It knows what package tree promises of a Reader and of a Batch, and nothing of how an
// index keeps it. Tests of index implementations call Run.
package indextest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// Index is what a folder's core and its host need of an index. Commit makes durable what
// was applied; the other methods show what was applied, committed or not.
type Index interface {
	tree.Index
	Commit() error
	Totals() tree.Totals
	State() tree.State
	Cursor(ident.DeviceID) (tree.Cursor, bool)
	Replicas() []tree.Replica
	Memory
}

// Memory is what a core wrote for itself alone.
type Memory interface {
	Intents() []tree.Intent
	Notes() []tree.Note
}

// Run runs the suite. Open returns a new, empty index and arranges its end.
func Run(t *testing.T, open func(t *testing.T) Index) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Index)
	}{
		{"empty", empty},
		{"rows are replaced by id", rowsReplaced},
		{"applied is seen before commit", seenBeforeCommit},
		{"placed are twins by id", placedTwins},
		{"beside rests under the empty name", beside},
		{"a moved entry leaves its place", movedEntry},
		{"children in pages by id", childrenPages},
		{"base is replaced by entry", baseReplaced},
		{"base twins by id", baseTwins},
		{"cleared before placed", clearedFirst},
		{"base children in pages by name", baseChildrenPages},
		{"twins are not split over pages", twinsTogether},
		{"holding follows the disk", holdingContent},
		{"largest numbers", largestNumbers},
		{"totals", totals},
		{"replicas, cursors and state", others},
		{"any batches", anyBatches},
		{"few entries", fewEntries},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func id(n byte) ident.EntryID { return ident.EntryID{n, 0xee, n} }

func content(n byte) ident.ContentID { return ident.ContentID{n, 31: n} }

// file returns a row of a live file.
func file(entry byte, seq uint64, parent ident.EntryID, name string) tree.Row {
	v := version.Version{Dot: version.Dot{Replica: 3, Counter: seq}}
	v.Seen = version.Vector{v.Dot}
	v.Stamp = version.Stamp{Time: version.Hybrid(seq), Replica: 3}
	e := tree.Entry{ID: id(entry), Kind: tree.File}
	e.Place = tree.Placement{Version: v, Context: v.Seen, Parent: parent, Name: name}
	e.Content = tree.Content{Version: v, Context: v.Seen, ID: content(entry), Size: 100 + int64(entry)}
	e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o644, Mtime: 7}
	return tree.Row{Entry: e, Seq: seq}
}

func onDisk(entry byte, parent ident.EntryID, name string) tree.Base {
	return tree.Base{Entry: id(entry), Parent: parent, Name: name, Content: content(entry), Rev: 1,
		Stat: tree.Stat{Kind: tree.File, Size: 100, Mtime: 7, Mode: 0o644, Links: 1,
			File: tree.FileID{Volume: 9, Inode: uint64(entry), Birth: 3}},
		SawPlace:   version.Vector{{Replica: 1, Counter: 5}},
		SawContent: version.Vector{{Replica: 1, Counter: 5}},
		SawAttrs:   version.Vector{{Replica: 1, Counter: 5}}}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := reflect.ValueOf(got), reflect.ValueOf(want); g.Kind() == reflect.Slice && g.Len()+w.Len() == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func empty(t *testing.T, x Index) {
	_, entry := x.Entry(id(1))
	_, base := x.Base(id(1))
	_, holding := x.Holding(content(1))
	_, cursor := x.Cursor(ident.DeviceID{1})
	if entry || base || holding || cursor {
		t.Error("an empty index has something")
	}
	if n := len(x.Placed(ident.Root, "a")) + len(x.Children(ident.Root, ident.Root, 9)) +
		len(x.BaseAt(ident.Root, "a")) + len(x.BaseChildren(ident.Root, "", 9)) + len(x.Replicas()); n > 0 {
		t.Errorf("an empty index lists %d things", n)
	}
	same(t, "totals", x.Totals(), tree.Totals{})
	same(t, "state", x.State(), tree.State{})
	x.Apply(tree.Batch{})
	if err := x.Commit(); err != nil {
		t.Error(err)
	}
}

func rowsReplaced(t *testing.T, x Index) {
	first, second, other := file(1, 1, ident.Root, "a"), file(1, 4, ident.Root, "a"), file(2, 3, ident.Root, "b")
	second.Need = true
	second.Entry.Extra = []byte{9, 1, 7}
	second.Entry.Content.Ancestors = []ident.ContentID{content(8)}
	x.Apply(tree.Batch{Rows: []tree.Row{first, other}})
	x.Apply(tree.Batch{Rows: []tree.Row{file(1, 2, ident.Root, "a"), second}})
	got, _ := x.Entry(id(1))
	same(t, "the row", got, second)
	got, _ = x.Entry(id(2))
	same(t, "the other row", got, other)
	same(t, "rows under the name", x.Placed(ident.Root, "a"), []tree.Row{second})
	second.Need = false // the log number stays: needing is not a change others hear of
	x.Apply(tree.Batch{Rows: []tree.Row{second}})
	got, _ = x.Entry(id(1))
	same(t, "the row no longer needed", got, second)
}

func seenBeforeCommit(t *testing.T, x Index) {
	row, base := file(1, 1, ident.Root, "a"), onDisk(1, ident.Root, "a")
	look := func() {
		t.Helper()
		got, _ := x.Entry(row.Entry.ID)
		same(t, "the row", got, row)
		found, _ := x.Holding(base.Content)
		same(t, "the base row", found, base)
		same(t, "files", x.Totals().Files, int64(1))
	}
	x.Apply(tree.Batch{Rows: []tree.Row{row}, Placed: []tree.Base{base}})
	look()
	for range 2 { // the second has nothing to do
		if err := x.Commit(); err != nil {
			t.Fatal(err)
		}
		look()
	}
}

func placedTwins(t *testing.T, x Index) {
	c, a, b := file(3, 1, id(9), "n"), file(1, 2, id(9), "n"), file(2, 3, id(9), "n")
	b.Entry.Content.Deleted = true
	x.Apply(tree.Batch{Rows: []tree.Row{c, a, b, file(4, 4, id(9), "N"), file(5, 5, id(8), "n"),
		file(6, 6, id(9), "n\xff"), file(7, 7, id(9), "")}})
	same(t, "twins", x.Placed(id(9), "n"), []tree.Row{a, b, c})
	same(t, "a name that is no text", len(x.Placed(id(9), "n\xff")), 1)
}

func beside(t *testing.T, x Index) {
	x.Apply(tree.Batch{Rows: []tree.Row{file(1, 1, ident.Root, "a"), file(3, 2, id(1), ""),
		file(2, 3, id(1), ""), file(4, 4, id(1), "below")}})
	same(t, "kept losers", x.Placed(id(1), ""), []tree.Row{file(2, 3, id(1), ""), file(3, 2, id(1), "")})
	same(t, "of another", len(x.Placed(ident.Root, "")), 0)
	same(t, "as children", len(x.Children(id(1), ident.Root, 9)), 3)
}

func movedEntry(t *testing.T, x Index) {
	x.Apply(tree.Batch{Rows: []tree.Row{file(1, 1, id(8), "old")}})
	moved := file(1, 2, id(9), "new")
	x.Apply(tree.Batch{Rows: []tree.Row{moved}})
	same(t, "at the old place", len(x.Placed(id(8), "old"))+len(x.Children(id(8), ident.Root, 9)), 0)
	same(t, "at the new place", x.Placed(id(9), "new"), []tree.Row{moved})
}

func childrenPages(t *testing.T, x Index) {
	var rows []tree.Row
	for n := byte(200); n > 0; n -= 20 {
		rows = append(rows, file(n, uint64(n), ident.Root, fmt.Sprint(n)), file(n+1, uint64(n)+1, id(9), ""))
	}
	x.Apply(tree.Batch{Rows: rows})
	var got []byte
	for after := ident.Root; ; {
		page := x.Children(ident.Root, after, 3)
		for _, r := range page {
			got = append(got, r.Entry.ID[0])
			after = r.Entry.ID
		}
		if len(page) < 3 {
			break
		}
	}
	same(t, "children", got, []byte{20, 40, 60, 80, 100, 120, 140, 160, 180, 200})
	same(t, "no children", len(x.Children(ident.Root, ident.Root, 0)), 0)
}

func baseReplaced(t *testing.T, x Index) {
	b := onDisk(1, ident.Root, "a")
	x.Apply(tree.Batch{Placed: []tree.Base{b}})
	b.Name, b.Parent, b.Rev, b.Racy = "b", id(9), 2, true
	b.Content, b.Stat.Kind, b.Stat.File = ident.ContentID{}, tree.Dir, tree.FileID{}
	b.SawPlace = nil
	b.SawContent = version.Vector{{Replica: 1, Counter: 1 << 63}, {Replica: 1<<64 - 1, Counter: 7}}
	x.Apply(tree.Batch{Placed: []tree.Base{b}})
	got, _ := x.Base(id(1))
	same(t, "the base row", got, b)
	same(t, "at the old name", len(x.BaseAt(ident.Root, "a"))+len(x.BaseChildren(ident.Root, "", 9)), 0)
	same(t, "at the new name", x.BaseAt(id(9), "b"), []tree.Base{b})
	x.Apply(tree.Batch{Cleared: []ident.EntryID{id(1), id(2)}})
	if _, found := x.Base(id(1)); found {
		t.Error("a cleared base row is there")
	}
}

func baseTwins(t *testing.T, x Index) {
	c, a, b := onDisk(3, id(9), "n"), onDisk(1, id(9), "n"), onDisk(2, id(9), "n")
	x.Apply(tree.Batch{Placed: []tree.Base{c, a, b, onDisk(4, id(9), "N"), onDisk(5, id(8), "n")}})
	same(t, "twins", x.BaseAt(id(9), "n"), []tree.Base{a, b, c})
}

func clearedFirst(t *testing.T, x Index) {
	x.Apply(tree.Batch{Placed: []tree.Base{onDisk(1, ident.Root, "a"), onDisk(2, ident.Root, "b")}})
	b := onDisk(1, ident.Root, "a")
	b.Rev = 5
	x.Apply(tree.Batch{Cleared: []ident.EntryID{id(1), id(2)}, Placed: []tree.Base{b}})
	same(t, "on disk", x.BaseChildren(ident.Root, "", 9), []tree.Base{b})
}

func baseChildrenPages(t *testing.T, x Index) {
	names := []string{"Z", "a", "a b", "a!", "ab", "b\x01", "z", "\xc3\xa9", "\xff"}
	var bases []tree.Base
	for i, name := range names {
		bases = append(bases, onDisk(byte(200-i), id(9), name), onDisk(byte(100-i), id(8), name))
	}
	x.Apply(tree.Batch{Placed: bases})
	slices.Sort(names)
	var got []string
	for after := ""; ; {
		page := x.BaseChildren(id(9), after, 2)
		for _, b := range page {
			got = append(got, b.Name)
			after = b.Name
		}
		if len(page) < 2 {
			break
		}
	}
	same(t, "names", got, names)
}

// twinsTogether: the next page begins after a name, so a page ends with all of a name.
func twinsTogether(t *testing.T, x Index) {
	c, a, b := onDisk(3, id(9), "n"), onDisk(1, id(9), "n"), onDisk(2, id(9), "n")
	last := onDisk(4, id(9), "o")
	x.Apply(tree.Batch{Placed: []tree.Base{last, c, a, b}})
	same(t, "the first page", x.BaseChildren(id(9), "", 1), []tree.Base{a, b, c})
	same(t, "the second page", x.BaseChildren(id(9), "n", 1), []tree.Base{last})
}

func holdingContent(t *testing.T, x Index) {
	a, dir := onDisk(1, ident.Root, "a"), onDisk(2, ident.Root, "d")
	dir.Content, dir.Stat.Kind = ident.ContentID{}, tree.Dir
	near := onDisk(3, ident.Root, "b") // differs from a in the last byte only
	near.Content = a.Content
	near.Content[31]++
	x.Apply(tree.Batch{Placed: []tree.Base{near, a, dir}})
	got, _ := x.Holding(a.Content)
	same(t, "the holder", got, a)
	if _, found := x.Holding(ident.ContentID{}); found {
		t.Error("a directory holds content")
	}
	a.Content = content(77)
	x.Apply(tree.Batch{Placed: []tree.Base{a}})
	if b, found := x.Holding(content(1)); found {
		t.Errorf("content that was replaced is held by %+v", b)
	}
}

func largestNumbers(t *testing.T, x Index) {
	b := onDisk(1, ident.Root, "a")
	b.Rev = 1<<63 + 5
	b.Stat.Mode, b.Stat.Links, b.Stat.Size, b.Stat.Mtime = 1<<32-1, 1<<32-1, 1<<63-1, -1<<63
	b.Stat.File = tree.FileID{Volume: 1<<64 - 1, Inode: 1<<64 - 2, Birth: -5}
	b.Content = ident.ContentID{0xff, 31: 0xff}
	x.Apply(tree.Batch{Placed: []tree.Base{b}})
	got, _ := x.Base(id(1))
	same(t, "the base row", got, b)
	got, _ = x.Holding(b.Content)
	same(t, "the holder", got, b)
}

func totals(t *testing.T, x Index) {
	a, b, d := file(1, 1, ident.Root, "a"), file(2, 2, ident.Root, "b"), file(3, 3, ident.Root, "d")
	b.Need = true
	d.Need, d.Entry.Kind, d.Entry.Content.ID, d.Entry.Content.Size = true, tree.Dir, ident.ContentID{}, 0
	x.Apply(tree.Batch{Rows: []tree.Row{a, b, d}})
	same(t, "two files", x.Totals(), tree.Totals{Files: 2, Bytes: 203, Needs: 2, NeedFiles: 1, NeedBytes: 102})
	a.Need, a.Entry.Content.Size = true, 1000
	b.Need, b.Entry.Place.Name = false, ""
	x.Apply(tree.Batch{Rows: []tree.Row{a, b}})
	moved := tree.Totals{Files: 2, Bytes: 1102, Needs: 2, NeedFiles: 1, NeedBytes: 1000, Conflicts: 1}
	same(t, "changed", x.Totals(), moved)
	a.Entry.Content.Deleted = true
	a.Entry.Content.SawPlace = a.Entry.Place.Seen
	x.Apply(tree.Batch{Rows: []tree.Row{a}})
	same(t, "deleted", x.Totals(), tree.Totals{Files: 1, Bytes: 102, Needs: 2, Conflicts: 1})
	// Somebody else moved it meanwhile: the delete does not stand.
	mover := version.Dot{Replica: 77, Counter: 1}
	a.Entry.Place.Version = version.Version{Dot: mover, Seen: version.Vector{mover},
		Stamp: version.Stamp{Time: 1, Replica: mover.Replica}}
	a.Entry.Place.Context = a.Entry.Place.Context.With(mover)
	x.Apply(tree.Batch{Rows: []tree.Row{a}})
	same(t, "moved meanwhile", x.Totals(), moved)
	b.Entry.Content.Deleted, b.Entry.Content.SawPlace = true, b.Entry.Place.Seen
	x.Apply(tree.Batch{Rows: []tree.Row{b}})
	moved.Files, moved.Bytes, moved.Conflicts = 1, 1000, 0
	same(t, "the conflict entry deleted", x.Totals(), moved)
}

func others(t *testing.T, x Index) {
	r1 := tree.Replica{ID: 1<<63 + 1, Device: ident.DeviceID{5}, Name: "caf\xe9"}
	r2 := tree.Replica{ID: 2, Device: ident.DeviceID{6}, Name: ""}
	c := tree.Cursor{Device: ident.DeviceID{5}, Log: 1<<64 - 1, Seq: 1<<63 - 1, Life: 1<<64 - 7}
	state := tree.State{Replica: 1<<64 - 3, Log: 1<<63 + 9, Head: 5, Counter: 1<<64 - 1, Rev: 1 << 63,
		Clock: 1<<64 - 2, Scanned: true,
		Knowledge: version.Vector{{Replica: 1, Counter: 1<<64 - 1}, {Replica: 1<<64 - 1, Counter: 2}},
		Collected: version.Vector{{Replica: 1, Counter: 1<<64 - 2}}, Life: 1 << 62,
		Lives: tree.Lives{{ID: 1<<64 - 5, Head: 3}, {ID: 6, Head: 1<<63 - 1}}}
	x.Apply(tree.Batch{Replicas: []tree.Replica{r1, r2}, State: &tree.State{Replica: 1},
		Cursors: []tree.Cursor{{Device: c.Device, Log: 1, Seq: 1}, {Device: ident.DeviceID{8}}}})
	renamed := r1
	renamed.Name = "other"
	x.Apply(tree.Batch{Replicas: []tree.Replica{renamed}, Cursors: []tree.Cursor{c}, State: &state})
	x.Apply(tree.Batch{Rows: []tree.Row{file(1, 1, ident.Root, "a")}})
	same(t, "replicas", x.Replicas(), []tree.Replica{r2, r1})
	got, _ := x.Cursor(c.Device)
	same(t, "the cursor", got, c)
	same(t, "state", x.State(), state)
	x.Apply(tree.Batch{Intents: []tree.Intent{{Number: 2, Body: []byte("b")}, {Number: 1, Body: []byte("a")}}})
	x.Apply(tree.Batch{Intents: []tree.Intent{{Number: 2}, {Number: 3, Body: []byte{0}}, {Number: 4}}})
	same(t, "intents", x.Intents(), []tree.Intent{{Number: 1, Body: []byte("a")}, {Number: 3, Body: []byte{0}}})
	x.Apply(tree.Batch{Notes: []tree.Note{{Key: "b", Body: []byte("1")}, {Key: "a\xff", Body: []byte("2")},
		{Key: "c", Body: []byte("3")}}})
	x.Apply(tree.Batch{Notes: []tree.Note{{Key: "b", Body: []byte("4")}, {Key: "c"}, {Key: "d"}}})
	same(t, "notes", x.Notes(), []tree.Note{{Key: "a\xff", Body: []byte("2")}, {Key: "b", Body: []byte("4")}})
}
