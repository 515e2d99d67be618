package disk

import (
	"errors"
	"io/fs"
	"os"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/tree"
)

// special are the bits of a file that no replica may set for another, and that a change of
// the others must not clear: a directory's group bit decides who owns what is made in it.
const special = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// setMode sets the permission bits of a file or directory through its handle and returns
// the look at it.
func (d *dir) setMode(name string, mode uint32) (tree.Stat, error) {
	file, err := d.open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrPermission) {
		// It may be ours and still not readable for us. By name then.
		if err := d.chmod(name, mode&0o777); err != nil {
			return tree.Stat{}, err
		}
		return d.look(name)
	}
	if err != nil {
		return tree.Stat{}, err
	}
	defer file.Close()
	if err := chmodOpen(file, mode); err != nil {
		return tree.Stat{}, d.wrap("set permissions of", name, err)
	}
	return filestat.OfHandle(file)
}

func chmodOpen(file *os.File, mode uint32) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	want := fs.FileMode(mode).Perm()
	if info.Mode().Perm() == want {
		return nil
	}
	return file.Chmod(want | info.Mode()&special)
}

// setAllAttributes sets mode, traits and, for files, time of what an order names, provided
// it is the order's victim; otherwise it fails with ErrChanged. The time is written only
// where it differs: it would hide a write in the moment since the look.
func (b *batch) setAllAttributes(d *dir, name string, o *tree.Order) (tree.Stat, error) {
	durable := !b.manyAttributes
	file, err := d.open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrPermission) {
		if now, err := d.chmodVictim(name, o.Mode&0o777, *o.Victim); err != nil {
			return now, err
		}
		file, err = d.open(name, os.O_RDONLY)
	}
	if errors.Is(err, fs.ErrPermission) {
		return d.look(name) // Not even its owner may read it now; its time stays.
	}
	if err != nil {
		return tree.Stat{}, err
	}
	defer file.Close()
	was, err := filestat.OfHandle(file)
	if err != nil {
		return was, err
	}
	if !was.SameContent(*o.Victim) {
		return was, ErrChanged
	}
	timed := was.Kind == tree.File && was.Mtime != o.Mtime
	if timed {
		if err := d.setOpenTime(file, name, o.Mtime); err != nil {
			return was, err
		}
	}
	var traits tree.Stat
	if err := b.setOpenTraits(file, d, name, o.Traits, &traits); err != nil {
		return was, err
	}
	if err := chmodOpen(file, o.Mode); err != nil {
		return was, d.wrap("set permissions of", name, err)
	}
	if durable && was.Kind == tree.File {
		if err := syncAttributes(file); err != nil {
			return was, err
		}
	}
	now, err := filestat.OfHandle(file)
	now.Traits = traits.Traits
	if timed && near(now.Mtime, o.Mtime) {
		was.Mtime = now.Mtime
	}
	if err == nil && !now.SameContent(was) {
		err = ErrChanged // Somebody writes to it: the look must not pass for the victim's.
	}
	return now, err
}

// stored reports whether a time is another one as some file system keeps it.
func stored(kept, asked int64) bool {
	for _, grain := range []int64{1, 100, 1e6, 1e7, 1e9, 2e9} {
		if kept%grain == 0 && asked-asked%grain == kept {
			return true
		}
	}
	return false
}

// near reports whether a file system may have stored one time for the other; FAT keeps
// every second second.
func near(kept, asked int64) bool {
	const coarsest = 2e9
	return kept-asked < coarsest && asked-kept < coarsest
}
