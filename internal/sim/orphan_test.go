package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	durable "github.com/shoal-sync/shoal/sync/index"

	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// What lies in a directory that no member knows comes to the top, once all of them have said
// so; a member that is away may know it, and so may one that answers late.
func TestWhatLiesInAForgottenDirectory(t *testing.T) {
	for _, c := range []struct {
		what    string
		members []byte
		silent  bool
		placed  bool
	}{
		{"all say that they lack it", []byte{2}, false, true},
		{"one is away", []byte{2, 3}, false, false},
		{"one has not answered", []byte{2}, true, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			k := &quick{b: t, index: openDurable(t)}
			store := k.index.(*durable.Store)
			entries := grove(1)
			file := entries[len(entries)-1]
			unknown := file.Place.Parent
			k.index.Apply(tree.Batch{Rows: []tree.Row{{Entry: file, Seq: file.Content.Dot.Counter, Need: true}}})
			k.summary.Set(file.ID, tree.Digest(&file))
			if err := k.index.Commit(); err != nil {
				t.Fatal(err)
			}
			k.again(store)
			for _, m := range c.members {
				k.do(folder.MemberAdded{Device: ident.DeviceID{m}})
			}
			k.joins(2, true)
			k.do(folder.ScanEnded{Full: true})
			for round := range 6 {
				now := step.Instant(1).Add(time.Duration(round+1) * 6 * time.Second)
				for _, f := range slices.Clone(k.core.Tick(now)) {
					if tell, is := f.(folder.Tell); is && !c.silent {
						k.core.Handle(now, folder.RepairHeard{From: tell.To, Wall: 1_700_000_000_000, Message: wire.Found{
							Folder: ident.FolderID{1}, Repair: tell.Message.(wire.AskEntries).Repair, Last: true,
						}})
					}
				}
			}
			row, _ := k.index.Entry(file.ID)
			want := unknown
			if c.placed {
				want = ident.Root
			}
			if row.Entry.Place.Parent != want || row.Entry.Place.Name != file.Place.Name {
				t.Errorf("it is placed in %s as %q", row.Entry.Place.Parent, row.Entry.Place.Name)
			}
		})
	}
}
