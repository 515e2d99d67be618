package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	durable "github.com/shoal-sync/shoal/sync/index"

	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// lostOnDisk is a folder of one file, of whose content on disk the record says that it lost
// to another one, while nothing is known of an entry that keeps it.
func lostOnDisk(t *testing.T) (*quick, *durable.Store) {
	entries := grove(1)
	k := &quick{b: t, index: openDurable(t), slow: true}
	file := &entries[len(entries)-1]
	for i := range entries {
		number := entries[i].Content.Dot.Counter
		row := tree.Row{Entry: entries[i], Seq: number}
		placed := onDisk(&entries[i], number)
		if entries[i].ID == file.ID {
			w := &row.Entry.Content
			w.Dot = version.Dot{Replica: 3, Counter: 1}
			w.Seen, w.Context = version.Vector{w.Dot}, file.Content.Context.With(w.Dot)
			w.ID, w.Stamp = ident.ContentID{9}, version.Stamp{Time: w.Stamp.Time + 1, Replica: 3}
			row.Need = true
		}
		k.index.Apply(tree.Batch{Rows: []tree.Row{row}, Placed: []tree.Base{placed}})
		k.summary.Set(row.Entry.ID, tree.Digest(&row.Entry))
	}
	if err := k.index.Commit(); err != nil {
		t.Fatal(err)
	}
	store := k.index.(*durable.Store)
	k.again(store)
	return k, store
}

// again starts the core on what the index holds, and looks at nothing yet.
func (k *quick) again(store *durable.Store) {
	state := store.State()
	state.Replica, state.Log, state.Scanned = 1, 1, true
	state.Head, state.Rev = max(state.Head, 100), max(state.Rev, 100)
	core, err := folder.New(folder.Config{
		Folder: ident.FolderID{1}, Device: ident.DeviceID{1}, Index: k.index, State: state,
		Totals: store.Totals(), Summary: &k.summary, Rand: rand.New(rand.NewPCG(1, 1)),
		Notes: store.Notes(),
	})
	if err != nil {
		k.b.Fatal(err)
	}
	k.core = core
}

// joins lets a peer join with a log that is not known, and answers what it is asked about
// deletes: with these entries, and that this was all or was not.
func (k *quick) joins(peer byte, all bool, entries ...tree.Entry) {
	k.b.Helper()
	from := ident.DeviceID{peer}
	asked := uint64(0)
	for _, f := range k.core.Handle(1, folder.PeerStands{From: from, Log: ident.LogID(peer), Head: 5, Root: k.summary.Root()}) {
		if tell, is := f.(folder.Tell); is {
			asked = tell.Message.(wire.AskDeleted).Repair
		}
	}
	if asked == 0 {
		k.b.Fatal("it asks for nothing")
	}
	k.do(folder.RepairHeard{From: from, Wall: 1_700_000_000_000, Message: wire.Found{
		Folder: ident.FolderID{1}, Repair: asked, Entries: entries, Has: make([]bool, len(entries)), Last: all,
	}})
}

// What a repair has told in part holds until that very peer has told all, or all of its
// writes are known: not until somebody else has.
func TestAnotherRepairEndsNoCaution(t *testing.T) {
	deleted := grove(2)[3] // of a file that was never here
	dot := version.Dot{Replica: 7, Counter: 1}
	deleted.Content.Version = version.Version{Dot: dot, Seen: deleted.Content.Seen.With(dot)}
	deleted.Content.Stamp = version.Stamp{Time: deleted.Place.Stamp.Time, Replica: 7}
	deleted.Content.Context, deleted.Content.SawPlace = deleted.Content.Seen, deleted.Place.Context
	deleted.Content.Deleted = true
	for _, c := range []struct {
		what string
		end  func(*quick)
		open bool
	}{
		{"nothing", func(*quick) {}, false},
		{"another peer tells all", func(k *quick) { k.joins(3, true) }, false},
		{"the same peer tells all", func(k *quick) { k.joins(2, true) }, true},
		{"another one knows those writes, and tells all", func(k *quick) {
			k.do(folder.KnowledgeHeard{From: ident.DeviceID{3}, Log: 3, Head: 5,
				Knowledge: deleted.Content.Context.Join(deleted.Place.Context)})
			k.joins(3, true)
		}, true},
		{"it was removed just before", func(k *quick) {
			k.do(folder.MemberAdded{Device: ident.DeviceID{3}})
			k.joins(3, true)
			k.do(folder.PeerLeft{From: ident.DeviceID{3}})
		}, true},
		{"it is removed", func(k *quick) { k.do(folder.MemberRemoved{Device: ident.DeviceID{2}}) }, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			k, store := lostOnDisk(t)
			k.joins(2, false, deleted)
			k.do(folder.PeerLeft{From: ident.DeviceID{2}})
			k.again(store)
			c.end(k)
			k.do(folder.ScanEnded{Full: true})
			if open := len(k.wanted) > 0; open != c.open {
				t.Errorf("the file on disk is to be replaced: %v", open)
			}
		})
	}
}

// Who makes up replicas has no note grow without end, and it ends no sooner for that.
func TestMadeUpWritersFillNoNote(t *testing.T) {
	k, _ := lostOnDisk(t)
	var made []tree.Entry
	for n := range 6 {
		e := grove(2)[3]
		e.ID = ident.EntryID{200, byte(n)}
		var seen version.Vector
		for i := range 2000 {
			seen = append(seen, version.Dot{Replica: 100 + ident.ReplicaID(n*2000+i), Counter: 1})
		}
		e.Attrs.Version = version.Version{Dot: seen[0], Seen: seen}
		e.Attrs.Stamp = version.Stamp{Time: e.Place.Stamp.Time, Replica: seen[0].Replica}
		e.Attrs.Context = seen
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		made = append(made, e)
	}
	k.joins(2, false, made...)
	for _, n := range k.index.(*durable.Store).Notes() {
		if len(n.Body) > 1000 {
			t.Errorf("the note of %q takes %d bytes", n.Key, len(n.Body))
		}
	}
}
