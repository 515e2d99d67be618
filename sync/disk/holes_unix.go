//go:build linux || darwin

package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// nextWritten returns where the next range that was ever written begins, at or after the
// offset; the size of the file when there is none.
func nextWritten(f *os.File, offset, size int64) int64 {
	at, err := f.Seek(offset, seekData)
	if errors.Is(err, unix.ENXIO) {
		return size
	}
	if err != nil {
		return offset // No holes are known: read and see.
	}
	return at
}

// nextHole returns where the written range that an offset lies in ends.
func nextHole(f *os.File, offset, size int64) int64 {
	at, err := f.Seek(offset, seekHole)
	if err != nil || at <= offset {
		return size
	}
	return min(at, size)
}

// occupied returns how many bytes of the volume a file takes.
func occupied(f *os.File) (int64, error) {
	var st unix.Stat_t
	err := retried(func() error { return unix.Fstat(int(f.Fd()), &st) })
	return st.Blocks * 512, err
}
