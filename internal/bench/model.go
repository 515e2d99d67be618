package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// model measures the core of a folder with its index against what the index costs by itself,
// and the loop against the channel in it.
func model(o options, whole *wholeFolder) []benchCase {
	n := 100_000
	if o.full {
		n = 1_000_000
	}
	return []benchCase{
		{fmt.Sprintf("view and plan a folder of %d files from scratch, against reading the same rows", n),
			func() (result, error) { return whole.plan(o.dir, n) }},
		{fmt.Sprintf("one change in a folder of %d files, durably, against recording its row", n),
			func() (result, error) { return whole.change(o.dir, n) }},
		{"events through one loop, against a channel", loopAgainstChannel},
	}
}

// wholeFolder is a folder whose disk shows all that is recorded.
type wholeFolder struct {
	store   *index.Store
	core    *folder.Core
	known   []known // by number, from 0
	place   string  // of the index
	changes uint64
	orders  int
}

// known is what is kept of an entry: an agent does not have a million of them in memory, where
// each would be looked at whenever garbage is collected.
type known struct {
	id   ident.EntryID
	kind tree.Kind
}

const modelPeer = ident.ReplicaID(77)

// entryOf makes an entry, and what is on disk for it.
func entryOf(number uint64, kind tree.Kind, parent ident.EntryID, name string) (tree.Entry, tree.Base) {
	v := version.Version{Dot: version.Dot{Replica: modelPeer, Counter: number}}
	v.Seen = version.Vector{v.Dot}
	v.Stamp = version.Stamp{Time: version.HybridOf(1_700_000_000_000 + int64(number)), Replica: modelPeer}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, number))
	e := tree.Entry{ID: ident.EntryID(sum[:16]), Kind: kind}
	e.Place = tree.Placement{Version: v, Context: v.Seen, Parent: parent, Name: name}
	e.Content = tree.Content{Version: v, Context: v.Seen}
	e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o755}
	stat := tree.Stat{Kind: kind, Mode: 0o755, Links: 1, File: tree.FileID{Volume: 1, Inode: number, Birth: 5}}
	if kind == tree.File {
		e.Content.ID, e.Content.Size = sum, int64(number)
		e.Attrs.Mode, e.Attrs.Mtime = 0o644, 1_700_000_000_123_456_789
		stat.Size, stat.Mode, stat.Mtime = e.Content.Size, e.Attrs.Mode, e.Attrs.Mtime
	}
	return e, tree.Base{
		Entry: e.ID, Parent: parent, Name: name, Content: e.Content.ID, Rev: number, Stat: stat,
		SawPlace: v.Seen, SawContent: v.Seen, SawAttrs: v.Seen,
	}
}

// fill makes the folder once: a hundred files in a directory, a hundred directories in one.
func (f *wholeFolder) fill(dir string, n int) error {
	if f.core != nil {
		return nil
	}
	var err error
	if f.place, err = os.MkdirTemp(dir, "bench-model-"); err != nil {
		return err
	}
	if f.store, _, err = index.Open(filepath.Join(f.place, "folder.db")); err != nil {
		return err
	}
	var sums summary.Tree
	var batch tree.Batch
	var top, below ident.EntryID
	add := func(kind tree.Kind, parent ident.EntryID, name string) ident.EntryID {
		e, b := entryOf(uint64(len(f.known)+1), kind, parent, name)
		f.known = append(f.known, known{e.ID, kind})
		batch.Rows = append(batch.Rows, tree.Row{Entry: e, Seq: uint64(len(f.known))})
		batch.Placed = append(batch.Placed, b)
		sums.Set(e.ID, tree.Digest(&e))
		return e.ID
	}
	for i := range n {
		if i%10_000 == 0 {
			top = add(tree.Dir, ident.Root, fmt.Sprintf("year %d", i))
		}
		if i%100 == 0 {
			below = add(tree.Dir, top, fmt.Sprintf("week %d", i))
		}
		add(tree.File, below, fmt.Sprintf("photograph %07d.jpg", i))
		if len(batch.Rows) >= 1000 || i == n-1 {
			f.store.Apply(batch)
			batch = tree.Batch{}
			if err := f.store.Commit(); err != nil {
				return err
			}
		}
	}
	f.core, err = folder.New(folder.Config{
		Folder: ident.FolderID{1}, Device: ident.DeviceID{1}, Index: f.store,
		State:  tree.State{Replica: 1, Log: 1, Head: uint64(len(f.known)), Rev: uint64(len(f.known)), Scanned: true},
		Totals: tree.Totals{Files: int64(n)}, Summary: &sums, Rand: rand.New(rand.NewPCG(1, 1)),
	})
	if err == nil {
		err = f.do(folder.ScanEnded{Full: true})
	}
	return err
}

