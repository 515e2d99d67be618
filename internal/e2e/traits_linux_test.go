package e2e

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/tree"
)

// TestTraits: extended attributes travel where a folder carries them, in both directions,
// and alone; a device that does not carry them passes them on and leaves its own alone.
func TestTraits(t *testing.T) {
	t.Parallel()
	if err := disk.CanCarry(t.TempDir(), tree.Carry{Attributes: true}); err != nil {
		t.Skip("SKIPPED:", err)
	}
	a, b := pair(t)
	a.put("before", "it had one before they were carried")
	a.attribute("before", "mood", "blue")
	settle(a, b)
	b.hasNo("before", "mood")
	for _, d := range []*agent{a, b} {
		d.command("folder", "set", shared, "traits", "xattrs").done(t)
	}
	a.command("folder", "set", shared, "traits", "everything").failed(t, 2, "want off, xattrs, owners or all")
	b.has("before", "mood", "blue")

	a.put("new/file", "text")
	a.attribute("new/file", "colour", "red")
	a.attribute("new", "of a directory", "yes")
	b.has("new/file", "colour", "red")
	b.has("new", "of a directory", "yes")
	b.attribute("new/file", "colour", "green") // nothing else changes
	a.has("new/file", "colour", "green")
	must(t, syscall.Removexattr(b.at("new/file"), "user.colour"))
	a.hasNo("new/file", "colour")
	b.attribute("new/file", "shape", "round")
	b.put("new/file", "other text") // in place
	settle(a, b)
	a.has("new/file", "shape", "round")

	// Who does not carry them keeps them for those who do, whatever it changes.
	b.command("folder", "set", shared, "traits", "off").done(t)
	a.attribute("new/file", "size", "small")
	settle(a, b)
	must(t, os.Chmod(b.at("new/file"), 0o600))
	b.put("new/file", "the third text")
	settle(a, b)
	a.has("new/file", "size", "small")
	b.hasNo("new/file", "size")
	b.command("folder", "set", shared, "traits", "xattrs").done(t)
	b.has("new/file", "size", "small")
	noConflicts(t, a, b)

	// After a start nothing is said that was said before.
	before := a.folder().Root
	a.stop()
	b.stop()
	a.start()
	b.start()
	settle(a, b)
	if now := a.folder().Root; now != before {
		t.Errorf("the root was %s, is %s", before, now)
	}
}

// TestOwners: an agent that runs as root gives files to those they belong to.
func TestOwners(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root")
	}
	a, b := pair(t)
	for _, d := range []*agent{a, b} {
		d.command("folder", "set", shared, "traits", "all").done(t)
	}
	a.put("daemon's", "text")
	must(t, os.Chown(a.at("daemon's"), 1, 1))
	a.put("nobody knows", "text")
	must(t, os.Chown(a.at("nobody knows"), 54321, 54322))
	b.owned("daemon's", 1, 1)
	b.owned("nobody knows", 54321, 54322)
	must(t, os.Chown(b.at("daemon's"), 0, 0))
	a.owned("daemon's", 0, 0)
}

func (a *agent) attribute(name, key, value string) {
	a.t.Helper()
	must(a.t, syscall.Setxattr(a.at(name), "user."+key, []byte(value), 0))
}

func (a *agent) has(name, key, value string) {
	a.t.Helper()
	a.eventually(patience, name+" has "+key, func() error {
		got := make([]byte, 100)
		n, err := syscall.Getxattr(a.at(name), "user."+key, got)
		if err == nil && string(got[:n]) != value {
			err = fmt.Errorf("it is %q, not %q", got[:n], value)
		}
		return err
	})
}

func (a *agent) hasNo(name, key string) {
	a.t.Helper()
	a.eventually(patience, name+" has no "+key, func() error {
		n, err := syscall.Getxattr(a.at(name), "user."+key, nil)
		if errors.Is(err, syscall.ENODATA) {
			return nil
		}
		return fmt.Errorf("it has one of %d bytes, %w", n, err)
	})
}

func (a *agent) owned(name string, uid, gid uint32) {
	a.t.Helper()
	a.eventually(patience, name+" has its owner", func() error {
		info, err := os.Stat(a.at(name))
		if err != nil {
			return err
		}
		if is := info.Sys().(*syscall.Stat_t); is.Uid != uid || is.Gid != gid {
			return fmt.Errorf("it belongs to %d, %d", is.Uid, is.Gid)
		}
		return nil
	})
}
