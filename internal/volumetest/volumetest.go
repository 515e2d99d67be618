// Package volumetest gives tests a volume whose rules for names are not those of the
// file systems that tests usually run on.
//
// It needs Linux, root, a loop device, and the programs of the packages exfat-fuse,
// exfatprogs and ntfs-3g, which "make test" installs. Where one is missing the test is
// skipped and says so.
package volumetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ExFAT returns the directory of a fresh volume as memory cards have it: "a" and "A" are
// one name, there are no links of either kind and no permission bits, and no two names can
// be exchanged in one step. The volume is gone when the test has ended; whatever uses it
// must have ended by then.
func ExFAT(t testing.TB) string {
	t.Helper()
	mounted, image := place(t)
	run(t, "mkfs.exfat", image)
	device := strings.TrimSpace(run(t, "losetup", "--find", "--show", image))
	t.Cleanup(func() { run(t, "losetup", "--detach", device) })
	run(t, "mount.exfat-fuse", "-o", "noatime", device, mounted)
	t.Cleanup(func() { unmount(t, mounted) })
	return mounted
}

// NTFS returns the directory of a fresh volume as Windows has it: names that Windows does
// not allow are refused, and there are no permission bits. The driver shows all names in
// lower case, whatever they were made with.
func NTFS(t testing.TB) string {
	t.Helper()
	mounted, image := place(t)
	run(t, "mkfs.ntfs", "-F", "-Q", image)
	run(t, "lowntfs-3g", "-o", "ignore_case,windows_names,noatime", image, mounted)
	t.Cleanup(func() { unmount(t, mounted) })
	return mounted
}

// place makes a directory to mount on and the file that a volume will be in.
func place(t testing.TB) (mounted, image string) {
	t.Helper()
	in, err := os.MkdirTemp("", "volumetest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(in); err != nil {
			t.Error(err)
		}
	})
	mounted, image = filepath.Join(in, "volume"), filepath.Join(in, "image")
	if err := os.Mkdir(mounted, 0o755); err != nil {
		t.Fatal(err)
	}
	// It takes of the disk what is written to it. 64 MiB of a volume are kept free.
	const size = 512 << 20
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	return mounted, image
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root, to mount a volume with other rules for names")
	}
	program, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: no %s here: install exfat-fuse, exfatprogs and ntfs-3g", name)
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Skipf("SKIPPED: no volume with other rules for names: %s: %v: %s", name, err, out)
	}
	return string(out)
}

// unmount waits for whoever is still closing files.
func unmount(t testing.TB, dir string) {
	t.Helper()
	umount := func() error { return exec.Command("umount", dir).Run() }
	err := umount()
	for end := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(end); err = umount() {
		<-time.After(50 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("unmount %s: %v", dir, err)
	}
}
