package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// These worlds have one or two writers and three readers, of whom the last is away for a
// time. Then the writers are away, and what that one gets it gets from readers alone.

// relayed is such a world, at rest, with the last reader apart from the others; whether that
// one has met them before is up to the caller.
func relayed(t *testing.T, seed uint64, writers int, met bool) *World {
	t.Helper()
	o := Calm(seed)
	o.Name, o.Founded, o.Nodes, o.Readers, o.People = "relayed", true, writers+3, 3, writers
	o.Files, o.Owners, o.Collect, o.Brake.Off = 25, 1, 5*time.Second, true
	w := newWorld(o)
	w.furnish()
	w.late().roll = w.devices[0].roll // of the members, everybody knows
	for _, d := range w.devices {
		d.start()
	}
	if !met {
		w.leave(w.late())
	}
	w.until(t, 5*time.Minute, func() bool { return w.same(met) })
	w.leave(w.late())
	return w
}

func (w *World) late() *device { return w.devices[len(w.devices)-1] }

// leave separates a device from the others.
func (w *World) leave(d *device) {
	d.far = true
	for _, l := range w.links {
		if w.isCut(l) {
			l.cut()
		}
	}
}

// work lets the writers' people work for a while, and everybody but the last reader agree.
func (w *World) work(t *testing.T, busy time.Duration) {
	t.Helper()
	end := time.Duration(w.now) + busy
	w.employ(end)
	w.run(busy)
	w.until(t, 5*time.Minute, func() bool { return w.same(false) })
}

// same reports whether all that are not away show the same; all of them, when whole is set.
func (w *World) same(whole bool) bool {
	first := w.devices[0]
	for _, d := range w.devices {
		if d.far && !whole {
			continue
		}
		if !d.running() || d.look != nil || d.batch != nil || d.index.dirty || len(d.unseen) > 0 ||
			d.core.Snapshot().Folder.Totals.Needs > 0 || d.core.Snapshot().Folder.Scanning ||
			d.core.Snapshot().Folder.Root != first.core.Snapshot().Folder.Root || difference(first, d) != "" {
			return false
		}
	}
	return true
}

func (w *World) until(t *testing.T, most time.Duration, is func() bool) {
	t.Helper()
	for end := w.now.Add(most); !is(); w.run(200 * time.Millisecond) {
		if w.failed != nil {
			t.Fatal(w.failed)
		}
		if w.now > end {
			t.Fatalf("seed %d: it does not come to that\n%s", w.options.Seed, w.trace.last())
		}
	}
}

// swap lets the writers vanish and the last reader come to the other readers. It returns
// what the readers showed then.
func (w *World) swap() *device {
	kept := w.devices[len(w.devices)-3]
	w.run(3 * time.Second)
	for _, d := range w.devices[:len(w.devices)-3] {
		d.crash()
	}
	w.late().far = false
	for _, l := range w.links {
		l.restore()
	}
	return kept
}

// equalReaders reports whether two devices are at rest and show the same.
func equalReaders(a, b *device) bool {
	for _, d := range []*device{a, b} {
		if !d.quietFor(time.Second) || d.core.Snapshot().Folder.Totals.Needs > 0 {
			return false
		}
	}
	return a.core.Snapshot().Folder.Root == b.core.Snapshot().Folder.Root && difference(a, b) == ""
}

func TestReadersPassOnWhatWritersSigned(t *testing.T) {
	for seed := range uint64(24) {
		met, writers := seed%2 == 0, 1+int(seed/2%2)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := relayed(t, seed, writers, met)
			w.work(t, 20*time.Second)
			kept := w.swap()
			if seed%3 == 0 {
				kept.crash() // what it holds it holds over a restart
				kept.start()
			}
			late := w.late()
			w.until(t, 2*time.Minute, func() bool { return equalReaders(kept, late) })
			// The writers come back, work on, and everybody agrees by the ordinary way.
			for _, d := range w.devices {
				d.start()
			}
			w.run(3 * time.Second)
			w.work(t, 5*time.Second)
			w.witness.check()
			if w.failed != nil {
				t.Fatal(w.failed)
			}
		})
	}
}

