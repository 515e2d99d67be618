package folder

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// relook is how long to wait before looking again at a name whose finding was overtaken
// by something else: enough for an order under way to be answered.
const relook = 100 * time.Millisecond

// takeFinding turns one finding into a write, unless the base has moved on since the scan
// compared with it: then the finding is not believed and the name is looked at again.
func (c *Core) takeFinding(f *tree.Finding) {
	if f.Problem != "" {
		c.noteUnreadable(f)
		return
	}
	delete(c.unread, f.Path)
	if c.reader {
		c.takeLocal(f)
		return
	}
	parentPath, name := split(f.Path)
	dirs, ok := c.directoriesAt(parentPath)
	if !ok || c.busy[f.Path] > 0 || c.inDoubt(f.Path) {
		c.doubt(f)
		return
	}
	var here []tree.Base
	for _, dir := range dirs {
		here = append(here, c.index.BaseAt(dir, name)...)
	}
	if !f.Moved && matches(here, f) {
		here = alike(here, known(here, f).Stat.Kind)
	}
	switch {
	case len(here) == 0 && f.Gone:
	case len(here) == 0 && f.Moved:
		c.takeMove(f, dirs[0], name)
	case len(here) == 0 && f.Rev == 0 && c.ownSpelling(f, dirs, name):
		c.lookOnceMore(f)
	case len(here) == 0 && f.Rev == 0 && c.takeUnignored(f, nil, dirs[0], name):
	case len(here) == 0 && f.Rev == 0 && c.cameBefore(f, dirs, nil, name):
	case len(here) == 0 && f.Rev == 0:
		if !c.pairVanished(f, dirs[0], name) {
			c.create(f, dirs[0], name)
		}
	case f.Moved && c.makesRoom(f, here):
		if c.takeMove(f, dirs[0], name) {
			c.takeDeferred()
		}
	case f.Moved && len(here) > 0:
		c.deferMove(f)
		c.doubt(f)
	case len(here) == 0, !matches(here, f), c.acts[here[0].Entry] != nil,
		(f.Gone || f.Stat.Kind != here[0].Stat.Kind) && c.worksInside(here):
		c.doubt(f)
	case c.takeUnignored(f, here, dirs[0], name):
	case f.Gone && c.foundHeld(here):
	case f.Gone:
		c.takeVanished(known(here, f), f.Path)
	case f.Stat.Kind != here[0].Stat.Kind && c.mayHaveMoved(here, f):
	case f.Stat.Kind != here[0].Stat.Kind:
		c.removeAll(here)
		c.create(f, dirs[0], name)
	case c.cameBefore(f, dirs, here, name):
	default:
		c.change(here, f)
	}
}

// worksInside reports whether an order under way concerns something in a directory that is
// gone: it may be the order that took it out, just before the directory went, or one that
// put something in, which whoever removed the directory has seen.
func (c *Core) worksInside(dirs []tree.Base) bool {
	if dirs[0].Stat.Kind != tree.Dir {
		return false
	}
	for id, a := range c.acts {
		b, onDisk := c.index.Base(id)
		if slices.ContainsFunc(dirs, func(d tree.Base) bool {
			return onDisk && c.inside(b.Parent, d.Entry) || c.inside(a.parent, d.Entry)
		}) {
			return true
		}
	}
	return false
}

// known returns the base row that a finding is about.
func known(here []tree.Base, f *tree.Finding) tree.Base {
	return here[slices.IndexFunc(here, func(b tree.Base) bool { return b.Entry == f.Known })]
}

// alike returns the rows of a kind. While a file and a directory change places, the one that
// has left a name may still be among those of the name, and is not what was found there.
func alike(here []tree.Base, kind tree.Kind) (out []tree.Base) {
	for _, b := range here {
		if b.Stat.Kind == kind {
			out = append(out, b)
		}
	}
	return out
}

