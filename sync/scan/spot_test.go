package scan

import (
	"os"
	"syscall"
	"testing"

	"github.com/shoal-sync/shoal/internal/volumetest"
	"github.com/shoal-sync/shoal/sync/names"
)

// newBedOn is newBed on a volume with other rules for names.
func newBedOn(t *testing.T, root string, volume names.Volume) *bed {
	b := newBed(t)
	b.root = root
	options := b.scanner.options
	options.Volume = volume
	b.scanner = New(root, options)
	return b
}

// respell renames to what may be the same name; os.Rename would find that it is taken.
func (b *bed) respell(from, to string) {
	b.t.Helper()
	b.must(syscall.Rename(b.full(from), b.full(to)))
}

// TestNamesThatAreOne looks at a volume that shows names as they were given and takes
// those that differ in case for one.
func TestNamesThatAreOne(t *testing.T) {
	b := newBedOn(t, volumetest.ExFAT(t), names.Volume{Case: names.CaseSimple})
	b.late = true
	b.write("a.txt", "one")
	b.write("Dir/é.txt", "two")
	b.write("Dir/sub/x", "x")
	b.want(b.folder(), "new dir Dir", "new dir Dir/sub", "new file Dir/sub/x", "new file Dir/é.txt", "new file a.txt")
	b.want(b.folder())
	// Asked by whatever spelling, what is there is what is known.
	b.want(b.names("A.TXT", "dir/É.TXT", "DIR", "DIR/SUB/X", "nothing", "dir/nothing", ""))
	file, dir := b.entry("a.txt"), b.entry("Dir")

	// A rename by case is one, of files and directories, in a full look and by names.
	b.respell("a.txt", "A.txt")
	b.want(b.names("a.txt", "A.txt"), "moved A.txt")
	b.respell("Dir", "DIR")
	b.respell("DIR/é.txt", "DIR/É.txt")
	b.want(b.folder(), "moved DIR", "moved DIR/É.txt")
	if b.entry("A.txt") != file || b.entry("DIR") != dir {
		t.Error("what was renamed by case became other entries")
	}
	b.want(b.folder())

	// Also when it was written anew on the way, as programs save.
	b.must(os.Remove(b.full("A.txt")))
	b.write("a.TXT", "one, and more")
	b.want(b.names("A.txt", "a.TXT"), "moved a.TXT")
	if b.entry("a.TXT") != file {
		t.Error("what was saved under another spelling became another entry")
	}
	// What is gone is gone, and a directory in place of a file is another thing.
	b.must(os.Remove(b.full("DIR/É.txt")))
	b.want(b.names("dir/é.txt"), "gone DIR/É.txt")
	b.must(os.Remove(b.full("a.TXT")))
	b.write("A.txt/inside", "in")
	b.want(b.folder(), "gone a.TXT", "new dir A.txt", "new file A.txt/inside")
	b.want(b.folder())
}

// TestNamesShownOtherwise looks at a volume that shows names in lower case, whatever they
// were given.
func TestNamesShownOtherwise(t *testing.T) {
	volume := names.Volume{Case: names.CaseSimple, ForgetsCase: true}
	b := newBedOn(t, volumetest.NTFS(t), volume)
	b.late = true
	b.write("Big/File.TXT", "one")
	b.folder()
	// What was installed is recorded with its true names.
	for id, row := range b.rows {
		switch row.Name {
		case "big":
			row.Name = "Big"
		case "file.txt":
			row.Name = "File.TXT"
		}
		b.rows[id] = row
	}
	b.want(b.folder())
	b.want(b.names("big/file.txt", "Big/File.TXT", "BIG"))
	b.write("big/file.txt", "one, edited")
	b.want(b.names("big/file.txt"), "changed Big/File.TXT")
	b.write("big/new.txt", "two")
	b.want(b.folder(), "new file Big/new.txt")
	b.must(os.Remove(b.full("big/file.txt")))
	b.want(b.names("big/file.txt"), "gone Big/File.TXT")
}

// TestNameOfSomethingElse looks at what has come to the name of something that is known,
// but for its case, while that is met under a name of its own. Both are told of.
func TestNameOfSomethingElse(t *testing.T) {
	b := newBedOn(t, t.TempDir(), names.Volume{Case: names.CaseSimple})
	b.late = true
	b.write("Old/in", "one")
	b.must(os.Symlink("there", b.full("Link")))
	b.folder()
	dir, link := b.entry("Old"), b.entry("Link")

	b.must(os.Rename(b.full("Old"), b.full("another")))
	b.write("old/in", "two")
	b.must(os.Rename(b.full("Link"), b.full("also")))
	b.must(os.Symlink("there", b.full("link")))
	b.want(b.folder(), "moved also", "moved another", "new dir old", "new file old/in", "new link link")
	if b.entry("another") != dir || b.entry("also") != link {
		t.Error("what was moved became other entries")
	}
	b.want(b.folder())
}
