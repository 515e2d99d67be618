package folder

import (
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Most conflict copies can be told by their records. For a while some cannot: two people
// made the same name apart, and the one that placed the loser has not written its new name
// down yet. They are noted when they are planned, and counted with the others.

const renamedKey = "renamed/"

// conflicts are the entries that a person sees as conflict copies.
type conflicts struct {
	recorded map[ident.EntryID]bool // their records say so
	renamed  map[ident.EntryID]bool // the view says so
	list     []ident.EntryID        // both, by id; nil when it is to be made anew
}

func newConflicts(recorded []ident.EntryID, notes []tree.Note) conflicts {
	c := conflicts{recorded: map[ident.EntryID]bool{}, renamed: map[ident.EntryID]bool{}}
	for _, id := range recorded {
		c.recorded[id] = true
	}
	for _, n := range notes {
		if id, ours := strings.CutPrefix(n.Key, renamedKey); ours && len(id) == len(ident.EntryID{}) {
			c.renamed[ident.EntryID([]byte(id))] = true
		}
	}
	return c
}

// noteRecorded notes whether an entry's record says that it is a conflict copy.
func (c *Core) noteRecorded(e *tree.Entry) {
	if is := e.Live() && e.ShowsConflict(); is != c.clashes.recorded[e.ID] {
		c.clashes.list = nil
		if delete(c.clashes.recorded, e.ID); is {
			c.clashes.recorded[e.ID] = true
		}
	}
	if !e.Live() || c.clashes.recorded[e.ID] {
		c.noteRenamed(e.ID, false)
	}
}

// noteShown notes whether the view gives an entry a conflict name that is not recorded.
func (c *Core) noteShown(e *tree.Entry, shown merge.Shown) {
	c.noteRenamed(e.ID, shown.Visible && shown.Renamed && !c.clashes.recorded[e.ID])
}

func (c *Core) noteRenamed(id ident.EntryID, is bool) {
	if is == c.clashes.renamed[id] {
		return
	}
	note := tree.Note{Key: renamedKey + string(id[:])}
	c.clashes.list = nil
	if delete(c.clashes.renamed, id); is {
		c.clashes.renamed[id], note.Body = true, []byte{1}
	}
	c.apply(tree.Batch{Notes: []tree.Note{note}})
}

// noticeConflict tells people when something comes to lie under a conflict name: the path
// it was to have, and where it is kept.
func (c *Core) noticeConflict(a *act, was string) {
	if a.parent == tree.Parking || strings.Contains(was, tree.ConflictMark) {
		return
	}
	if plain, marked := merge.Unmarked(a.name); marked {
		dir, _ := split(a.place())
		c.emit(Notice{Kind: ConflictKept, Path: strings.TrimPrefix(dir+"/"+plain, "/"), Detail: "kept as " + a.place()})
	}
}

// Conflicts returns the entries that a person sees as conflict copies, by id. It is not to
// be changed.
func (c *Core) Conflicts() []ident.EntryID {
	if c.clashes.list == nil {
		for id := range c.clashes.recorded {
			c.clashes.list = append(c.clashes.list, id)
		}
		for id := range c.clashes.renamed {
			c.clashes.list = append(c.clashes.list, id)
		}
		slices.SortFunc(c.clashes.list, func(a, b ident.EntryID) int { return slices.Compare(a[:], b[:]) })
	}
	return c.clashes.list
}
