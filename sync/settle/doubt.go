package settle

// doubts counts what looks have met and nobody could believe yet: names that vanished a
// moment ago, that changed while they were read, or whose finding was overtaken. Until
// they are looked at once more, the folder is not what is recorded of it.
type doubts struct {
	pending int  // doubted names in the queue
	looking bool // the look under way covers doubted names
	lost    bool // doubted names were given up for a scan of the folder, not begun yet
}

// Doubtful reports whether a look is due or under way whose answer is needed before the
// folder may be called known. Names that were only touched do not count: whether anything
// changed there is not known at all.
func (c *Core) Doubtful() bool { return c.doubts != doubts{} }

// doubt marks names a look at which is set. Those that are not held were given up for a
// scan of the folder.
func (c *Core) doubt(paths ...string) {
	for _, path := range paths {
		switch n := c.names[path]; {
		case n == nil:
			c.doubts.lost = true
		case n.pending && !n.doubted:
			n.doubted = true
			c.doubts.pending++
		}
	}
}

// lookDoubted notes that a name is looked at now.
func (c *Core) lookDoubted(n *name) {
	if n.doubted {
		n.doubted = false
		c.doubts.pending--
		c.doubts.looking = true
	}
}

// doubtAgain notes that the look under way has failed.
func (c *Core) doubtAgain() {
	switch {
	case !c.doubts.looking:
	case c.full:
		c.doubts.lost = true
	default:
		c.doubt(c.looking...)
	}
}

// loseDoubts notes that all names were given up for a scan of the folder.
func (c *Core) loseDoubts() {
	c.doubts.lost = c.doubts.lost || c.doubts.pending > 0
	c.doubts.pending = 0
}
