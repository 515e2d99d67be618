package settle

import (
	"time"

	"github.com/shoal-sync/shoal/internal/step"
)

// name is what is remembered of one name while it is pending or was lately touched.
type name struct {
	path    string
	key     string       // what it has in common with all that the volume takes for it
	at      step.Instant // pending: when to look; quiet: when to forget
	order   uint64       // settles equal instants, so that a run can be repeated
	index   int          // place in the queue
	pending bool
	doubted bool          // pending, and a look has met something it could not believe yet
	first   step.Instant  // first touch that no look has answered
	touched step.Instant  // last touch
	grown   step.Instant  // when wait last grew, or began
	wait    time.Duration // rest that is asked for
	hashing time.Duration // how long hashing took last time, 0 when not long
}

// rest is how long the name must be left alone before it is looked at. Hashing that is
// mostly done in vain, because the file changes meanwhile, may cost half the time.
func (n *name) rest() time.Duration { return max(n.wait, 2*n.hashing) }

// touch takes in a change of a name.
func (c *Core) touch(now step.Instant, path string) {
	n := c.hold(now, path)
	if n == nil {
		return
	}
	switch {
	case n.wait == 0 || now.Since(n.touched) >= forgetAfter:
		n.wait, n.grown = loneWait, now
	case now.Since(n.grown) >= n.wait:
		n.wait, n.grown = min(2*n.wait, waitMax), now
	}
	n.touched = now
	if !n.pending {
		n.pending, n.first = true, now
	}
	latest := n.first.Add(max(waitMax, 2*n.hashing))
	c.queue.set(n, min(now.Add(n.rest()), latest))
}

// ask sets a look at names, without taking it for a sign that they are being written.
func (c *Core) ask(at step.Instant, paths []string) {
	for _, path := range paths {
		n := c.hold(at, path)
		if n == nil {
			return
		}
		if !n.pending {
			n.pending, n.first = true, at
			c.queue.set(n, at)
		} else if at < n.at {
			c.queue.set(n, at)
		}
	}
}

// hashed remembers how long hashing took, so that the next change of a big file waits
// for as long as is reasonable.
func (c *Core) hashed(now step.Instant, s Slow) {
	n := c.names[s.Path]
	if n == nil {
		if len(c.names) >= namesMax {
			return
		}
		n = c.add(s.Path)
		n.touched = now
		c.queue.set(n, now.Add(forgetAfter))
	}
	n.hashing = max(0, s.Took)
}

// hold returns the record of a name, new if need be. When there are too many it gives all
// of them up for a scan of the folder at the given instant, and returns nil.
func (c *Core) hold(at step.Instant, path string) *name {
	if n := c.names[path]; n != nil {
		return n
	}
	if len(c.names) >= namesMax && !c.forgetQuiet() {
		clear(c.names)
		clear(c.keys)
		c.queue.clear()
		c.loseDoubts()
		c.stormAt = min(c.stormAt, at)
		return nil
	}
	return c.add(path)
}

func (c *Core) add(path string) *name {
	n := &name{path: path, key: c.key(path)}
	c.names[path] = n
	if !c.volume.Exact() {
		c.keys[n.key]++
	}
	c.queue.add(n)
	return n
}

// forget drops what is remembered of a name, but for its place in the queue.
func (c *Core) forget(n *name) {
	delete(c.names, n.path)
	if c.volume.Exact() {
		return
	}
	if c.keys[n.key]--; c.keys[n.key] == 0 {
		delete(c.keys, n.key)
	}
}

// forgetQuiet drops the history of all names that nothing is due for, and reports whether
// that made room.
func (c *Core) forgetQuiet() bool {
	before := len(c.names)
	var kept []*name
	for _, n := range c.queue.names {
		if n.pending {
			kept = append(kept, n)
		} else {
			c.forget(n)
		}
	}
	c.queue.clear()
	for _, n := range kept {
		c.queue.add(n)
		c.queue.up(n.index)
	}
	return len(c.names) < before
}

// due takes the names whose time has come, earliest first, and forgets those that were
// left alone for long.
func (c *Core) due(now step.Instant) []string {
	var paths []string
	for c.queue.first() <= now {
		n := c.queue.names[0]
		if !n.pending {
			c.queue.drop(n)
			c.forget(n)
			continue
		}
		paths = append(paths, n.path)
		n.pending = false
		c.lookDoubted(n)
		c.queue.set(n, max(now.Add(movedAfter), n.touched.Add(max(forgetAfter, 2*n.hashing))))
	}
	return paths
}
