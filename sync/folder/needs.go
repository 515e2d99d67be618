package folder

// needs pages through the rows marked Need: the index is the memory, the core holds only
// what is under way. Rows that became needy meanwhile have higher numbers, so one pass
// meets them; rewind asks for another pass, for rows that were passed over.
type needs struct {
	after   uint64
	loading bool
	ended   bool // the pass has reached the end
	again   bool // something was passed over; begin once more
	all     bool // the next pass goes over all rows, not only needy ones
	sweep   bool // this pass does
	blocked bool // a row found no room; wait until some work is done
	passed  bool // a large content found no room; the end of another one makes some
}

func (n *needs) rewind() { n.again = true }

// resume lets the next page be loaded although the last one found no room.
func (n *needs) resume() { n.blocked = false }

// everything asks for a pass over all rows: what is wanted has changed for names nobody
// touched.
func (n *needs) everything() { n.all, n.again = true, true }

// block holds the paging back until resume.
func (n *needs) block() { n.blocked = true }

// meetPassed asks for another pass when a large content was passed over.
func (n *needs) meetPassed() {
	if n.passed {
		n.passed = false
		n.rewind()
	}
}

// more reports whether the next page should be loaded now, and after which number. Orders
// under way do not hold it back: what is put in place and what is fetched would take turns.
func (n *needs) more(queued int, scanning bool) (after uint64, ok bool) {
	if n.loading || scanning || n.blocked || queued >= actsMax/2 {
		return 0, false
	}
	if n.ended || n.after == 0 {
		if !n.again {
			return 0, false
		}
		n.after, n.ended, n.again = 0, false, false
		n.sweep, n.all = n.all, false
	}
	n.loading = true
	return n.after, true
}

// needsLoaded queues a page of needy rows for planning.
func (c *Core) needsLoaded(e NeedsLoaded) {
	c.needs.loading = false
	c.needs.ended = e.End
	for i := range e.Rows {
		c.needs.after = e.Rows[i].Seq
		id := e.Rows[i].Entry.ID
		_, blocked := c.blocked[id]
		if c.troubles[id] == nil && !blocked || c.needs.sweep {
			c.touch(id)
		}
	}
}

// scanEnded: after the first full scan of this life the disk is known, and planning
// begins.
func (c *Core) scanEnded(e ScanEnded) {
	defer func() { c.looks++ }()
	clear(c.doubts)
	if e.Problem != "" {
		c.unread[""] = Trouble{Kind: RootProblem, Reason: e.Problem}
		return
	}
	delete(c.unread, "")
	c.forgetReadable(e)
	c.lookedAtHeld(e)
	c.lookedAtGone(e)
	c.forgetLocals(e)
	if !e.Full {
		return
	}
	c.forgetFormer()
	if !c.state.Scanned {
		c.state.Scanned = true
		c.stateNew = true
	}
	if c.scanning {
		c.scanning = false
		clear(c.unsure)
		c.needs.rewind()
	}
}
