package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// file is what a name on disk leads to.
type file struct {
	id       tree.FileID
	kind     tree.Kind
	content  *content // of a file
	target   string   // of a link
	mode     uint32
	mtime    int64
	changed  int64  // when content or attributes last changed, as the system notes it
	children *shelf // of a directory
	came     bool   // by an order, and no person has written it since
	// unheard: a person has rewritten it before anybody could record that it came.
	unheard bool
}

func (f *file) stat() tree.Stat {
	s := tree.Stat{Kind: f.kind, Mode: f.mode, Links: 1, File: f.id}
	switch f.kind {
	case tree.File:
		s.Size, s.Mtime = f.content.size, f.mtime
	case tree.Link:
		s.Size, s.Mtime = int64(len(f.target)), f.mtime
	}
	return s
}

// contentID names what a look would read.
func (f *file) contentID() ident.ContentID {
	switch f.kind {
	case tree.File:
		return f.content.id
	case tree.Link:
		return recipe.LinkID(f.target)
	}
	return ident.ContentID{}
}

func (f *file) names() []string {
	if f.children == nil {
		return nil
	}
	return f.children.names()
}

// stage is a content that is being fetched.
type stage struct {
	size  int64
	have  []bool // nil when it came as a whole
	whole bool
}

// trashed is a file that gave way to an order.
type trashed struct {
	path    string
	content ident.ContentID
}

// disk models a folder on disk: sync/disk and what people's programs do there. Names
// lead to files, contents have no bytes.
type disk struct {
	root   *file
	parked *shelf // what rests in tree.ParkingDir
	stages map[ident.ContentID]*stage
	trash  []trashed
	wall   func() int64 // unix nanoseconds
	// touched hears every name that changed, as a watcher would.
	touched func(path string)
	inode   uint64
	freed   []uint64 // inodes of files that are gone; some systems give them out again
	volume  uint64
	rules   names.Volume // for names
	// fault, when set, may refuse an order as a failing disk would.
	fault func() tree.Refusal
	// seen is what list last returned, as long as nothing has changed since.
	seen []sight
}

func newDisk(volume uint64, rules names.Volume, wall func() int64) *disk {
	d := &disk{
		rules: rules, parked: newShelf(&names.Volume{}), stages: map[ident.ContentID]*stage{},
		wall: wall, touched: func(string) {}, volume: volume, inode: 1,
	}
	d.root = d.make(tree.Dir, 0o755)
	return d
}

// tick is how coarse the system's notes of time are: Linux has 1 to 10 ms.
const tick = 4_000_000

func (d *disk) clock() int64 { return d.wall() / tick * tick }

func (d *disk) make(kind tree.Kind, mode uint32) *file {
	if d.rules.NoModes {
		mode = 0o777
	}
	f := &file{kind: kind, mode: mode, changed: d.clock()}
	f.id = tree.FileID{Volume: d.volume, Birth: d.clock()}
	if n := len(d.freed); n > 0 {
		f.id.Inode = d.freed[n-1]
		d.freed = d.freed[:n-1]
	} else {
		d.inode++
		f.id.Inode = d.inode
	}
	if kind == tree.Dir {
		f.children = newShelf(&d.rules)
	}
	return f
}

// free gives the inodes of a file that is gone back to the system.
func (d *disk) free(f *file) {
	if len(d.freed) < 16 {
		d.freed = append(d.freed, f.id.Inode)
	}
	for _, name := range f.names() {
		d.free(f.children.at(name))
	}
}

const parkingPrefix = tree.ParkingDir + "/"

// where returns the directory a path is in, and its last name. False: the directory is
// not there.
func (d *disk) where(path string) (*shelf, string, bool) {
	if name, parked := strings.CutPrefix(path, parkingPrefix); parked {
		if i := strings.IndexByte(name, '/'); i < 0 {
			return d.parked, name, true
		}
		path = name
		first, _, _ := strings.Cut(path, "/")
		if f := d.parked.at(first); f != nil && f.kind == tree.Dir {
			return descend(f, path[len(first)+1:])
		}
		return nil, "", false
	}
	return descend(d.root, path)
}

