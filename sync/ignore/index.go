package ignore

import (
	"slices"
	"strings"
)

// index finds the last line that matches. Most lines people write are names, endings and
// plain paths: one look finds all of a kind. The others are tried from the last one on,
// until none of them could win any more.
type index struct {
	names   map[string]winners // lines that are a name
	paths   map[string]winners // lines that are a path
	endings [256][]ending      // lines like "*.o", by their last byte, the last line first
	globs   []int              // other names, with stars or sets, the last line first
	trails  []int              // other paths, with stars or sets, the last line last
}

// winners are the last of the lines with one meaning, and the last of those that speak of
// all, not of directories only. A line is given by its place counted from 1; 0 is none.
type winners struct{ ofDirs, ofAll int }

type ending struct {
	text  string
	place int
}

func newIndex(lines []pattern) *index {
	x := &index{names: map[string]winners{}, paths: map[string]winners{}}
	for i := range lines {
		p, place := &lines[i], i+1
		text, isEnding := p.ending()
		switch {
		case p.broken:
		case p.rest == nil && p.named:
			x.names[p.prefix] = x.names[p.prefix].then(p, place)
		case p.rest == nil:
			x.paths[p.prefix] = x.paths[p.prefix].then(p, place)
		case isEnding:
			b := text[len(text)-1]
			x.endings[b] = append(x.endings[b], ending{text, place})
		case !p.named:
			x.trails = append(x.trails, place)
		default:
			x.globs = append(x.globs, place)
		}
	}
	for _, e := range x.endings {
		slices.Reverse(e)
	}
	slices.Reverse(x.globs)
	return x
}

func (w winners) then(p *pattern, place int) winners {
	w.ofDirs = place
	if !p.dirOnly {
		w.ofAll = place
	}
	return w
}

func (w winners) of(dir bool) int {
	if dir {
		return w.ofDirs
	}
	return w.ofAll
}

// lastTrails gives, for each path[:ends[i]], the place of the last line that matches it
// and is among the paths with stars and sets.
func (p Patterns) lastTrails(path string, ends, last []int, dir bool) {
	for _, place := range p.index.trails {
		l := &p.lines[place-1]
		to := len(ends)
		if l.dirOnly && !dir {
			to--
		}
		if to > 0 {
			l.markFitting(path, ends[:to], last, place)
		}
	}
}

// last is the place of the last line that matches the path itself, if it is behind best.
// The path's name starts at begin.
func (p Patterns) last(path string, begin int, dir bool, best int) int {
	name := path[begin:]
	if len(p.index.names) > 0 {
		best = max(best, p.index.names[name].of(dir))
	}
	if len(p.index.paths) > 0 {
		best = max(best, p.index.paths[path].of(dir))
	}
	if name != "" {
		for _, e := range p.index.endings[name[len(name)-1]] {
			if e.place < best {
				break
			}
			if strings.HasSuffix(name, e.text) && (dir || !p.lines[e.place-1].dirOnly) {
				best = e.place
				break
			}
		}
	}
	for _, place := range p.index.globs {
		if place < best {
			break
		}
		l := &p.lines[place-1]
		if (dir || !l.dirOnly) && l.fitsName(name) {
			return place
		}
	}
	return best
}
