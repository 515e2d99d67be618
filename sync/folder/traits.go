package folder

import "github.com/shoal-sync/shoal/sync/tree"

// traitsFound returns what the traits of an entry are after a look at its file. Those that
// the look shows as they were stay what is recorded, which may be newer or hold what this
// device does not carry.
func (c *Core) traitsFound(b *tree.Base, f *tree.Finding, recorded tree.Traits) tree.Traits {
	switch {
	case f.Traits == "" || !tree.TraitsDiffer(b.Stat.Traits, f.Stat.Traits):
		return recorded
	case b.Stat.Traits == 0:
		// The folder has begun to carry them: nobody knows what of it a person changed.
		return recorded.And(f.Traits)
	}
	return recorded.With(f.Traits, c.cfg.Carry)
}

// lookedAtTraits plans an entry once more when its traits have been looked at for the first
// time: what others said of them before was not asked for.
func (c *Core) lookedAtTraits(was *tree.Base, f *tree.Finding) {
	if was.Stat.Traits == 0 && f.Stat.Traits != 0 {
		c.touch(was.Entry)
	}
}

// traitsAfter is what is known of a file's traits after an order: one that says none of them
// leaves them as they were.
func traitsAfter(o *tree.Order, s *tree.Stat, was uint32) uint32 {
	if o.Traits == "" {
		return was
	}
	return s.Traits
}