// matches reports whether the finding was made against a base row that still stands.
func matches(here []tree.Base, f *tree.Finding) bool {
	return slices.ContainsFunc(here, func(b tree.Base) bool {
		return b.Entry == f.Known && b.Rev == f.Rev
	})
}

// create writes a new entry for a name the base did not have, or adopts the entry of a
// peer that wants just this content at this name.
func (c *Core) create(f *tree.Finding, parent ident.EntryID, name string) {
	if c.adopt(f, parent, name) {
		return
	}
	e := tree.Entry{Kind: f.Stat.Kind, ID: ident.DerivedEntry(c.cfg.Folder, parent, byte(f.Stat.Kind), name)}
	_, elsewhere := c.index.Base(e.ID) // the entry once made here was moved
	if c.state.Scanned || elsewhere {
		e.ID = c.newID()
		v := c.nextVersion(nil)
		e.Place.Version, e.Content.Version, e.Attrs.Version = v, v, v
	}
	c.found(f, e, parent, name)
}

// found records an entry, under an id and versions that are decided, for what lies at a
// name of which the base knows nothing.
func (c *Core) found(f *tree.Finding, e tree.Entry, parent ident.EntryID, name string) {
	_, known := c.index.Entry(e.ID)
	e.Place.Parent, e.Place.Name = parent, name
	e.Content.ID, e.Content.Target = f.Content, f.Target
	e.Content.Size = sizeOf(&f.Stat)
	e.Attrs.Mode, e.Attrs.Mtime = c.attributesFound(&f.Stat)
	if e.Attrs.Traits = f.Traits; f.Traits == tree.NoTraits {
		e.Attrs.Traits = ""
	}
	e.Place.Context, e.Content.Context, e.Attrs.Context = e.Place.Seen, e.Content.Seen, e.Attrs.Seen
	c.writeLocal(e)
	b := tree.Base{Entry: e.ID, Parent: parent, Name: name, Content: f.Content, Stat: f.Stat, Racy: f.Racy}
	sawAll(&b, &e)
	c.setBase(b)
	c.touchAround(&e)
	if known || c.contested(&e) {
		// Peers told of it, or of another entry of its name, before the look came here:
		// that one may be deleted, moved or edited, and what lies here be the old state.
		c.touch(e.ID)
	}
	c.wake(e.ID)
	c.noticeLocal(f.Path, "new")
}

// contested reports whether another entry, living or not, is placed under the same name.
func (c *Core) contested(e *tree.Entry) bool {
	for _, dir := range c.view.Twins(e.Place.Parent) {
		for _, row := range c.index.Placed(dir, e.Place.Name) {
			if row.Entry.ID != e.ID {
				return true
			}
		}
	}
	return false
}

// adopt takes what was found for an entry that is wanted at this very name with this very
// content and is not on disk yet: the same file reached both devices by other means.
func (c *Core) adopt(f *tree.Finding, parent ident.EntryID, name string) bool {
	for _, dir := range c.view.Twins(parent) {
		for _, row := range c.index.Placed(dir, name) {
			e := &row.Entry
			if e.Kind != f.Stat.Kind || !e.Live() || e.Content.ID != f.Content || c.acts[e.ID] != nil {
				continue
			}
			if _, onDisk := c.index.Base(e.ID); onDisk {
				continue
			}
			b := tree.Base{Entry: e.ID, Parent: parent, Name: name, Content: f.Content, Stat: f.Stat, Racy: f.Racy}
			sawAll(&b, e)
			c.setBase(b)
			if e.Content.Deleted && !c.reader {
				c.keepHere(&row, b) // or somebody takes an older content for the last there is
			}
			c.touch(e.ID)
			c.wake(e.ID)
			return true
		}
	}
	return false
}

// writeLocal joins a local value with what is recorded and records the result. A value
// that loses to a write nobody here had seen is kept beside it, like a peer's would be.
func (c *Core) writeLocal(e tree.Entry) {
	if row, known := c.index.Entry(e.ID); known {
		merge.Rank(&e, &row.Entry)
	}
	c.join(e, "")
}