// lies are ways in which a reader can tell what no writer signed. Each gets what is to be
// said, and one of its like that was said before.
var lies = map[string]func(r *rand.Rand, m, before wire.Message) wire.Message{
	"entries": func(r *rand.Rand, m, _ wire.Message) wire.Message {
		found, ok := m.(wire.Found)
		if !ok || len(found.Entries) == 0 {
			return m
		}
		found.Entries = append([]tree.Entry(nil), found.Entries...)
		e := &found.Entries[r.IntN(len(found.Entries))]
		switch r.IntN(3) {
		case 0:
			e.Place.Name = "forged"
		case 1:
			e.Content.ID = ident.ContentID{1, 2, 3}
		default:
			e.Content.Deleted = !e.Content.Deleted
		}
		return found
	},
	"unasked entries": func(_ *rand.Rand, m, _ wire.Message) wire.Message {
		found, ok := m.(wire.Found)
		if !ok || len(found.Entries) == 0 {
			return m
		}
		extra := found.Entries[0].Clone()
		extra.ID, extra.Place.Name = ident.EntryID{9, 9}, "forged"
		found.Entries, found.Has = append([]tree.Entry{extra}, found.Entries...), append([]bool{true}, found.Has...)
		return found
	},
	"parts": func(r *rand.Rand, m, _ wire.Message) wire.Message {
		parts, ok := m.(wire.Parts)
		if !ok || len(parts.Parts) == 0 {
			return m
		}
		parts.Parts = append([]summary.Part(nil), parts.Parts...)
		p := &parts.Parts[r.IntN(len(parts.Parts))]
		if p.Branch {
			p.Children[r.IntN(16)][0]++
		} else if len(p.Items) > 0 {
			p.Items = append([]summary.Item(nil), p.Items[1:]...)
		}
		return parts
	},
	"roots": func(r *rand.Rand, m, _ wire.Message) wire.Message {
		signed, ok := m.(wire.SignedRoot)
		if !ok {
			return m
		}
		signed.Root[r.IntN(32)]++
		return signed
	},
	"old roots": func(_ *rand.Rand, m, before wire.Message) wire.Message {
		if _, ok := m.(wire.SignedRoot); ok && before != nil {
			return before
		}
		return m
	},
	"mixed roots": func(_ *rand.Rand, m, before wire.Message) wire.Message {
		signed, ok := m.(wire.SignedRoot)
		if old, is := before.(wire.SignedRoot); ok && is {
			signed.Gone = old.Gone
			return signed
		}
		return m
	},
	"old signature": func(_ *rand.Rand, m, before wire.Message) wire.Message {
		signed, ok := m.(wire.SignedRoot)
		if old, is := before.(wire.SignedRoot); ok && is {
			old.Root, old.Gone = signed.Root, signed.Gone
			return old
		}
		return m
	},
}

// A reader that lies gets nothing in that no writer had when it signed, hides nothing for
// longer than it alone is there, and stops nobody: once an honest reader is met, all is
// told.
func TestLyingReaders(t *testing.T) {
	for name, lie := range lies {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) { liveWithLiar(t, seed, lie) })
		}
	}
}

func liveWithLiar(t *testing.T, seed uint64, lie func(r *rand.Rand, m, before wire.Message) wire.Message) {
	w := relayed(t, seed, 1, seed%2 == 0)
	honest, chance := map[[32]byte]bool{}, rand.New(rand.NewPCG(seed, 5))
	var first wire.Message
	note := func() {
		for _, row := range w.devices[0].index.live.entries {
			honest[tree.Digest(&row.Entry)] = true
		}
	}
	note()
	for _, row := range w.late().index.live.entries {
		honest[tree.Digest(&row.Entry)] = true
	}
	w.devices[0].says = func(_ *device, m wire.Message) wire.Message {
		if signed, ok := m.(wire.SignedRoot); ok {
			note()
			if first == nil {
				first = signed
			}
		}
		return m
	}
	w.work(t, 10*time.Second)
	liar := w.devices[1]
	liar.lies, liar.says = true, func(to *device, m wire.Message) wire.Message {
		if to == w.late() && chance.IntN(3) > 0 {
			return lie(chance, m, first)
		}
		return m
	}
	other := w.devices[2]
	w.run(3 * time.Second) // until it holds what was signed
	other.crash()
	w.swap()
	w.run(20 * time.Second)
	late := w.late()
	for id, row := range late.index.live.entries {
		if !honest[tree.Digest(&row.Entry)] {
			t.Fatalf("entry %x, %q, was never the writer's", id[:4], row.Entry.Place.Name)
		}
	}
	late.disk.walk(func(path string, f *file) {
		if f.kind == tree.File && w.witness.saved[f.content.id] == nil && !f.content.torn && f.content.id != recipe.Empty {
			t.Fatalf("%q holds what nobody saved", path)
		}
	})
	other.start()
	w.until(t, 2*time.Minute, func() bool { return equalReaders(other, late) })
	liar.says = nil
	for _, d := range w.devices {
		d.start()
	}
	w.run(3 * time.Second)
	w.work(t, 2*time.Second)
	w.witness.check()
	if w.failed != nil {
		t.Fatal(w.failed)
	}
}
