package folder

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// attributes are what an order asks for.
type attributes struct {
	mode   uint32
	mtime  int64
	traits tree.Traits // those that are carried here
}

// unkeptMax bounds the entries whose attributes a volume is known not to keep. Of more of
// them those are asked for again now and then.
const unkeptMax = 10000

// noteUnkept remembers attributes that were set and do not show: there are volumes that
// take them without a word and keep others. They are not asked for once more in this life.
func (c *Core) noteUnkept(id ident.EntryID, o *tree.Order, shown *tree.Stat) {
	asked := attributes{o.Mode, o.Mtime, o.Traits}
	if shown.Kind == tree.Dir {
		asked.mtime = 0
	}
	traited := o.Traits == "" || !tree.TraitsDiffer(shown.Traits, o.Traits.Mark())
	if traited && !attributesDiffer(shown, asked.mode, asked.mtime) {
		delete(c.unkept, id)
		return
	}
	if len(c.unkept) >= unkeptMax {
		clear(c.unkept)
	}
	c.unkept[id] = asked
}
