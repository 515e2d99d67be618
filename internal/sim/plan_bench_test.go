package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	durable "github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// Directories are two levels deep.
const (
	filesPerDir = 100
	dirsPerDir  = 100
	benchPage   = 1000 // rows in one message, or one page of the log
	benchPeer   = ident.ReplicaID(77)
)

// entriesInBench is how many files the folder has: a hundred thousand, or a million with
// SHOAL_BENCH_LARGE=1, which takes some minutes to fill.
func entriesInBench() int {
	if os.Getenv("SHOAL_BENCH_LARGE") != "" {
		return 1_000_000
	}
	return 100_000
}

// paged is an index that can be gone through, as the host does for LoadNeeds.
type paged interface {
	tree.Index
	Since(after uint64, limit int) []tree.Row
	Needs(after uint64, limit int) []tree.Row
	Commit() error
}

// inMemory makes the simulator's index one.
type inMemory struct{ *index }

func (x inMemory) Since(after uint64, limit int) []tree.Row { return x.live.since(after, limit) }
func (x inMemory) Needs(after uint64, limit int) []tree.Row { return x.live.needed(after, limit) }
func (x inMemory) Commit() error                            { return nil }

func numbered(n uint64) ident.EntryID {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	return ident.EntryID(sum[:16])
}

// written is an entry that the peer wrote, as its change of that number.
func written(number uint64, kind tree.Kind, parent ident.EntryID, name string) tree.Entry {
	v := version.Version{Dot: version.Dot{Replica: benchPeer, Counter: number}}
	v.Seen = version.Vector{v.Dot}
	v.Stamp = version.Stamp{Time: version.HybridOf(1_700_000_000_000 + int64(number)), Replica: benchPeer}
	e := tree.Entry{ID: numbered(number), Kind: kind}
	e.Place = tree.Placement{Version: v, Context: v.Seen, Parent: parent, Name: name}
	e.Content = tree.Content{Version: v, Context: v.Seen}
	e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o755}
	if kind == tree.File {
		e.Content.ID, e.Content.Size = sha256.Sum256(e.ID[:]), int64(number)
		e.Attrs.Mode, e.Attrs.Mtime = 0o644, 1_700_000_000_123_456_789
	}
	return e
}

// grove are the entries of a folder of n files, directories before what is in them.
func grove(n int) []tree.Entry {
	out := make([]tree.Entry, 0, n+n/filesPerDir+n/filesPerDir/dirsPerDir)
	add := func(kind tree.Kind, parent ident.EntryID, name string) ident.EntryID {
		out = append(out, written(uint64(len(out)+1), kind, parent, name))
		return out[len(out)-1].ID
	}
	var top, dir ident.EntryID
	for i := range n {
		if i%(filesPerDir*dirsPerDir) == 0 {
			top = add(tree.Dir, ident.Root, fmt.Sprintf("year %d", i))
		}
		if i%filesPerDir == 0 {
			dir = add(tree.Dir, top, fmt.Sprintf("week %d", i))
		}
		add(tree.File, dir, fmt.Sprintf("photograph %07d.jpg", i))
	}
	return out
}

func onDisk(e *tree.Entry, number uint64) tree.Base {
	b := tree.Base{
		Entry: e.ID, Parent: e.Place.Parent, Name: e.Place.Name, Content: e.Content.ID, Rev: number,
		SawPlace: e.Place.Context, SawContent: e.Content.Context, SawAttrs: e.Attrs.Context,
	}
	b.Stat = tree.Stat{Kind: e.Kind, Size: e.Content.Size, Mtime: e.Attrs.Mtime, Mode: e.Attrs.Mode, Links: 1}
	b.Stat.File = tree.FileID{Volume: 1, Inode: number, Birth: 5}
	return b
}

// quick is a folder core with its index, and a world that does at once what it orders.
type quick struct {
	b       testing.TB
	index   paged
	summary summary.Tree
	core    *folder.Core
	reader  bool
	slow    bool              // contents do not come by themselves
	wanted  []ident.ContentID // of a slow world, in order
	orders  int
	thought time.Duration // by the core, index included
}

func openMemory(testing.TB) paged { return inMemory{newIndex()} }

