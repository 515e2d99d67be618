package update

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	// programMax bounds one program of an archive, unpacked, in bytes.
	programMax = 1 << 30
	// filesMax bounds the files of an archive.
	filesMax = 1000
	// trialTime bounds how long a new program may take to say its version. It does nothing
	// else then; a slow disk that reads it for the first time takes seconds.
	trialTime = 30 * time.Second
	// old is behind the name of a program that was replaced.
	old = ".old"
)

// programs are what an archive may hold that is put in place.
var programs = []string{"shoal", "shoal.exe", "shoal-window.exe"}

// Swap is one exchange of programs in a directory.
type Swap struct {
	dir   string
	names []string          // of the programs in it that are replaced
	fresh map[string]string // where the new ones lie, by name
}

// Prepare unpacks an archive beside the program that it is to replace, and has the new one
// say its version. Nothing is replaced yet; Drop forgets it again.
func Prepare(ctx context.Context, archive, program, version string) (s *Swap, err error) {
	s = &Swap{dir: filepath.Dir(program), fresh: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Drop())
			s = nil
		}
	}()
	if err := s.unpack(archive); err != nil {
		return s, fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	own := filepath.Base(program)
	if s.fresh[own] == "" {
		return s, fmt.Errorf("the archive holds no %s", own)
	}
	for _, name := range s.names {
		if err := try(ctx, s.fresh[name], version); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *Swap) unpack(archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	squeezed, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	list := tar.NewReader(squeezed)
	for range filesMax {
		head, err := list.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		dir, name := path.Split(head.Name)
		if head.Typeflag != tar.TypeReg || !slices.Contains(programs, name) || strings.Count(dir, "/") != 1 {
			continue
		}
		if s.fresh[name] != "" || head.Size > programMax {
			return fmt.Errorf("%s is there twice, or larger than any program", name)
		}
		if err := s.lay(name, list); err != nil {
			return err
		}
	}
	return fmt.Errorf("it holds more than %d files", filesMax)
}

// lay writes a new program beside the one it replaces, on the same volume.
func (s *Swap) lay(name string, from io.Reader) error {
	file, err := os.CreateTemp(s.dir, ".new-*-"+name)
	if err != nil {
		return err
	}
	s.names = append(s.names, name)
	s.fresh[name] = file.Name()
	_, err = io.Copy(file, from)
	if runtime.GOOS != "windows" {
		err = errors.Join(err, file.Chmod(0o755))
	}
	return errors.Join(err, file.Sync(), file.Close())
}

// try has a program say its version: one for another system, or one that lacks a library,
// fails here, where nothing has been replaced.
func try(ctx context.Context, program, version string) error {
	said, err := VersionOf(ctx, program)
	if err != nil {
		return fmt.Errorf("the new program does not run here: %w", err)
	}
	if strings.TrimPrefix(said, "v") != strings.TrimPrefix(version, "v") {
		return fmt.Errorf("the new program says it is %q, and its list says %q", said, version)
	}
	return nil
}

// VersionOf asks a program for its version.
func VersionOf(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "version", "--json")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", err
	}
	var said struct{ Version string }
	if err := json.Unmarshal(out, &said); err != nil {
		return "", fmt.Errorf("it does not say its version: %w", err)
	}
	return said.Version, nil
}

// Do puts the new programs in place, all or none. The replaced ones stay beside them,
// with .old behind their names.
func (s *Swap) Do() error {
	for i, name := range s.names {
		at := filepath.Join(s.dir, name)
		if err := setAside(at); err != nil {
			return errors.Join(err, putBack(s.dir, s.names[:i]))
		}
		if err := os.Rename(s.fresh[name], at); err != nil {
			return errors.Join(err, putBack(s.dir, s.names[:i+1]))
		}
		delete(s.fresh, name)
	}
	return syncDir(s.dir)
}

// Replaces reports whether a program is one of those that Do replaces.
func (s *Swap) Replaces(program string) bool { return lies(program, s.dir, s.names) }

// Replaceable reports whether a program is one that is replaced together with another one.
// On Windows there are two, and an agent may run either.
func Replaceable(program, with string) bool { return lies(program, filepath.Dir(with), programs) }

func lies(program, dir string, names []string) bool {
	same := func(a, b string) bool { return a == b || runtime.GOOS == "windows" && strings.EqualFold(a, b) }
	return same(filepath.Dir(program), dir) &&
		slices.ContainsFunc(names, func(name string) bool { return same(name, filepath.Base(program)) })
}

// Back undoes Do.
func (s *Swap) Back() error { return putBack(s.dir, s.names) }

// Drop removes what was unpacked and not put in place.
func (s *Swap) Drop() (err error) {
	for _, path := range s.fresh {
		if failed := os.Remove(path); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// Back puts the programs of a directory that were replaced last in place again. Without
// any the error wraps fs.ErrNotExist.
func Back(program string) error {
	dir := filepath.Dir(program)
	if _, err := os.Stat(program + old); err != nil {
		return err
	}
	return putBack(dir, programs)
}

func putBack(dir string, names []string) (err error) {
	for _, name := range names {
		at := filepath.Join(dir, name)
		if _, failed := os.Lstat(at + old); errors.Is(failed, fs.ErrNotExist) {
			continue
		}
		err = errors.Join(err, restore(at))
	}
	return errors.Join(err, syncDir(dir))
}
