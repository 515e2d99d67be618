package logbook

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// A log file is begun anew at fileMax bytes; oldFiles before it are kept, numbered from
// the newest. Together they take 40 MiB at most.
const (
	fileMax  = 10 << 20
	oldFiles = 3
)

// File is a log file. It is written to by one Book.
type File struct {
	path string
	most int64
	file *os.File
	size int64
}

// OpenFile opens a log file for its owner alone, and goes on behind what it holds.
func OpenFile(path string) (*File, error) { return openFile(path, fileMax) }

func openFile(path string, most int64) (*File, error) {
	f := &File{path: path, most: most}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	return f, nil
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", f.path)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

// Write appends whole lines, in a new file when they do not fit into the old one.
func (f *File) Write(text []byte) (int, error) {
	if f.size > 0 && f.size+int64(len(text)) > f.most {
		if err := f.turn(); err != nil {
			return 0, err
		}
	}
	n, err := f.file.Write(text)
	f.size += int64(n)
	return n, err
}

// turn moves every file one number up, the oldest out, and begins a new one. A file that
// cannot be moved is written on: better a long log than none.
func (f *File) turn() error {
	for n := oldFiles; n > 0; n-- {
		from := f.path
		if n > 1 {
			from = f.numbered(n - 1)
		}
		if err := os.Rename(from, f.numbered(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.size = 0 // to be tried again after as much more
			return nil
		}
	}
	if err := f.file.Close(); err != nil {
		return err
	}
	return f.open()
}

func (f *File) numbered(n int) string { return f.path + "." + strconv.Itoa(n) }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Tail returns the last lines of a log file, at most so many.
func Tail(path string, lines int) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the log file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the log file: %w", err)
	}
	from := max(0, info.Size()-bytesMax)
	text, err := io.ReadAll(io.NewSectionReader(file, from, bytesMax))
	if err != nil {
		return nil, fmt.Errorf("read the log file: %w", err)
	}
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if from > 0 && len(all) > 0 {
		all = all[1:] // the first one is cut
	}
	return all[max(0, len(all)-lines):], nil
}
