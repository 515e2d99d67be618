package merge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// deed is one thing a person does to what they see.
type deed struct {
	verb     string // finds, makes, writes, moves, deletes
	path, to string
	kind     tree.Kind
	same     bool // everybody's content, and not one of its own
	n        int  // of finds: which tree
}

func (d deed) String() string {
	switch d.verb {
	case "finds":
		return fmt.Sprint("finds tree ", d.n)
	case "makes":
		return fmt.Sprintf("makes the %s %s, same %v", d.kind, d.path, d.same)
	case "moves":
		return "moves " + d.path + " to " + d.to
	}
	return d.verb + " " + d.path
}

// place is what lies at a path: the entry that is seen, then those it stands for, or that
// are one directory with it.
type place struct {
	ids    []ident.EntryID
	kind   tree.Kind
	parent string
}

// look lists what a set of records shows.
func look(set map[ident.EntryID]tree.Entry) map[string]place {
	s := shelf(set)
	v := NewView(s, author)
	out := map[string]place{}
	standsFor := map[ident.EntryID][]ident.EntryID{}
	for _, id := range ids(set) {
		row, _ := s.Entry(id)
		shown := v.Of(&row)
		if shown.Twin != (ident.EntryID{}) {
			standsFor[shown.Twin] = append(standsFor[shown.Twin], id)
		}
		if !shown.Visible {
			continue
		}
		path := strings.TrimPrefix(pathOf(s, v, shown.Parent, 0)+shown.Name, "/")
		at, taken := out[path]
		if taken && (at.kind != tree.Dir || row.Entry.Kind != tree.Dir) {
			panic("two at " + path)
		}
		at.ids, at.kind = append(at.ids, id), row.Entry.Kind
		at.parent, _ = cutLast(path)
		out[path] = at
	}
	for path, at := range out {
		if at.kind != tree.Dir {
			at.ids = append(at.ids, standsFor[at.ids[0]]...)
			out[path] = at
		}
	}
	return out
}

func cutLast(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// twoNames are the names that people give, in the top and in directories there.
var twoNames = []string{"a", "b"}

// choices are all the deeds possible on what a set of records shows. In an empty folder the
// two names are alike.
func choices(set map[ident.EntryID]tree.Entry, empty bool) (out []deed) {
	seen := look(set)
	var free, paths []string
	for _, dir := range append([]string{""}, twoNames...) {
		if dir != "" && seen[dir].kind != tree.Dir {
			continue
		}
		for _, name := range twoNames {
			path := strings.TrimPrefix(dir+"/"+name, "/")
			if _, taken := seen[path]; !taken && (!empty || path == "a") {
				free = append(free, path)
			}
		}
	}
	for path := range seen {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range free {
		out = append(out, deed{verb: "makes", path: path, kind: tree.File},
			deed{verb: "makes", path: path, kind: tree.File, same: true},
			deed{verb: "makes", path: path, kind: tree.Dir})
	}
	for _, path := range paths {
		out = append(out, deed{verb: "deletes", path: path})
		if seen[path].kind == tree.File {
			out = append(out, deed{verb: "writes", path: path})
		}
		for _, to := range free {
			if !strings.HasPrefix(to, path+"/") {
				out = append(out, deed{verb: "moves", path: path, to: to})
			}
		}
	}
	return out
}

// person does deeds at a replica, as package folder records them.
type person struct {
	*replica
	act    *act
	number int // of the act
	made   int // entries made by the act
}

func (d deed) by(p *person) {
	at := look(p.set)[d.path]
	switch d.verb {
	case "finds":
		p.finds(d.n)
	case "makes":
		content := "same"
		if !d.same {
			content = fmt.Sprint("new", p.number)
		}
		dir, name := cutLast(d.path)
		p.made++
		id := entryID(byte(100 + 10*p.number + p.made))
		p.create(id, d.kind, p.dirAt(dir), name, content)
	case "writes":
		p.knowing(at)
		p.edit(at.ids[0], fmt.Sprint("edit", p.number))
		for _, hidden := range at.ids[1:] {
			p.remove(hidden)
		}
	case "moves":
		dir, name := cutLast(d.to)
		for _, id := range at.ids {
			p.move(id, p.dirAt(dir), name)
		}
	case "deletes":
		p.deletes(d.path)
	}
}

func (p *person) dirAt(path string) ident.EntryID {
	if path == "" {
		return ident.Root
	}
	return look(p.set)[path].ids[0]
}

func (p *person) knowing(at place) {
	for _, id := range at.ids {
		p.act.knew[p.set[id].Content.ID] = true
	}
}

func (p *person) deletes(path string) {
	seen := look(p.set)
	for below := range seen {
		if seen[below].parent == path && below != path {
			p.deletes(below)
		}
	}
	p.knowing(seen[path])
	for _, id := range seen[path].ids {
		p.remove(id)
	}
}

// finds is a first scan: of an empty tree, of one file, of another under the same name, or
// of a directory with a file.
func (p *person) finds(n int) {
	dir := entryID(2)
	switch n {
	case 1:
		p.find(entryID(1), "a", "same")
	case 2:
		p.find(entryID(1), "a", "found")
	case 3:
		p.wrote(tree.Entry{ID: dir, Kind: tree.Dir, Place: tree.Placement{Name: "a"}}, tree.Content{})
		e := tree.Entry{ID: entryID(3), Kind: tree.File}
		e.Place.Parent, e.Place.Name = dir, "a"
		e.Content.ID = contentID("same")
		p.wrote(e, tree.Content{})
	}
}