func openDurable(b testing.TB) paged {
	s, _, err := durable.Open(filepath.Join(b.TempDir(), "folder.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// filled is a folder whose disk shows all that is recorded.
func filled(b testing.TB, x paged, entries []tree.Entry) *quick {
	k := &quick{b: b, index: x}
	var totals tree.Totals
	for part := range slices.Chunk(entries, benchPage) {
		var batch tree.Batch
		for i := range part {
			number := part[i].Content.Dot.Counter
			batch.Rows = append(batch.Rows, tree.Row{Entry: part[i], Seq: number})
			batch.Placed = append(batch.Placed, onDisk(&part[i], number))
			k.summary.Set(part[i].ID, tree.Digest(&part[i]))
			totals.Files++
		}
		x.Apply(batch)
		if err := x.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	k.open(uint64(len(entries)), totals)
	return k
}

func (k *quick) open(head uint64, totals tree.Totals) {
	core, err := folder.New(folder.Config{
		Folder: ident.FolderID{1}, Device: ident.DeviceID{1}, Index: k.index,
		State:  tree.State{Replica: 1, Log: 1, Head: head, Rev: head, Scanned: true},
		Totals: totals, Summary: &k.summary, Rand: rand.New(rand.NewPCG(1, 1)), Reader: k.reader,
	})
	if err != nil {
		k.b.Fatal(err)
	}
	k.core = core
	k.do(folder.ScanEnded{Full: true})
}

// do hands an event to the core and carries out all that comes of it.
func (k *quick) do(event folder.Event) {
	const now = step.Instant(1)
	events := []folder.Event{event}
	for len(events) > 0 {
		begun := time.Now()
		effects := slices.Clone(k.core.Handle(now, events[0]))
		k.thought += time.Since(begun)
		events = events[1:]
		for _, f := range effects {
			events = append(events, k.act(f)...)
		}
		if len(events) == 0 && !k.core.Durable() {
			if err := k.index.Commit(); err != nil {
				k.b.Fatal(err)
			}
			events = append(events, folder.Committed{})
		}
	}
}

func (k *quick) act(effect folder.Effect) []folder.Event {
	switch f := effect.(type) {
	case folder.LoadNeeds:
		read := k.index.Needs
		if f.All {
			read = k.index.Since
		}
		rows := read(f.After, f.Limit)
		return []folder.Event{folder.NeedsLoaded{Rows: rows, End: len(rows) < f.Limit}}
	case folder.FetchContent:
		if k.slow {
			k.wanted = append(k.wanted, f.Content)
			return nil
		}
		return []folder.Event{folder.ContentsStaged{Contents: []ident.ContentID{f.Content}}}
	case folder.Execute:
		out := make([]tree.Outcome, len(f.Orders))
		for i, o := range f.Orders {
			k.orders++
			out[i] = tree.Outcome{Ticket: o.Ticket, Stat: tree.Stat{
				Size: o.Size, Mode: o.Mode, Mtime: o.Mtime, Links: 1,
				File: tree.FileID{Volume: 1, Inode: uint64(k.orders), Birth: 5},
			}}
			out[i].Stat.Kind = tree.File
			if o.Op == tree.MakeDir {
				out[i].Stat.Kind, out[i].Stat.Mtime = tree.Dir, 0
			}
		}
		return []folder.Event{folder.OutcomesReported{Outcomes: out}}
	}
	return nil
}

// rows are received from a peer in messages of a page each.
func (k *quick) receive(entries []tree.Entry, after uint64) {
	for part := range slices.Chunk(entries, benchPage) {
		upto := after + uint64(len(part))
		k.do(folder.RowsReceived{
			From: ident.DeviceID{2}, Log: 9, After: after, Upto: upto, Entries: part, Wall: 1_700_000_000_000,
		})
		after = upto
	}
}

var indexes = []struct {
	name string
	open func(testing.TB) paged
}{{"memory", openMemory}, {"sqlite", openDurable}}

// BenchmarkPlan goes over all entries, asks the view how each is shown, and
// compares that with what is on disk: all is as it should be, which only a look at each
// can tell.
func BenchmarkPlan(b *testing.B) {
	entries := grove(entriesInBench())
	for _, x := range indexes {
		b.Run(x.name, func(b *testing.B) {
			k := filled(b, x.open(b), entries)
			for b.Loop() {
				k.do(folder.PatternsChanged{Patterns: ignore.Patterns{}})
			}
			if k.orders > 0 {
				b.Errorf("%d orders were given where nothing is to do", k.orders)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(entries)), "ns/entry")
		})
	}
}

// BenchmarkReceive lets an empty folder hear of all entries from a peer, join
// and record them, plan them and put them in place.
func BenchmarkReceive(b *testing.B) {
	entries := grove(entriesInBench())
	for _, x := range indexes {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				k := &quick{b: b, index: x.open(b)}
				k.open(0, tree.Totals{})
				k.receive(entries, 0)
				if k.orders != len(entries) {
					b.Errorf("%d orders for %d entries", k.orders, len(entries))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(entries)), "ns/entry")
		})
	}
}

// BenchmarkOneChange lets a peer change one entry among all: the content of a file,
// its place, or the place of a directory of a hundred directories.
func BenchmarkOneChange(b *testing.B) {
	entries := grove(entriesInBench())
	for _, x := range indexes {
		k := filled(b, x.open(b), entries)
		after := uint64(0)
		for _, c := range []struct {
			name   string
			change func(e *tree.Entry, n int, v version.Version)
			dirs   bool
		}{
			{"content", func(e *tree.Entry, n int, v version.Version) {
				e.Content.Version, e.Content.Context = v, v.Seen
				e.Content.ID = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
			}, false},
			{"move", func(e *tree.Entry, n int, v version.Version) {
				e.Place.Version, e.Place.Context, e.Place.Name = v, v.Seen, fmt.Sprint("moved ", n)
			}, false},
			{"move of a directory", func(e *tree.Entry, n int, v version.Version) {
				e.Place.Version, e.Place.Context, e.Place.Name = v, v.Seen, fmt.Sprint("moved ", n)
			}, true},
		} {
			b.Run(x.name+"/"+c.name, func(b *testing.B) {
				before, n := k.thought, after
				for b.Loop() {
					after++
					at := int(after) * 7919 % len(entries)
					if c.dirs {
						at = 0
					} else if entries[at].Kind == tree.Dir {
						at += 2 // two directories at most come one after the other
					}
					row, _ := k.index.Entry(entries[at].ID)
					e := row.Entry.Clone()
					dot := version.Dot{Replica: benchPeer, Counter: 1<<40 + after}
					c.change(&e, int(after), version.Version{
						Dot: dot, Seen: version.Vector{dot},
						Stamp: version.Stamp{Time: version.HybridOf(1_800_000_000_000 + int64(after)), Replica: benchPeer},
					})
					k.receive([]tree.Entry{e}, after-1)
				}
				b.ReportMetric(float64((k.thought-before).Microseconds())/float64(after-n), "µs-in-core/op")
			})
		}
	}
}
