package folder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/tree"
)

// When a name is ignored no more, what lies on disk under it and what peers did meanwhile
// have nothing to do with one another. So it is found like what a first scan finds, as a
// null version: it is merged, and nobody's newer version is overwritten, nor deleted
// because it is missing here. That goes on until a full scan has shown all of it, over a
// restart too.

const (
	patternsKey = "patterns" // those in force
	formerKey   = "former patterns"
)

// formerMax bounds the sets of patterns that were in force since the last full scan. After
// more changes the oldest ones become a set that ignores everything: whatever is found then
// is merged, and nothing is taken for deleted.
const formerMax = 8

// formerNote is where a set of former patterns is kept. The first one has the key that alone
// there once was.
func formerNote(i int) string {
	if i == 0 {
		return formerKey
	}
	return fmt.Sprintf("%s %d", formerKey, i+1)
}

// everything is the set that stands for more than can be kept.
func everything() ignore.Patterns {
	p, err := ignore.Parse([]byte("*\n"))
	if err != nil {
		panic("bug: the pattern that matches everything cannot be read: " + err.Error())
	}
	return p
}

// PatternsNoted returns the patterns that an earlier run obeyed; false when there was none.
func PatternsNoted(notes []tree.Note) (p ignore.Patterns, noted bool, err error) {
	for _, n := range notes {
		if n.Key == patternsKey {
			p, err = ignore.Restore(n.Body)
			return p, true, err
		}
	}
	return p, false, nil
}

// recallPatterns takes up which patterns an earlier run obeyed.
func (c *Core) recallPatterns(notes []tree.Note) error {
	noted := false
	for _, n := range notes {
		if n.Key != patternsKey && !strings.HasPrefix(n.Key, formerKey) {
			continue
		}
		p, err := ignore.Restore(n.Body)
		switch {
		case err != nil:
			return fmt.Errorf("read which patterns were obeyed: %w", err)
		case n.Key != patternsKey:
			c.former = append(c.former, p) // their order does not matter
		default:
			c.patterns, noted = p, true
		}
	}
	if now := c.cfg.Patterns; !noted || now.Hash() != c.patterns.Hash() {
		c.obey(now)
	}
	return nil
}

// obey puts other patterns into force.
func (c *Core) obey(p ignore.Patterns) {
	if c.patterns.Len() > 0 {
		if len(c.former) == formerMax {
			c.former = append(c.former[:0], everything())
		}
		c.former = append(c.former, c.patterns)
	}
	c.patterns = p
	c.apply(tree.Batch{Notes: append(c.formerNotes(), tree.Note{Key: patternsKey, Body: p.Append(nil)})})
	c.needs.everything()
}

// formerNotes says which patterns were in force, over a restart.
func (c *Core) formerNotes() []tree.Note {
	notes := make([]tree.Note, formerMax)
	for i := range notes {
		notes[i].Key = formerNote(i)
		if i < len(c.former) {
			notes[i].Body = c.former[i].Append(nil)
		}
	}
	return notes
}

// forgetFormer ends it: a full scan has shown everything by the patterns in force.
func (c *Core) forgetFormer() {
	if len(c.former) > 0 {
		c.former = nil
		c.apply(tree.Batch{Notes: c.formerNotes()})
	}
}

// unignored reports whether a name was ignored until lately.
func (c *Core) unignored(path string, dir bool) bool {
	return slices.ContainsFunc(c.former, func(p ignore.Patterns) bool { return p.Match(path, dir).Ignored() })
}

// takeUnignored takes in what was found under such a name, against what the base knows from
// before it was ignored. False: it is like any other.
func (c *Core) takeUnignored(f *tree.Finding, here []tree.Base, parent ident.EntryID, name string) bool {
	dir := f.Stat.Kind == tree.Dir
	if len(here) > 0 {
		dir = here[0].Stat.Kind == tree.Dir
	}
	if len(c.former) == 0 || f.Moved || !c.unignored(f.Path, dir) {
		return false
	}
	switch {
	case len(here) == 0:
		c.createNull(f, parent, name)
	case f.Gone || f.Stat.Kind != here[0].Stat.Kind:
		for _, b := range here {
			c.bringBack(b.Entry)
		}
		if !f.Gone {
			c.createNull(f, parent, name)
		}
	case dir || c.unwritten(here):
		return false // it was changed here alone
	default:
		e := tree.Entry{ID: here[0].Entry, Kind: f.Stat.Kind}
		for _, b := range here {
			c.clearBase(b.Entry)
			c.touch(b.Entry)
		}
		c.found(f, e, parent, name)
	}
	return true
}

// unwritten reports whether nobody wrote a content since the base was as recorded.
func (c *Core) unwritten(here []tree.Base) bool {
	return !slices.ContainsFunc(here, func(b tree.Base) bool {
		row, ok := c.index.Entry(b.Entry)
		return !ok || row.Entry.Content.ID != b.Content || !b.SawContent.CoversAll(row.Entry.Content.Context)
	})
}

// createNull makes an entry as a first scan does, unless one of its id is somewhere else or
// has ended: a name that was used again is another entry.
func (c *Core) createNull(f *tree.Finding, parent ident.EntryID, name string) {
	if c.adopt(f, parent, name) {
		return
	}
	e := tree.Entry{Kind: f.Stat.Kind, ID: ident.DerivedEntry(c.cfg.Folder, parent, byte(f.Stat.Kind), name)}
	_, elsewhere := c.index.Base(e.ID)
	if row, known := c.index.Entry(e.ID); elsewhere || known && !row.Entry.Live() {
		e.ID = c.newID()
	}
	c.found(f, e, parent, name)
}
