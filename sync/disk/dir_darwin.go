package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// walk opens the directory at a path below d.
func (d *dir) walk(path string) (*dir, error) { return d.walkEach(path) }

func renameNew(fromFD int, from string, toFD int, to string) error {
	return unix.RenameatxNp(fromFD, from, toFD, to, unix.RENAME_EXCL)
}

func exchange(fromFD int, from string, toFD int, to string) error {
	return unix.RenameatxNp(fromFD, from, toFD, to, unix.RENAME_SWAP)
}

// fileTimes also moves the time of the last access: nobody relies on that one.
func fileTimes(mtime int64) [2]unix.Timespec {
	t := unix.NsecToTimespec(mtime)
	return [2]unix.Timespec{t, t}
}

func bothTimes(mtime int64) [2]unix.Timespec { return fileTimes(mtime) }

// setOpenTime sets the modification time of an open file. The call by handle keeps only
// microseconds here, so this goes by name.
func (d *dir) setOpenTime(_ *os.File, name string, mtime int64) error {
	_, err := d.setTime(name, mtime)
	return err
}

// syncVolume is not offered here: see hasSyncVolume.
func (d *dir) syncVolume() error { return errNoSwap }

const hasSyncVolume = false

// reserve is left to the file system: APFS reserves nothing for a plain file.
func reserve(*os.File, int64, int64) (bool, error) { return false, nil }

// writeZeros writes them: whatever lay there must not show through.
func writeZeros(f *os.File, zeros []byte, offset int64) error {
	_, err := f.WriteAt(zeros, offset)
	return err
}

func startWriting(*os.File, int64, int64) {}

// How lseek is asked for what was written, and for what was not.
const (
	seekData = 4
	seekHole = 3
)

// copyContent makes to, which is empty, hold what from holds.
func copyContent(to, from *os.File, size int64) error { return copyRanges(to, from, size) }

// noMark opens a file without a mark of when it was read; this system has none.
const noMark = 0
