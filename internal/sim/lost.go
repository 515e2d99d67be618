package sim

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Somebody edits a file, its record has left, its bytes have not; the index is lost, and
// the person deletes the file before it is made anew. Then nobody can tell of the delete,
// and nobody has the bytes (docs/decisions/0044). Such a file is waited for for ever. A
// world may end so, when every device says of every such file that nobody has it; whether
// somebody who had it did away with it is the witness's question (P2).

// needsOnlyLost reports whether all that a device waits for is on no disk of the world, and
// it tells of just that. What is on disk where such a file is to be stays for as long.
func (d *device) needsOnlyLost() bool {
	s := d.core.Snapshot()
	if s.Folder.Totals.Needs == 0 {
		return d.missing() == 0 && d.equalButLost(s.Folder.Root)
	}
	if d.world.options.Losses == 0 && d.world.options.Restores == 0 {
		return false
	}
	gone, lost := 0, d.world.lostPaths()
	for _, r := range d.index.live.needed(0, 1000) {
		if r.Entry.Live() && r.Entry.Kind == tree.File && !d.world.kept(r.Entry.Content.ID) {
			gone++
		} else if at, here := d.index.live.pathOf(r.Entry.ID); !here || !lost[at] {
			return false
		}
	}
	return d.missing() == gone
}

// missing counts the files of which a device says that nobody has what is in them.
func (d *device) missing() (n int) {
	for _, t := range d.core.Snapshot().Troubles {
		if t.Kind == folder.ContentMissing {
			n++
		}
	}
	return n
}

// equalButLost reports whether a device that has everything does not claim that all do only
// because others wait for what is lost.
func (d *device) equalButLost(root [32]byte) bool {
	waits := false
	for _, o := range d.world.devices {
		if !o.running() || o.core.Snapshot().Folder.Root != root {
			return false
		}
		needs := o.core.Snapshot().Folder.Totals.Needs
		waits = waits || needs > 0
		if needs > 0 && !o.needsOnlyLost() {
			return false
		}
	}
	return waits
}

// kept reports whether a content is anywhere: on a disk, in a trash, or fetched and not yet
// in place.
func (w *World) kept(c ident.ContentID) (kept bool) {
	for _, d := range w.devices {
		if s := d.disk.stages[c]; s != nil && s.whole || d.disk.inTrash(c) {
			return true
		}
		for _, seen := range list(d.disk) {
			kept = kept || seen.kind == tree.File && seen.id == c
		}
		for _, name := range d.disk.parked.names() {
			kept = kept || d.disk.parked.at(name).contentID() == c
		}
	}
	return kept
}

// lostPaths returns where the devices say that a file is missing that nobody has: one may
// still show what was there before.
func (w *World) lostPaths() map[string]bool {
	out := map[string]bool{}
	for _, d := range w.devices {
		for _, t := range d.core.Snapshot().Troubles {
			if t.Kind == folder.ContentMissing {
				out[t.Path] = true
			}
		}
	}
	return out
}

func without(seen []sight, lost map[string]bool) []sight {
	if len(lost) == 0 {
		return seen
	}
	var out []sight
	for _, s := range seen {
		if s.kind == tree.Dir || !lost[s.path] {
			out = append(out, s)
		}
	}
	return out
}

// giveUp lets people do without the contents that nobody has. False: there are none.
func (w *World) giveUp() (any bool) {
	for _, d := range w.devices {
		for _, t := range d.core.Snapshot().Troubles {
			if t.Kind == folder.ContentMissing && !d.private() {
				any = true
				d.handle(folder.GiveUpAsked{Ticket: w.tickets(), Path: t.Path, Wall: d.wall() / 1e6})
			}
		}
		if any {
			break // the others hear of it
		}
	}
	if any {
		w.run(3 * time.Second)
	}
	return any
}
