package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a computer in namespaces of its own: its files are this system's, and what is
// written to them is seen by nobody else; it has its own processes and network, and a real
// systemd is its first process.
type machine struct {
	t    *testing.T
	init int    // process id of its systemd, as seen from here
	made string // directory that it sees as /tmp/made
}

// power lays the machine's files over this system's and becomes its systemd. What this
// system would start of its own is left out: basic.target is all that is wanted.
const power = `set -e
mount -t tmpfs none "$1"
cd "$1"
mkdir up work root
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys
mount -t cgroup2 none root/sys/fs/cgroup
mount -t tmpfs none root/run
mount -t tmpfs none root/tmp
mount -t tmpfs none root/home
mount -t tmpfs none root/dev
for node in null zero full random urandom tty; do
	touch root/dev/$node
	mount --bind /dev/$node root/dev/$node
done
mkdir -p root/dev/shm root/tmp/made
mount --bind "$2" root/tmp/made
rm -f root/usr/sbin/policy-rc.d root/var/lib/man-db/auto-update
: >root/etc/fstab
ip link set lo up 2>/dev/null || true
container=shoal exec chroot root /lib/systemd/systemd --system --unit=basic.target`

// startMachine skips where this system cannot hold one. made is seen in it as /tmp/made.
func startMachine(t *testing.T, made string) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root, to install packages on a machine in namespaces")
	}
	for _, tool := range []string{"unshare", "nsenter", "chroot", "/lib/systemd/systemd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: packages are not installed anywhere: %v", err)
		}
	}
	// The directory may not be seen through what is laid over it.
	dir := t.TempDir()
	cmd := exec.Command("unshare", "-m", "-p", "-f", "-C", "-u", "-i", "-n", "--kill-child", "sh", "-c", power, "sh", dir, made)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	m := &machine{t: t, made: made}
	t.Cleanup(func() {
		if m.init > 0 {
			_ = syscall.Kill(m.init, syscall.SIGKILL) // it may have ended by itself
		}
		_ = cmd.Process.Kill()
		<-ended
	})
	deadline := time.After(60 * time.Second)
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case err := <-ended:
			ended <- err
			t.Skipf("SKIPPED: packages are not installed anywhere, this system can hold no machine: %v\n%s", err, &said)
		case <-deadline:
			t.Fatalf("the machine does not come up: %s", &said)
		case <-tick.C:
		}
		if m.init == 0 {
			m.init = child(cmd.Process.Pid)
		}
		if m.init != 0 {
			out, err := m.try("systemctl is-active basic.target")
			if err == nil && strings.TrimSpace(out) == "active" {
				return m
			}
		}
	}
}

// child is the first child of a process, or 0.
func child(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	id, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return id
}

// try runs a line of shell on the machine as root.
func (m *machine) try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "-t", strconv.Itoa(m.init), "-m", "-p", "-u", "-i", "-n", "-C",
		"-r", "-w", "sh", "-c", line)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C",
		"DEBIAN_FRONTEND=noninteractive"}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// do demands that a line succeeds, and returns what it printed.
func (m *machine) do(line string) string {
	m.t.Helper()
	out, err := m.try(line)
	if err != nil {
		m.t.Fatalf("%s\n%v\n%s", line, err, out)
	}
	return strings.TrimSpace(out)
}

// until waits for a line to succeed.
func (m *machine) until(line string) {
	m.t.Helper()
	var out string
	err := errors.New("not tried")
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for err != nil {
		if out, err = m.try(line); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			m.t.Fatalf("not in time: %s\n%v\n%s\n%s", line, err, out, m.journal())
		}
	}
}

func (m *machine) journal() string {
	out, err := m.try("systemctl --no-pager status 'shoal*' 'user@*'; journalctl --no-pager -n 60")
	if err != nil {
		return out + err.Error()
	}
	return out
}

// as is a line that a person runs who has logged in.
func as(who, line string) string {
	return "runuser -u " + who + " -- env HOME=/home/" + who + " XDG_RUNTIME_DIR=/run/user/$(id -u " + who + ") " + line
}

// copyTree makes a second source tree of what git knows or would add.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.Command("git", "-C", from, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skipf("SKIPPED: what is built twice is not compared: no repository here: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not yet told to git
		}
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(to, name), content, 0o600))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
