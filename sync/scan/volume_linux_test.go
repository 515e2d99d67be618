package scan

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSpecialFilesAreProblems(t *testing.T) {
	b := newBed(t)
	b.must(unix.Mkfifo(b.full("pipe"), 0o644))
	l, err := net.Listen("unix", b.full("socket"))
	b.must(err)
	defer l.Close()
	b.write("f", "one")
	b.want(b.folder(), "new file f", "problem pipe", "problem socket")
	// Opening a pipe that nobody writes to would wait for ever.
	v, err := openVolume(b.root)
	b.must(err)
	o, err := v.file("pipe")
	b.must(err)
	b.must(errors.Join(o.close(), v.close()))
	// A known file that became a pipe is left as it was.
	b.must(os.Remove(b.full("f")))
	b.must(unix.Mkfifo(b.full("f"), 0o644))
	b.want(b.names("f"), "problem f")
	if len(b.at("f")) != 1 {
		t.Error("the entry is gone")
	}
}

// What cannot be read is a problem, and nothing below it is taken for gone.
func TestUnreadableIsNotGone(t *testing.T) {
	b := newBed(t)
	b.write("dir/sub/f", "one")
	b.write("file", "two")
	b.write("kept", "three")
	b.folder()
	b.write("file", "two, edited")
	b.must(os.Chmod(filepath.Dir(b.root), 0o755))
	b.must(os.Chmod(b.full("dir"), 0))
	b.must(os.Chmod(b.full("file"), 0))
	asNobody(t, func() {
		b.want(b.folder(), "changed dir", "problem dir", "problem file")
		b.want(b.names("dir/sub/f", "dir/sub", "file"), "problem dir/sub", "problem file")
	})
	b.must(os.Chmod(b.full("dir"), 0o755))
	b.must(os.Chmod(b.full("file"), 0o644))
	b.want(b.folder(), "changed dir", "changed file")
	b.agree()
}

// asNobody does something with the rights of an ordinary user.
func asNobody(t *testing.T, do func()) {
	if os.Getuid() == 0 {
		if err := syscall.Setresuid(-1, 65534, -1); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setresuid(-1, 0, -1); err != nil {
				t.Fatal(err)
			}
		}()
	}
	do()
}

func TestPathsDoNotLeadThroughLinks(t *testing.T) {
	outside := t.TempDir()
	b := newBed(t)
	b.must(os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644))
	b.must(os.Symlink(outside, b.full("link")))
	b.must(os.Symlink(filepath.Join(outside, "secret"), b.full("file")))
	b.write("d/f", "one")
	v, err := openVolume(b.root)
	b.must(err)
	defer v.close()
	ways := map[string]func(string, int) (int, error){
		"at once": v.open, "stepwise": v.openStepwise,
	}
	for name, open := range ways {
		for _, p := range []string{"link/secret", "file", "link", "../" + filepath.Base(outside)} {
			if name == "stepwise" && p[0] == '.' {
				continue // paths come from names that were checked
			}
			if fd, err := open(p, unix.O_RDONLY); err == nil {
				t.Errorf("%s: %q was opened", name, p)
				b.must(unix.Close(fd))
			} else if p[0] != '.' && !isNoDirectory(err) {
				t.Errorf("%s: %q: %v", name, p, err)
			}
		}
		fd, err := open("d/f", unix.O_RDONLY)
		b.must(err)
		b.must(unix.Close(fd))
	}
	b.want(b.names("link/secret", "d/f"), "new dir d", "new file d/f", "new link link")
}

// A directory that is swapped for a link between being listed and being read leads
// nowhere.
func TestDirectorySwappedForALink(t *testing.T) {
	outside := t.TempDir()
	b := newBed(t)
	b.must(os.WriteFile(filepath.Join(outside, "f"), []byte("secret"), 0o644))
	b.write("d/f", "one")
	b.scanner.between = func(string) {
		b.rename("d", "away")
		b.must(os.Symlink(outside, b.full("d")))
	}
	result, err := b.scanner.Folder(t.Context())
	b.must(err)
	b.want(b.words(), "new dir d")
	if !slices.Equal(result.Again, []string{"d/f"}) {
		t.Errorf("again: %q", result.Again)
	}
	b.scanner.between = nil
	b.folder()
	b.agree()
}

func TestDeepPaths(t *testing.T) {
	b := newBed(t)
	// Beyond 4 KiB no path can be given to the system in one piece.
	name := string(slices.Repeat([]byte("d"), 250))
	depth := 20
	at, err := unix.Open(b.root, unix.O_DIRECTORY|unix.O_RDONLY, 0)
	b.must(err)
	for range depth {
		b.must(unix.Mkdirat(at, name, 0o755))
		next, err := unix.Openat(at, name, unix.O_DIRECTORY|unix.O_RDONLY, 0)
		b.must(err)
		b.must(unix.Close(at))
		at = next
	}
	fd, err := unix.Openat(at, "f", unix.O_CREAT|unix.O_WRONLY, 0o644)
	b.must(err)
	b.must(errors.Join(unix.Close(fd), unix.Close(at)))
	if got := b.folder(); len(got) != depth+1 {
		t.Errorf("%d findings", len(got))
	}
	b.want(b.folder())
}

func TestReadingLeavesNoMark(t *testing.T) {
	b := newBed(t)
	b.write("f", "one")
	long, now := time.Now().Add(-48*time.Hour).Truncate(time.Second), time.Now()
	b.must(os.Chtimes(b.full("f"), long, now))
	b.want(b.folder(), "new file f")
	var st unix.Stat_t
	b.must(unix.Stat(b.full("f"), &st))
	if got := time.Unix(st.Atim.Unix()); !got.Equal(long) {
		t.Errorf("last read at %v, which was %v", got, long)
	}
}

// A file of somebody else can be read, but not without a mark. In a directory the kernel's
// refusal takes another way.
func TestFilesOfOthersAreRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else for a moment")
	}
	b := newBed(t)
	for _, path := range []string{"f", "dir/sub/f"} {
		b.write(path, "one")
		v, err := openVolume(b.root)
		b.must(err)
		runtime.LockOSThread()
		_, err = unix.SetfsuidRetUid(65534)
		b.must(err)
		o, err := v.file(path)
		_, back := unix.SetfsuidRetUid(0)
		runtime.UnlockOSThread()
		b.must(back)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		b.must(o.close())
		if !v.marks.Load() {
			t.Error("the file could be opened as one's own")
		}
		b.must(v.close())
	}
}
