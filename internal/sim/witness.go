package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// witness remembers what people did, so that the checkers need not believe the cores.
type witness struct {
	world *World
	saved map[ident.ContentID]*deed
	files map[ident.ContentID]*lineage
	ended map[spotOf]ident.ContentID // the lineage that last ended at a path of a device, or left it
	order []ident.ContentID          // of saved, as people saved them
}

// deed is a content that a person saved.
type deed struct {
	content  *content
	path     string
	where    *device
	at       step.Instant
	released bool // somebody who had it replaced or deleted it
	staged   bool // a disk was lost, and the content was in the stage of others alone
}

// spotOf is a path on a device.
type spotOf struct {
	where *device
	path  string
}

// lineage is a file as people think of it: all contents that came of one by edits.
type lineage struct {
	latest  ident.ContentID
	path    string   // where a person last put it
	been    []string // where it was before
	deleted bool     // by a person who saw its latest content at its latest place
	by      *device
	at      step.Instant
	// before are lineages that ended where this one came to be, or that people moved from
	// there, as when two files change names. To the devices they may be one file that was
	// rewritten: who moved that one away has moved this one too.
	before []ident.ContentID
	// contested lineages were changed by two people who could not know of one another, or
	// exist twice: whether they are to be seen in the end, these checkers cannot tell.
	contested bool
}

func newWitness(w *World) *witness {
	return &witness{
		world: w, saved: map[ident.ContentID]*deed{}, files: map[ident.ContentID]*lineage{},
		ended: map[spotOf]ident.ContentID{},
	}
}

// save tells that a person is about to save a content at a path.
func (t *witness) save(d *device, path string, c *content) {
	t.world.trace.note(d, "person saves %q #%x torn %v", path, c.id[:3], c.torn)
	if d.private() {
		return
	}
	if is := d.disk.at(path); is != nil {
		is.unheard = is.unheard || !d.running() && is.came && !d.recorded(is.content)
		t.release(is)
		if is.kind == tree.File && is.content.lineage != c.lineage {
			t.end(d, path, is)
		}
	}
	if !c.torn && t.saved[c.id] == nil {
		t.saved[c.id] = &deed{content: c, path: path, where: d, at: t.world.now}
		t.order = append(t.order, c.id)
	}
	l := t.files[c.lineage]
	if l == nil {
		t.files[c.lineage] = &lineage{latest: c.id, path: path, contested: c.torn}
		t.follow(d, path, c.lineage)
		return
	}
	was := ident.ContentID{}
	if is := d.disk.at(path); is != nil && is.kind == tree.File {
		was = is.content.id
	}
	if l.deleted || l.latest != was || l.path != path {
		l.contested = true
	}
	l.latest, l.path = c.id, path
}

// release notes that a person who had a content does without it.
func (t *witness) release(f *file) {
	if f.kind == tree.File {
		if deed := t.saved[f.content.id]; deed != nil {
			deed.released = true
		}
	}
	for _, name := range f.names() {
		t.release(f.children.at(name))
	}
}

// end notes that a person deleted a file, having seen what is on this disk.
func (t *witness) end(d *device, path string, f *file) {
	if f.kind != tree.File {
		for _, name := range f.names() {
			t.end(d, join(path, name), f.children.at(name))
		}
		return
	}
	l := t.files[f.content.lineage]
	if l == nil {
		return
	}
	if l.deleted || l.latest != f.content.id || l.path != path || d.shows(f.content.lineage, path) {
		l.contested = true
	}
	came := f.came || f.unheard
	if !d.running() && came && !d.recorded(f.content) {
		// An order was carried out, and the crash came before its outcome was recorded:
		// that nothing is there now means just as well that it had not been carried out.
		// What people wrote to the file before they deleted it nobody has seen, either.
		l.contested = true
	}
	l.deleted, l.by, l.at = true, d, t.world.now
	t.ended[spotOf{d, path}] = f.content.lineage
}

