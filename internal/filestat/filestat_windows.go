package filestat

import (
	"fmt"
	"os"

	"github.com/shoal-sync/shoal/sync/tree"
)

// Of converts what os.Lstat or a directory listing returned. It gives no FileID: a
// listing does not show the file's number, and opening every file to learn it would cost
// more than the moves it finds.
func Of(info os.FileInfo) tree.Stat { return portable(info) }

// OfPath looks at a path, without following a link that the path names.
func OfPath(path string) (tree.Stat, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return tree.Stat{}, err
	}
	return Of(info), nil
}

// OfHandle looks at what an open file or directory is.
func OfHandle(f *os.File) (tree.Stat, error) {
	info, err := f.Stat()
	if err != nil {
		return tree.Stat{}, fmt.Errorf("stat %q: %w", f.Name(), err)
	}
	return Of(info), nil
}