func descend(from *file, path string) (*shelf, string, bool) {
	for {
		first, rest, more := strings.Cut(path, "/")
		if !more {
			return from.children, path, true
		}
		from = from.children.at(first)
		if from == nil || from.kind != tree.Dir {
			return nil, "", false
		}
		path = rest
	}
}

// at returns what a path leads to; nil for nothing.
func (d *disk) at(path string) *file {
	if path == "" {
		return d.root
	}
	in, name, ok := d.where(path)
	if !ok {
		return nil
	}
	return in.at(name)
}

// inTrash reports whether a content can be had back from what gave way to orders.
func (d *disk) inTrash(c ident.ContentID) bool {
	return slices.ContainsFunc(d.trash, func(t trashed) bool { return t.content == c })
}

// change notes that a name changed.
func (d *disk) change(path string) {
	d.seen = nil
	d.touched(path)
}

// look is a look at a name.
func (d *disk) look(path string) (tree.Stat, bool) {
	if f := d.at(path); f != nil {
		return f.stat(), true
	}
	return tree.Stat{}, false
}

// What people's programs do. All of them panic when the path's directory is not there: a
// script must not ask for that.

// holds reports whether the directory of a path is there.
func (d *disk) holds(path string) bool {
	in := d.at(parentPath(path))
	return in != nil && in.kind == tree.Dir
}

// shown is how a path is listed, as far as it leads to something.
func (d *disk) shown(path string) string {
	out, in := "", d.root
	for part := range strings.SplitSeq(path, "/") {
		if in != nil && in.kind == tree.Dir {
			f := in.children.at(part)
			if f != nil {
				part = in.children.shown(part)
			}
			in = f
		}
		out = join(out, part)
	}
	return out
}

func (d *disk) slot(path string) (*shelf, string) {
	in, name, ok := d.where(path)
	if !ok {
		panic(fmt.Sprintf("bug: a person of the simulation uses %q, which has no directory", path))
	}
	return in, name
}

// save makes or rewrites a file.
func (d *disk) save(path string, c *content) {
	in, name := d.slot(path)
	f := in.at(name)
	if f == nil {
		f = d.make(tree.File, 0o644)
		in.put(name, f)
	}
	f.content, f.mtime, f.changed, f.came = c, d.clock(), d.clock(), false
	d.change(path)
}

// link makes a symbolic link.
func (d *disk) link(path, target string) {
	in, name := d.slot(path)
	f := d.make(tree.Link, 0o777)
	f.target, f.mtime = target, d.clock()
	in.put(name, f)
	d.change(path)
}

func (d *disk) mkdir(path string) {
	in, name := d.slot(path)
	in.put(name, d.make(tree.Dir, 0o755))
	d.change(path)
}

// rename moves whatever is at a path, over a file that may be there.
func (d *disk) rename(from, to string) {
	in, name := d.slot(from)
	f := in.at(name)
	over, newName := d.slot(to)
	if old := over.at(newName); old != nil && old != f {
		d.free(old)
	}
	in.drop(name)
	over.put(newName, f)
	d.change(from)
	d.change(to)
}

// remove takes a name away, with all that is below it.
func (d *disk) remove(path string) {
	in, name := d.slot(path)
	d.touchBelow(path, in.at(name))
	d.free(in.at(name))
	in.drop(name)
}

func (d *disk) touchBelow(path string, f *file) {
	for _, name := range f.names() {
		d.touchBelow(path+"/"+name, f.children.at(name))
	}
	d.change(path)
}

func (d *disk) chmod(path string, mode uint32) {
	f := d.at(path)
	f.mode, f.changed = mode, d.clock()
	d.change(path)
}

func (d *disk) touch(path string) { d.setTime(path, d.clock()) }

func (d *disk) setTime(path string, mtime int64) {
	f := d.at(path)
	f.mtime, f.changed = mtime, d.clock()
	d.change(path)
}

// walk hands every name to see, a directory before what is in it, in order.
func (d *disk) walk(see func(path string, f *file)) { walkBelow("", d.root, see) }

func walkBelow(path string, dir *file, see func(path string, f *file)) {
	for _, name := range dir.names() {
		below, f := join(path, name), dir.children.at(name)
		see(below, f)
		if f.kind == tree.Dir {
			walkBelow(below, f, see)
		}
	}
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

func parentPath(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}