// close removes what fill made.
func (f *wholeFolder) close() error {
	if f.store == nil {
		return nil
	}
	return errors.Join(f.store.Close(), os.RemoveAll(f.place))
}

// do hands an event to the core and carries out at once what comes of it.
func (f *wholeFolder) do(event folder.Event) error {
	for events := []folder.Event{event}; len(events) > 0; events = events[1:] {
		for _, effect := range slices.Clone(f.core.Handle(1, events[0])) {
			switch e := effect.(type) {
			case folder.LoadNeeds:
				read := f.store.Needs
				if e.All {
					read = f.store.Since
				}
				rows := read(e.After, e.Limit)
				events = append(events, folder.NeedsLoaded{Rows: rows, End: len(rows) < e.Limit})
			case folder.FetchContent:
				events = append(events, folder.ContentsStaged{Contents: []ident.ContentID{e.Content}})
			case folder.Execute:
				events = append(events, f.execute(e.Orders))
			}
		}
		if len(events) == 1 && !f.core.Durable() {
			if err := f.store.Commit(); err != nil {
				return err
			}
			events = append(events, folder.Committed{})
		}
	}
	return nil
}

func (f *wholeFolder) execute(orders []tree.Order) folder.OutcomesReported {
	out := make([]tree.Outcome, len(orders))
	for i, o := range orders {
		f.orders++
		out[i] = tree.Outcome{Ticket: o.Ticket, Stat: tree.Stat{
			Kind: tree.File, Size: o.Size, Mode: o.Mode, Mtime: o.Mtime, Links: 1,
			File: tree.FileID{Volume: 1, Inode: 1<<32 + uint64(f.orders), Birth: 5},
		}}
	}
	return folder.OutcomesReported{Outcomes: out}
}

// plan has every entry looked at: how it is shown, and whether the disk shows it so.
func (f *wholeFolder) plan(dir string, n int) (r result, err error) {
	if err := f.fill(dir, n); err != nil {
		return r, err
	}
	us, them, err := against(func() error {
		return f.do(folder.PatternsChanged{Patterns: ignore.Patterns{}})
	}, func() error { return f.scan() })
	if err == nil && f.orders > 0 {
		err = errors.New("orders were given where nothing is to do")
	}
	each := float64(us.Nanoseconds()) / float64(len(f.known))
	r = result{ours: fmt.Sprintf("%.2f us an entry, %.1f s a million", each/1e3, each/1e3),
		peer: fmt.Sprintf("%.2f us", float64(them.Nanoseconds())/float64(len(f.known))/1e3), goal: "3 s a million", binds: "CPU"}
	r.ratio, r.misses = us.Seconds()/them.Seconds(), each > 3000
	return r, err
}

// scan reads every row, and what is on disk for it, page by page, and does nothing with them.
func (f *wholeFolder) scan() error {
	for after := uint64(0); ; {
		rows := f.store.Since(after, 1000)
		if len(rows) == 0 {
			return nil
		}
		after = rows[len(rows)-1].Seq
	}
}

const changesInBench = 300

