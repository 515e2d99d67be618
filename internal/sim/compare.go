package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// difference tells how two disks differ; empty when they do not, but for what one of them
// cannot hold. Two that both have rules of their own are not compared: each may lack what
// the other shows. The first device, which shows everything, is compared with all.
func difference(a, b *device) string { return differenceBut(a, b, nil) }

// differenceBut is difference, but for files at the given paths.
func differenceBut(a, b *device, lost map[string]bool) string {
	plain := names.Volume{}
	switch {
	case a.disk.rules == plain && b.disk.rules == plain:
		return plainDifference(a, b, lost)
	case a.disk.rules != plain && b.disk.rules != plain:
		return ""
	}
	c := comparison{a: a, b: b}
	c.compare("", a.disk.root, b.disk.root)
	return c.found
}

// recordsApart writes the live records that two devices do not have alike.
func recordsApart(a, b *device) (out string) {
	left, right := a.index.live.entries, b.index.live.entries
	ids := slices.Collect(maps.Keys(left))
	for id := range right {
		if left[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, compareIDs)
	for _, id := range ids {
		l, r := left[id], right[id]
		live := l != nil && l.Entry.Live() || r != nil && r.Entry.Live()
		if !live || l != nil && r != nil && tree.Digest(&l.Entry) == tree.Digest(&r.Entry) {
			continue
		}
		for _, of := range []struct {
			d   *device
			row *tree.Row
		}{{a, l}, {b, r}} {
			if of.row != nil {
				out += "; " + of.d.name + " records" + entryText(&of.row.Entry)
			}
		}
	}
	return out
}

// comparison looks for what differs between the disks of two devices whose volumes have
// rules of their own for names. It asks the volumes themselves, not the cores.
type comparison struct {
	a, b  *device
	found string
	known map[pair]bool // what equal has found out; else a deep tree is gone through for ever
}

// pair is a file, or directory, of each side.
type pair struct{ left, right *file }

func (c *comparison) note(format string, args ...any) {
	if c.found == "" {
		c.found = fmt.Sprintf(format, args...)
	}
}

func (c *comparison) compare(path string, left, right *file) {
	var without []string
	there := right.names()
	for _, name := range left.names() {
		is := left.children.at(name)
		i := c.match(name, left, right, there)
		if i < 0 {
			without = append(without, name)
			continue
		}
		c.same(join(path, name), is, right.children.at(there[i]))
		there = slices.Delete(there, i, i+1)
	}
	for _, name := range without {
		if !cannotShow(c.b.disk, path, name, left.children.at(name), right) {
			c.note("%s has %q, %s does not", c.a.name, join(path, name), c.b.name)
		}
	}
	for _, name := range there {
		if !cannotShow(c.a.disk, path, name, right.children.at(name), left) {
			c.note("%s has %q, %s does not", c.b.name, join(path, name), c.a.name)
		}
	}
}

// match finds the name that stands for one of the other side: where a volume changes the
// names it shows, the one that leads to the same.
func (c *comparison) match(name string, left, right *file, there []string) int {
	is := left.children.at(name)
	if i := slices.Index(there, name); i >= 0 && c.equal(is, right.children.at(name)) {
		return i
	}
	like := func(o string) bool { return c.alike(name, o) && c.equal(is, right.children.at(o)) }
	if i := slices.IndexFunc(there, like); i >= 0 {
		return i
	}
	// None does. To say how they differ, there must be no doubt what is compared with what.
	for i, o := range there {
		like := func(n string) bool { return c.alike(n, o) }
		if like(name) && count(there, like) == 1 && count(left.names(), like) == 1 {
			return i
		}
	}
	return -1
}

func count(list []string, is func(string) bool) (n int) {
	for _, s := range list {
		if is(s) {
			n++
		}
	}
	return n
}

// equal compares two files, or directories with all that is in them.
func (c *comparison) equal(left, right *file) bool {
	is, known := c.known[pair{left, right}]
	if !known {
		if c.known == nil {
			c.known = map[pair]bool{}
		}
		inner := comparison{a: c.a, b: c.b, known: c.known}
		inner.same("", left, right)
		is = inner.found == ""
		c.known[pair{left, right}] = is
	}
	return is
}

func (c *comparison) sights(path string, left, right *file) (x, y sight) {
	x, y = sightOf(path, left), sightOf(path, right)
	if c.a.disk.rules.NoModes || c.b.disk.rules.NoModes {
		x.mode, y.mode = 0, 0
	}
	return x, y
}

// alike reports whether two names are one, but for what the volumes do to the names they
// show.
func (c *comparison) alike(x, y string) bool {
	both := names.Volume{}
	for _, v := range []names.Volume{c.a.disk.rules, c.b.disk.rules} {
		both.Forms = both.Forms || v.Forms
		if v.ForgetsCase {
			both.Case = max(both.Case, v.Case)
		}
	}
	return both.Key(x) == both.Key(y)
}

func (c *comparison) same(path string, left, right *file) {
	x, y := c.sights(path, left, right)
	if !x.same(&y) {
		c.note("%s has %v, %s has %v", c.a.name, x, c.b.name, y)
	}
	if left.kind == tree.Dir && right.kind == tree.Dir {
		c.compare(path, left, right)
	}
}

// cannotShow reports whether a volume has no place in a directory for what another one
// shows: it refuses it, or shows something else under a name that it takes for the same.
func cannotShow(d *disk, path, name string, f, in *file) bool {
	if f.kind == tree.Link && d.rules.NoLinks || d.rules.Refusal(name) != "" ||
		path == "" && d.rules.RefusalAtTop(name) != "" {
		return true
	}
	composed := accents.Recorded(name) // it may be shown with its accents apart
	return !d.rules.Exact() && (in.children.at(name) != nil || in.children.at(composed) != nil)
}

// checkBlocked compares what a device cannot show with what it says of that, and with the
// first device, which shows everything.
func (w *World) checkBlocked(d *device) {
	missing := (&comparison{a: w.devices[0], b: d}).countMissing(w.devices[0].disk.root, d.disk.root)
	said := d.core.Snapshot().Folder.Blocked
	if said < int64(missing) || missing == 0 && said > 0 {
		w.fail("what cannot be shown is told (P34)", "%s lacks %d names and tells of %d", d.name, missing, said)
	}
	x := &d.index.live
	for _, name := range d.disk.parked.names() {
		at := x.baseAt(tree.Parking, name)
		if len(at) == 0 || !x.entries[at[0].Entry].Need {
			w.fail("no content is lost (P2)", "%s left %q in the parking place", d.name, name)
		}
	}
}

// countMissing counts the names that a directory of the first device has and another
// device, in its own, does not.
func (c *comparison) countMissing(ref, own *file) (n int) {
	shown := map[string]string{} // by key, the name that has the place
	rules := &c.b.disk.rules
	for _, name := range ref.names() {
		if own == nil || own.children.at(name) == nil || !c.alike(name, own.children.shown(name)) {
			continue
		}
		key := rules.Key(name)
		if _, found := shown[key]; !found && c.equal(ref.children.at(name), own.children.at(name)) {
			shown[key] = name
		}
	}
	for _, name := range ref.names() {
		var is *file
		if has, found := shown[rules.Key(name)]; found && has == name {
			is = own.children.at(name)
		} else {
			n++
		}
		if f := ref.children.at(name); f.kind == tree.Dir {
			n += c.countMissing(f, is)
		}
	}
	return n
}
