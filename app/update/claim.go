package update

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// ErrBusy reports that another process replaces the programs of a directory.
var ErrBusy = errors.New("another `shoal update` replaces it: wait until that has ended")

// errNoLocks reports a volume that locks no directories. Two at once are not noticed there.
var errNoLocks = errors.New("this volume has no locks")

// leftover are the names of what lay and Claim put beside a program for a while.
var leftover = regexp.MustCompile(`^\.new-[0-9]+(-shoal|-shoal\.exe|-shoal-window\.exe)?$`)

// Claim gives this process the right to replace the programs in the directory of a program,
// until it releases it or ends, and clears away what one that was cut off left there. It
// says why they cannot be replaced by us; when another process has the right, the error
// wraps ErrBusy.
func Claim(program string) (release func() error, err error) {
	owner := owned(filepath.ToSlash(program))
	if real, err := filepath.EvalSymlinks(program); err == nil && owner == "" { // some are links to what is theirs
		owner = owned(filepath.ToSlash(real))
	}
	if owner != "" {
		return nil, fmt.Errorf("%s belongs to %s, which updates it", program, owner)
	}
	dir := filepath.Dir(program)
	release = func() error { return nil }
	lock, err := lockDir(dir)
	if err == nil {
		release = lock.Close
		err = clearLeftovers(dir)
	} else if errors.Is(err, errNoLocks) {
		err = nil
	}
	if err == nil {
		err = writable(dir)
	}
	switch {
	case errors.Is(err, ErrBusy):
		return nil, fmt.Errorf("%s: %w", program, err)
	case err != nil:
		return nil, errors.Join(fmt.Errorf("%s cannot be replaced by you: %w", program, err), release())
	}
	return release, nil
}

// clearLeftovers removes the new programs that an update which was cut off has not put in
// place. Nobody else may be at it.
func clearLeftovers(dir string) (err error) {
	all, err := os.ReadDir(dir)
	for _, file := range all {
		if !file.Type().IsRegular() || !leftover.MatchString(file.Name()) {
			continue
		}
		if failed := os.Remove(filepath.Join(dir, file.Name())); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// writable makes a file and takes it away again.
func writable(dir string) error {
	trial, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	return errors.Join(trial.Close(), os.Remove(trial.Name()))
}

// owned says who looks after a program by where it lies.
func owned(program string) string {
	for _, place := range []struct{ prefix, owner string }{
		{"/usr/bin/", "the packages of this system (apt, dnf or the like)"},
		{"/bin/", "the packages of this system (apt, dnf or the like)"},
		{"/app/", "Flatpak (`flatpak update`)"},
		{"/snap/", "Snap"},
		{"/nix/store/", "Nix"},
		{"/opt/homebrew/", "Homebrew (`brew upgrade`)"},
	} {
		if strings.HasPrefix(program, place.prefix) {
			return place.owner
		}
	}
	if strings.Contains(program, "/Cellar/") {
		return "Homebrew (`brew upgrade`)"
	}
	if strings.Contains(program, ".app/Contents/MacOS/") {
		return "a bundle, which is replaced as a whole: take the new one from where you got it"
	}
	return ""
}