// change lets a peer tell of new contents, one by one, each durable before the next.
func (f *wholeFolder) change(dir string, n int) (r result, err error) {
	if err := f.fill(dir, n); err != nil {
		return r, err
	}
	view, err := f.store.View()
	if err != nil {
		return r, err
	}
	defer view.Close()
	number := uint64(len(f.known))
	us, them, err := against(func() error {
		for range changesInBench {
			f.changes++
			at := int(f.changes) * 7919 % len(f.known)
			if f.known[at].kind == tree.Dir {
				at += 2 // two directories at most come one after the other
			}
			row, _, err := view.Entry(f.known[at].id) // not what the owner has near
			if err != nil {
				return err
			}
			e := row.Entry.Clone()
			dot := version.Dot{Replica: modelPeer, Counter: 1<<40 + f.changes}
			e.Content.Version = version.Version{Dot: dot, Seen: e.Content.Seen.With(dot),
				Stamp: version.Stamp{Time: version.HybridOf(1_800_000_000_000 + int64(f.changes)), Replica: modelPeer}}
			e.Content.Context, e.Content.ID = e.Content.Seen, sha256.Sum256(binary.BigEndian.AppendUint64(nil, 1<<40+f.changes))
			if err := f.do(folder.RowsReceived{
				From: ident.DeviceID{2}, Log: 9, After: f.changes - 1, Upto: f.changes, Entries: []tree.Entry{e},
				Wall: 1_800_000_000_000,
			}); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		for range changesInBench {
			number++
			row, _ := f.store.Entry(f.known[int(number)*7919%len(f.known)].id)
			row.Seq = 1<<40 + number
			f.store.Apply(tree.Batch{Rows: []tree.Row{row}})
			if err := f.store.Commit(); err != nil {
				return err
			}
		}
		return nil
	})
	each := us / changesInBench
	r = result{ours: each.String(), peer: (them / changesInBench).String(), goal: "1 ms", binds: "three commits: the row, the intent, the outcome"}
	r.ratio, r.misses = us.Seconds()/them.Seconds(), each > time.Millisecond
	return r, err
}

// echo is a core that orders one thing for every event, and is done after so many.
type echo struct {
	left int
	out  [1]int
	done func()
}

// Handle implements step.Machine.
func (c *echo) Handle(_ step.Instant, event int) []int {
	if c.left--; c.left == 0 {
		c.done()
	}
	c.out[0] = event
	return c.out[:]
}

// Tick implements step.Machine.
func (c *echo) Tick(step.Instant) []int { return nil }

// Deadline implements step.Machine.
func (c *echo) Deadline() step.Instant { return step.Never }

const eventsInBench = 1_000_000

// loopAgainstChannel posts events from one goroutine, as a link does, and has one effect
// carried out for each.
func loopAgainstChannel() (r result, err error) {
	us, them, err := against(func() error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		effects := 0
		core := &echo{left: eventsInBench, done: cancel}
		loop := step.NewLoop(step.NewClock(), core, func(int) { effects++ }, func() (int, bool) { return 0, false })
		go func() {
			for n := range eventsInBench {
				loop.Post(ctx, n)
			}
		}()
		loop.Run(ctx)
		if effects < eventsInBench {
			return fmt.Errorf("%d effects of %d events", effects, eventsInBench)
		}
		return nil
	}, func() error {
		events := make(chan int, 1024)
		go func() {
			defer close(events)
			for n := range eventsInBench {
				events <- n
			}
		}()
		sum := 0
		for n := range events {
			sum += n
		}
		if sum == 0 {
			return errors.New("nothing came")
		}
		return nil
	})
	rate := eventsInBench / us.Seconds()
	r = result{ours: fmt.Sprintf("%.2f million a second", rate/1e6),
		peer: fmt.Sprintf("%.2f million", eventsInBench/them.Seconds()/1e6), goal: "0.5 million a second", binds: "the channel"}
	r.ratio, r.misses = us.Seconds()/them.Seconds(), rate < 500_000
	return r, err
}