// change writes what differs between a name's base and what was found there. A name that
// several entries share is one file to the person who changed it: the first keeps the
// change, the others end.
func (c *Core) change(here []tree.Base, f *tree.Finding) {
	b := here[0]
	row, ok := c.index.Entry(b.Entry)
	if !ok {
		panic("bug: a base row without its entry")
	}
	e := row.Entry.Clone()
	var v version.Version
	if f.Content != b.Content {
		v = c.nextVersion(b.SawContent)
		ancestors := replaced(&row.Entry.Content, b.Content)
		e.Content = tree.Content{
			Version: v, Context: v.Seen, ID: f.Content, Size: sizeOf(&f.Stat), Target: f.Target,
			Ancestors: ancestors,
		}
		b.SawContent = v.Seen
		if len(here) > 1 && e.Kind != tree.Dir {
			c.removeAll(here[1:])
		}
		for _, twin := range c.hidden(&row.Entry, b.Content) {
			c.join(c.deletion(&twin.Entry), "")
		}
	}
	traits := c.traitsFound(&b, f, e.Attrs.Traits)
	if mode, mtime := attributesOf(&f.Stat); c.modeChanged(&b.Stat, &f.Stat) || traits != e.Attrs.Traits {
		if c.cfg.Volume.NoModes {
			mode = e.Attrs.Mode
		}
		if v.IsNull() {
			v = c.nextVersion(b.SawAttrs)
		}
		v.Seen = b.SawAttrs.With(v.Dot)
		e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: mode, Mtime: mtime, Traits: traits}
		b.SawAttrs = v.Seen
	}
	b.Content, b.Stat, b.Racy = f.Content, f.Stat, f.Racy
	c.setBase(b)
	c.restat(b, here[0].Stat.File)
	if v.IsNull() {
		c.lookedAtTraits(&here[0], f)
		return
	}
	c.writeLocal(e)
	if replaced := here[0]; f.Content != replaced.Content {
		c.outlive(&replaced)
	}
	c.noticeLocal(f.Path, "changed")
}

// replaced lists the contents a new one replaces: what was on disk, and what that had
// replaced when it is what is recorded.
func replaced(recorded *tree.Content, onDisk ident.ContentID) []ident.ContentID {
	out := []ident.ContentID{onDisk}
	if recorded.ID == onDisk {
		out = append(out, recorded.Ancestors...)
	}
	return out[:min(len(out), tree.AncestorsMax)]
}

// takeMove writes a new placement for an entry whose file was found under another name,
// unless that cannot be believed yet.
func (c *Core) takeMove(f *tree.Finding, parent ident.EntryID, name string) (taken bool) {
	b, ok := c.index.Base(f.Known)
	if !ok || b.Rev != f.Rev || c.acts[b.Entry] != nil || c.inside(parent, b.Entry) {
		c.doubt(f) // nothing lies in itself: what is above has moved, too
		return false
	}
	delete(c.doubts, f.Path)
	c.move(b, f, parent, name)
	return true
}

// move writes the placement, and the content too where it changed on the way. Everything
// that shared the old name moves along: it was one file, or one directory, to the person.
func (c *Core) move(first tree.Base, f *tree.Finding, parent ident.EntryID, name string) {
	for _, b := range c.index.BaseAt(first.Parent, first.Name) {
		if b.Stat.File != first.Stat.File {
			continue
		}
		row, ok := c.index.Entry(b.Entry)
		if !ok {
			panic("bug: a base row without its entry")
		}
		twins := c.hidden(&row.Entry, b.Content)
		if c.vanished[b.Entry].replaced || c.held.entries[b.Entry] != nil {
			c.lookAgain(relook, c.basePath(&b)) // what has its name was not taken in yet
		}
		e := row.Entry.Clone()
		v := c.nextVersion(b.SawPlace)
		e.Place = tree.Placement{
			Version: v, Context: v.Seen, Parent: parent, Name: name,
			WasParent: b.Parent, WasName: b.Name,
		}
		b.SawPlace = v.Seen
		b.Parent, b.Name = parent, name
		old := b.Stat
		c.setBase(b)
		delete(c.vanished, b.Entry)
		c.writeLocal(e)
		for _, twin := range twins {
			if !e.Content.IsNull() && twin.Entry.Content.IsNull() && twin.Entry.Place.IsNull() {
				c.endFound(&twin)
			} else {
				c.follow(&twin.Entry, &e)
			}
		}
		c.noticeLocal(f.Path, "moved")
		if b.Content != f.Content || c.attributesChanged(&old, &f.Stat) {
			again, _ := c.index.Base(b.Entry)
			c.change([]tree.Base{again}, f)
		} else {
			b.Stat = f.Stat
			c.setBase(b)
		}
		c.wake(b.Entry)
	}
	c.forget()
}

