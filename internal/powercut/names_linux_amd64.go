package powercut

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// act is what was done to a name.
type act uint8

const (
	made    act = iota // a file, link or second name appeared
	madeDir            // a directory appeared
	taken              // a file or link was removed; it lies in a grave
	takenDir
	moved // from one name to another, over what lies in a grave
	exchanged
)

// name is a place in a directory.
type name struct {
	dir  *inode
	name string
}

// change is one change of names, not durable.
type change struct {
	act   act
	at    name
	to    name   // of a move or an exchange
	what  []key  // the inodes whose names changed
	grave string // where what was removed lies; "" when nothing was
	in    int    // the directory of graves
	mode  uint32 // of a removed directory
}

func (c *change) places() []name {
	if c.to.dir == nil {
		return []name{c.at}
	}
	return []name{c.at, c.to}
}

func (c *change) dirs() []*inode {
	if c.to.dir == nil {
		return []*inode{c.at.dir}
	}
	return []*inode{c.at.dir, c.to.dir}
}

// syncedDir makes the changes in a directory durable, and those that they build on.
func (m *medium) syncedDir(dir *inode) error {
	places, inodes, emptied := map[name]bool{}, map[key]bool{}, map[key]bool{}
	durable := make([]bool, len(m.names))
	for i := len(m.names) - 1; i >= 0; i-- {
		c := m.names[i]
		needed := slices.ContainsFunc(c.dirs(), func(d *inode) bool { return d == dir || emptied[d.key] })
		needed = needed || slices.ContainsFunc(c.places(), func(p name) bool { return places[p] })
		needed = needed || slices.ContainsFunc(c.what, func(k key) bool { return inodes[k] })
		if !needed {
			continue
		}
		durable[i] = true
		for _, p := range c.places() {
			places[p], inodes[p.dir.key] = true, true
		}
		for _, k := range c.what {
			inodes[k] = true
			if c.act == takenDir { // what was in it went before
				emptied[k] = true
			}
		}
	}
	at := -1
	m.names = slices.DeleteFunc(m.names, func(*change) bool { at++; return durable[at] })
	return m.synced(dir, false)
}

// loseNames takes changes of names back, and returns how many.
func (m *medium) loseNames(chance float64) (lost int, err error) {
	places, inodes := map[name]bool{}, map[key]bool{}
	var undo []*change
	for _, c := range m.names {
		gone := m.random.Float64() >= chance
		gone = gone || slices.ContainsFunc(c.places(), func(p name) bool { return places[p] || inodes[p.dir.key] })
		gone = gone || slices.ContainsFunc(c.what, func(k key) bool { return inodes[k] })
		if c.act == takenDir { // it was empty because of what was done in it
			gone = gone || slices.ContainsFunc(undo, func(u *change) bool {
				return slices.ContainsFunc(u.dirs(), func(d *inode) bool { return slices.Contains(c.what, d.key) })
			})
		}
		if !gone {
			continue
		}
		undo = append(undo, c)
		for _, p := range c.places() {
			places[p] = true
		}
		for _, k := range c.what {
			inodes[k] = true
		}
	}
	for i := len(undo) - 1; i >= 0; i-- {
		if err := m.undo(undo[i]); err != nil {
			return len(undo), fmt.Errorf("take back change %d of %q: %w", undo[i].act, undo[i].at.name, err)
		}
	}
	return len(undo), nil
}

func (m *medium) undo(c *change) error {
	at, to := c.at, c.to
	switch c.act {
	case made:
		return unix.Unlinkat(at.dir.hold, at.name, 0)
	case madeDir:
		return unix.Unlinkat(at.dir.hold, at.name, unix.AT_REMOVEDIR)
	case taken:
		return unix.Renameat(c.in, c.grave, at.dir.hold, at.name)
	case takenDir:
		return m.remake(c)
	case exchanged:
		return unix.Renameat2(at.dir.hold, at.name, to.dir.hold, to.name, unix.RENAME_EXCHANGE)
	}
	err := unix.Renameat2(to.dir.hold, to.name, at.dir.hold, at.name, unix.RENAME_NOREPLACE)
	if err == nil && c.grave != "" {
		err = unix.Renameat(c.in, c.grave, to.dir.hold, to.name)
	}
	return err
}

// remake makes a removed directory again, in whose place others may be put back.
func (m *medium) remake(c *change) error {
	if err := unix.Mkdirat(c.at.dir.hold, c.at.name, c.mode); err != nil {
		return err
	}
	fd, err := unix.Openat(c.at.dir.hold, c.at.name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	for _, k := range c.what {
		if n := m.inodes[k]; n != nil {
			if err := unix.Dup3(fd, n.hold, 0); err != nil {
				return err
			}
		}
	}
	return errors.Join(unix.Fchmod(fd, c.mode), unix.Close(fd))
}

// bury gives a file that is about to lose its last name another one, out of sight.
func (m *medium) bury(p name, root string) (grave string, in int, err error) {
	in, known := m.graves[root]
	if !known {
		dir := root + ".powercut"
		if err := unix.Mkdir(dir, 0o700); err != nil {
			return "", 0, fmt.Errorf("%s: %w", dir, err)
		}
		if in, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return "", 0, err
		}
		m.graves[root] = in
	}
	m.buried++
	grave = fmt.Sprint(m.buried)
	return grave, in, unix.Linkat(p.dir.hold, p.name, in, grave, 0)
}
