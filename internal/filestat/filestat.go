// Package filestat turns what the operating system says of a file into a tree.Stat.
//
// It knows which fields each system has: permission bits, link counts, inode numbers and
// birth times. It leaves to others what a difference between two looks means. The scanner
// and the disk call it, so that a look of one can be compared with a look of the other.
//
// Looks are comparable only when they come from the same door. Everywhere but on Linux
// all functions agree. On Linux the birth time is known to At, OfPath and OfHandle alone:
// an os.FileInfo does not carry it, so Of gives another FileID there, and must not be
// compared with theirs.
//
// Where a file has a birth time its FileID leaves the volume out: inode and birth time
// tell files apart, while device numbers change with the order in which volumes are
// mounted, and a folder that seems all new after a restart would be hashed again.
package filestat

import (
	"io/fs"

	"github.com/shoal-sync/shoal/sync/tree"
)

// kindOf returns zero for what is neither file, directory nor link.
func kindOf(mode fs.FileMode) tree.Kind {
	switch mode.Type() {
	case 0:
		return tree.File
	case fs.ModeDir:
		return tree.Dir
	case fs.ModeSymlink:
		return tree.Link
	}
	return 0
}

// portable fills in what every os.FileInfo knows.
func portable(info fs.FileInfo) tree.Stat {
	s := tree.Stat{
		Kind:  kindOf(info.Mode()),
		Size:  info.Size(),
		Mtime: info.ModTime().UnixNano(),
		Mode:  uint32(info.Mode().Perm()),
		Links: 1,
	}
	if s.Kind == tree.Dir {
		s.Size, s.Mtime = 0, 0
	}
	return s
}

// identity leaves the volume out of an id that has a birth time; the package comment says
// why.
func identity(volume, inode uint64, birth int64) tree.FileID {
	if birth != 0 {
		volume = 0
	}
	return tree.FileID{Volume: volume, Inode: inode, Birth: birth}
}