// attributesChanged compares two looks at a file, as far as the volume keeps attributes.
func (c *Core) attributesChanged(old, found *tree.Stat) bool {
	return c.modeChanged(old, found) ||
		tree.TraitsDiffer(old.Traits, found.Traits) && (old.Traits != 0 || !c.reader)
}

// modeChanged is attributesChanged of permissions and times alone.
func (c *Core) modeChanged(old, found *tree.Stat) bool {
	mode, mtime := attributesOf(found)
	if c.cfg.Volume.NoModes {
		mode, _ = attributesOf(old)
	}
	return attributesDiffer(old, mode, mtime)
}

// attributesFound returns the attributes of something new. Where the volume keeps no
// permission bits they are those that a program gives to what it makes.
func (c *Core) attributesFound(s *tree.Stat) (mode uint32, mtime int64) {
	mode, mtime = attributesOf(s)
	switch {
	case !c.cfg.Volume.NoModes:
	case s.Kind == tree.Dir:
		mode = 0o755
	case s.Kind == tree.File:
		mode = 0o644
	}
	return mode, mtime
}

// removeAll writes deletes for entries whose names are gone from disk, children first.
func (c *Core) removeAll(gone []tree.Base) {
	const page = 256
	for _, b := range gone {
		for b.Stat.Kind == tree.Dir {
			below := c.index.BaseChildren(b.Entry, "", page)
			if len(below) == 0 {
				break
			}
			c.removeAll(below)
		}
		row, ok := c.index.Entry(b.Entry)
		if !ok {
			panic("bug: a base row without its entry")
		}
		for _, twin := range c.hidden(&row.Entry, b.Content) {
			c.join(c.deletion(&twin.Entry), "")
		}
		e := row.Entry.Clone()
		v := c.nextVersion(b.SawContent)
		ancestors := replaced(&row.Entry.Content, b.Content)
		e.Content = tree.Content{
			Version: v, Context: v.Seen, ID: b.Content, Size: sizeOf(&b.Stat), Target: e.Content.Target,
			Deleted: true, SawPlace: b.SawPlace, Ancestors: ancestors[1:],
		}
		delete(c.vanished, b.Entry)
		c.clearBase(b.Entry)
		c.writeLocal(e)
		c.checked.deleted = true
		c.outlive(&b)
	}
}

// hidden returns the entries that are not on disk because the given one, which holds the
// given content there, stands for them too (rule R11). To a person all of them are the one
// file: what is done to it is done to them, or they would come up where it was. It stands
// for them where it lies, also while an order to move it waits.
func (c *Core) hidden(e *tree.Entry, content ident.ContentID) (out []tree.Row) {
	if e.Kind == tree.Dir || e.IsConflict() {
		return nil
	}
	out = c.hiddenAt(nil, e, e.Place.Parent, e.Place.Name, content)
	if b, ok := c.index.Base(e.ID); ok && (b.Parent != e.Place.Parent || b.Name != e.Place.Name) {
		out = c.hiddenAt(out, e, b.Parent, b.Name, content)
	}
	return out
}