// undone notes that a device has told of a delete, which waited for a yes, that it was
// undone: what its people had deleted there may be seen again (docs/decisions/0022).
func (t *witness) undone(d *device, path string) {
	for _, l := range t.files {
		if l.deleted && l.by == d && (l.path == path || strings.HasPrefix(l.path, path+"/")) {
			l.contested = true
		}
	}
}

// follow notes which lineage ended, or was before, where another one comes to be.
func (t *witness) follow(d *device, path string, id ident.ContentID) {
	if was, ok := t.ended[spotOf{d, path}]; ok && was != id {
		t.files[id].before = append(t.files[id].before, was)
	}
}

// unclear reports whether a lineage, or one that it may have rewritten, is contested.
func (t *witness) unclear(id ident.ContentID, met map[ident.ContentID]bool) bool {
	l := t.files[id]
	if l == nil || l.contested {
		return true
	}
	met[id] = true
	for _, was := range l.before {
		if !met[was] && t.unclear(was, met) {
			return true
		}
	}
	return false
}

// shows reports whether a disk shows a file under another name too, as when a conflict copy
// of it has been made.
func (d *device) shows(lineage ident.ContentID, path string) (also bool) {
	d.disk.walk(func(other string, f *file) {
		also = also || other != path && f.kind == tree.File && f.content.lineage == lineage
	})
	return also
}

// recorded reports whether the index of a device knows that a content was here.
func (d *device) recorded(c *content) bool {
	for _, b := range d.index.kept.bases {
		if b.Content == c.id {
			return true
		}
	}
	return false
}

// remove tells that a person is about to delete a path.
func (t *witness) remove(d *device, path string) {
	t.world.trace.note(d, "person deletes %q", path)
	if d.private() {
		return
	}
	is := d.disk.at(path)
	t.release(is)
	t.end(d, path, is)
}

// move tells that a person is about to move a path, perhaps over another file.
func (t *witness) move(d *device, from, to string) {
	t.world.trace.note(d, "person moves %q to %q", from, to)
	if d.private() {
		return
	}
	is := d.disk.at(from)
	if over := d.disk.at(to); over != nil && over != is {
		t.release(over)
		t.end(d, to, over)
	}
	t.moveBelow(d, from, to, is)
}

func (t *witness) moveBelow(d *device, from, to string, f *file) {
	for _, name := range f.names() {
		t.moveBelow(d, join(from, name), join(to, name), f.children.at(name))
	}
	if f.kind != tree.File {
		return
	}
	l := t.files[f.content.lineage]
	if l == nil {
		return
	}
	// Of a file that is back where it was nobody can say whether they knew of its journey.
	if l.deleted || l.path != from || slices.Contains(l.been, to) {
		l.contested = true
	}
	l.path, l.been = to, append(l.been, l.path)
	t.ended[spotOf{d, from}] = f.content.lineage
	t.follow(d, to, f.content.lineage)
}

// share tells that a person copies a file, so that its content exists twice.
func (t *witness) share(f *file) {
	if l := t.files[f.content.lineage]; l != nil {
		l.contested = true
	}
}

// settle begins anew when all devices have come to the same: from here on everybody has
// seen everything.
func (t *witness) settle(d *device) {
	where := map[ident.ContentID][]string{}
	d.disk.walk(func(path string, f *file) {
		if f.kind == tree.File {
			where[f.content.lineage] = append(where[f.content.lineage], path)
		}
	})
	clear(t.ended)
	for id, l := range t.files {
		paths := where[id]
		if len(paths) == 0 {
			delete(t.files, id)
			continue
		}
		*l = lineage{latest: d.disk.at(paths[0]).content.id, path: paths[0], contested: len(paths) > 1}
	}
}

