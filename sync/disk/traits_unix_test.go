//go:build linux || darwin

package disk

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/sync/tree"
)

// A program that runs as its owner must not begin to run as another because a record says
// whose it is.
func TestWhatIsGivenAwayRunsAsNobodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "program"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Chown(1000, 1000); err != nil {
		t.Fatal(err)
	}
	if err := file.Chmod(0o755 | fs.ModeSetuid | fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	root := tree.TraitSet{Owner: "#0", Group: "#0"}.Encode()
	if _, err := setTraits(file, root, tree.Carry{Owners: true}); err != nil {
		t.Fatal(err)
	}
	if info, err := file.Stat(); err != nil || info.Mode() != 0o755 {
		t.Errorf("its mode is %v, %v; want -rwxr-xr-x", info.Mode(), err)
	}
}

// What says something of one copy alone is not written, whoever tells of it.
func TestWhatIsNotCarriedIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	if err := CanCarry(dir, tree.Carry{Attributes: true}); err != nil {
		t.Skip("SKIPPED: ", err)
	}
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want := tree.TraitSet{Attributes: map[string]string{"DOSATTRIB": "0x2", "colour": "red"}}.Encode()
	if _, err := setTraits(file, want, tree.Carry{Attributes: true}); err != nil {
		t.Fatal(err)
	}
	list := make([]byte, 1000)
	n, err := unix.Flistxattr(int(file.Fd()), list)
	if got := string(list[:n]); err != nil || got != attributePrefix+"colour\x00" {
		t.Errorf("it has %q, %v; want colour alone", got, err)
	}
}