// hiddenAt adds the entries that are hidden by the given one at a place.
func (c *Core) hiddenAt(
	out []tree.Row, e *tree.Entry, parent ident.EntryID, name string, content ident.ContentID,
) []tree.Row {
	for _, dir := range c.view.Twins(parent) {
		for _, row := range c.index.Placed(dir, name) {
			o := &row.Entry
			if o.ID == e.ID || o.Kind != e.Kind || !o.Live() {
				continue
			}
			_, onDisk := c.index.Base(o.ID)
			same := o.Content.ID == content || o.Content.IsNull() && e.Content.Descends(o.Content.ID)
			if same && !onDisk {
				out = append(out, row)
			}
		}
	}
	return out
}

// follow writes that a hidden entry has moved along with the one that stands for it.
func (c *Core) follow(hidden, moved *tree.Entry) {
	e := hidden.Clone()
	v := c.nextVersion(e.Place.Context)
	e.Place = tree.Placement{
		Version: v, Context: v.Seen, Parent: moved.Place.Parent, Name: moved.Place.Name,
		WasParent: e.Place.Parent, WasName: e.Place.Name,
	}
	c.writeLocal(e)
}

// outlive deletes the conflict entry of a content that a person replaced or deleted here
// after it had lost to a peer's write and before a copy of it was kept: they did without
// it, and its bytes are gone.
func (c *Core) outlive(was *tree.Base) {
	for _, row := range c.losersOf(was) {
		if _, kept := c.index.Base(row.Entry.ID); !kept {
			c.join(c.deletion(&row.Entry), "")
		}
	}
}

// directoriesAt returns the entries that are the directory at a path on disk; more than
// one where twins share it. False: the base knows no such directory.
func (c *Core) directoriesAt(path string) ([]ident.EntryID, bool) {
	dirs := []ident.EntryID{ident.Root}
	for path != "" {
		name, rest, _ := strings.Cut(path, "/")
		var below []tree.Base
		for _, dir := range dirs {
			for _, b := range c.index.BaseAt(dir, name) {
				if b.Stat.Kind == tree.Dir {
					below = append(below, b)
				}
			}
		}
		if len(below) == 0 {
			return nil, false
		}
		dirs, path = newest(below), rest
	}
	return dirs, true
}

// newest returns those of a name that are the directory which is there. While directories
// change places the base knows two for a name until both moves are taken in; what has come
// last is there, and the other one may even lie in it.
func newest(dirs []tree.Base) (out []ident.EntryID) {
	last := slices.MaxFunc(dirs, func(a, b tree.Base) int { return cmp.Compare(a.Rev, b.Rev) })
	for _, b := range dirs {
		if b.Stat.File == last.Stat.File {
			out = append(out, b.Entry)
		}
	}
	return out
}

func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// sizeOf returns the size of a content: only files have one.
func sizeOf(s *tree.Stat) int64 {
	if s.Kind != tree.File {
		return 0
	}
	return s.Size
}

// attributesOf returns what of a look at the disk is shared: permission bits and, except
// for directories, whose time changes with every child, the modification time.
func attributesOf(s *tree.Stat) (mode uint32, mtime int64) {
	switch s.Kind {
	case tree.Dir:
		return s.Mode & 0o777, 0
	case tree.Link:
		return 0, 0
	}
	return s.Mode & 0o777, s.Mtime
}

// attributesDiffer compares what is on disk with shared attributes. A file system that
// keeps coarser times than the writer's (2 s on FAT, 1 s, 10 ms on exFAT, 100 ns on NTFS)
// shows the time cut to its grain; that is no difference.
func attributesDiffer(disk *tree.Stat, mode uint32, mtime int64) bool {
	diskMode, diskMtime := attributesOf(disk)
	if diskMode != mode {
		return true
	}
	for _, grain := range []int64{1, 100, 1e6, 1e7, 1e9, 2e9} {
		if diskMtime%grain == 0 && mtime-mtime%grain == diskMtime {
			return false
		}
	}
	return true
}