// check compares what the devices show in the end with what people did.
func (t *witness) check() {
	for _, d := range t.world.devices {
		t.checkInvented(d)
	}
	shown := map[ident.ContentID]bool{}
	d := t.world.devices[0]
	d.disk.walk(func(_ string, f *file) { shown[f.contentID()] = true })
	for _, id := range t.order {
		if deed := t.saved[id]; !deed.released && !shown[id] {
			t.world.fail("no content is lost (P2)", "#%x, saved as %q on %s at %v, is nowhere: %s",
				id[:3], deed.path, deed.where.name, deed.at.Since(0), t.traces(id))
			return
		}
	}
	t.checkRisen(d)
}

// traces says where a content that is gone was last kept.
func (t *witness) traces(id ident.ContentID) (out string) {
	for _, d := range t.world.devices {
		for _, gone := range d.disk.trash {
			if gone.content == id {
				out += d.name + " has it in the trash from " + gone.path + "; "
			}
		}
	}
	return out
}

func (t *witness) checkInvented(d *device) {
	d.disk.walk(func(path string, f *file) {
		if f.kind == tree.File && f.content.id != recipe.Empty && t.saved[f.content.id] == nil && !f.content.torn {
			t.world.fail("nothing is invented (P4)", "%s shows %q with content nobody saved", d.name, path)
		}
	})
	t.world.checkBlocked(d)
}

func (t *witness) checkRisen(d *device) {
	d.disk.walk(func(path string, f *file) {
		if f.kind != tree.File {
			return
		}
		if l := t.files[f.content.lineage]; l != nil && l.deleted && !t.unclear(f.content.lineage, map[ident.ContentID]bool{}) {
			t.world.fail("nothing deleted comes back (P3)", "%q holds #%x, which a person deleted on %s at %v",
				path, f.content.id[:3], l.by.name, l.at.Since(0))
		}
	})
}

// plainDifference tells how two disks differ that can hold the same names.
func plainDifference(a, b *device, lost map[string]bool) string {
	left, right := without(list(a.disk), lost), without(list(b.disk), lost)
	for i := 0; i < len(left) || i < len(right); i++ {
		switch {
		case i == len(left):
			return b.name + " alone has " + right[i].String()
		case i == len(right):
			return a.name + " alone has " + left[i].String()
		case !left[i].same(&right[i]):
			return a.name + " has " + left[i].String() + ", " + b.name + " has " + right[i].String()
		}
	}
	return ""
}

// sight is what a person sees of one name.
type sight struct {
	path   string
	kind   tree.Kind
	id     ident.ContentID
	mode   uint32
	mtime  int64
	target string
}

// list writes what a disk shows.
func list(d *disk) []sight {
	if d.seen != nil {
		return d.seen
	}
	out := []sight{}
	d.walk(func(path string, f *file) {
		out = append(out, sightOf(path, f))
	})
	d.seen = out
	return out
}

func sightOf(path string, f *file) sight {
	s := sight{path: path, kind: f.kind, id: f.contentID(), target: f.target}
	if f.kind != tree.Link {
		s.mode = f.mode
	}
	if f.kind == tree.File {
		s.mtime = f.mtime
	}
	return s
}

func (s *sight) same(o *sight) bool {
	return s.path == o.path && s.kind == o.kind && s.id == o.id && s.mode == o.mode &&
		(sameTime(s.mtime, o.mtime) || sameTime(o.mtime, s.mtime))
}

// sameTime takes a time that is cut to the grain of some file system for the whole one, as
// the folder core does: which grain a volume has it cannot know.
func sameTime(a, b int64) bool {
	for _, grain := range []int64{1, 100, 1e6, 1e7, 1e9, 2e9} {
		if a%grain == 0 && b-b%grain == a {
			return true
		}
	}
	return false
}

// String returns the line that a failure shows.
func (s sight) String() string {
	switch s.kind {
	case tree.File:
		return fmt.Sprintf("%q file #%x mode %o mtime %d", s.path, s.id[:3], s.mode, s.mtime-epoch)
	case tree.Dir:
		return fmt.Sprintf("%q dir mode %o", s.path, s.mode)
	}
	return fmt.Sprintf("%q link to %q", s.path, s.target)
}
