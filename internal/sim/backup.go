package sim

import (
	"maps"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// backup is what a device had at some moment: its index, and all of its disk.
type backup struct {
	index   rows
	keeper  tree.Keeper
	disk    disk
	recipes map[ident.ContentID]bool
}

func (d *device) backUp() *backup {
	return &backup{d.copyIndex(), d.keeper, d.disk.clone(), maps.Clone(d.recipes)}
}

// restoreDisk puts back all that was on the disk of a device that does not run. What had
// come to be on it alone since is lost; nobody can keep that. What others have on its way to
// a place is no more durable than that is: a crash may take it.
func (d *device) restoreDisk(old *backup) {
	d.world.trace.note(d, "has its disk restored")
	d.keeper, d.recipes = old.keeper, maps.Clone(old.recipes)
	*d.disk = old.disk.clone()
	clear(d.unseen)
	d.lastChange = d.world.now
	shown, staged := map[ident.ContentID]bool{}, map[ident.ContentID]bool{}
	for _, o := range d.world.devices {
		for id, s := range o.disk.stages {
			staged[id] = staged[id] || s.whole
		}
		o.disk.walk(func(_ string, f *file) { shown[f.contentID()] = true })
		for _, name := range o.disk.parked.names() {
			f := o.disk.parked.at(name)
			shown[f.contentID()] = true
			if f.kind == tree.Dir {
				walkBelow("", f, func(_ string, f *file) { shown[f.contentID()] = true })
			}
		}
	}
	for id, deed := range d.world.witness.saved {
		deed.released = deed.released || !shown[id] && !staged[id]
		deed.staged = !shown[id] && staged[id]
	}
}

// clone copies a disk; the copy is not the device's.
func (d *disk) clone() disk {
	out := *d
	out.root, out.parked = d.root.clone(), d.parked.clone()
	out.trash, out.freed, out.seen = slices.Clone(d.trash), slices.Clone(d.freed), nil
	out.stages = map[ident.ContentID]*stage{}
	for id, s := range d.stages {
		out.stages[id] = &stage{s.size, slices.Clone(s.have), s.whole}
	}
	return out
}

func (f *file) clone() *file {
	out := *f
	if f.children != nil {
		out.children = f.children.clone()
	}
	return &out
}

func (s *shelf) clone() *shelf {
	out := *s
	out.files = map[string]kept{}
	for key, k := range s.files {
		out.files[key] = kept{k.name, k.file.clone()}
	}
	return &out
}
