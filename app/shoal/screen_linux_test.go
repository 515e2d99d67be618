package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/internal/ident"
)

// A person at a real terminal sees one screen that is painted over.
func TestWatchRepaintsATerminal(t *testing.T) {
	home := startAgent(t)
	far, near := terminal(t, 40, 30)
	cmd := command(t, home, "status", "--watch")
	cmd.Stdout = near
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// With our own copy closed, reading ends when the program does.
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	screen := bufio.NewReader(far)
	for range 2 {
		line, err := screen.ReadString('\n')
		for err == nil && !strings.HasPrefix(line, "\x1b[J") && !strings.HasPrefix(line, "\x1b[H") {
			line, err = screen.ReadString('\n')
		}
		if err != nil || !strings.Contains(line, "\x1b[HThis device: desk") ||
			!strings.Contains(line, "…\x1b[K") {
			t.Fatalf("a screen begins with %q, %v", line, err)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; {
		_, err = screen.ReadString('\n')
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted, it ended with %v", err)
	}
}

// A person who waits at a terminal sees one line that is painted over, and then it is
// gone; elsewhere lines come only to who asked for more.
func TestWaitingShowsProgress(t *testing.T) {
	home := startAgent(t)
	if r := shoal(t, home, "folder", "add", t.TempDir(), "--name", "photos"); r.code != 0 {
		t.Fatalf("got %+v", r)
	}
	nas := ident.DeviceFromKey([]byte("nas")).String()
	if r := shoal(t, home, "device", "add", nas, "--name", "nas"); r.code != 0 {
		t.Fatalf("got %+v", r)
	}
	if r := shoal(t, home, "folder", "share", "photos", "nas"); r.code != 0 {
		t.Fatalf("got %+v", r)
	}
	far, near := terminal(t, 30, 30)
	cmd := command(t, home, "wait", "--folder", "photos", "--timeout", "700ms")
	cmd.Stderr = near
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	shown, _ := io.ReadAll(far) // it ends with an error when the program does
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 4 {
		t.Errorf("it ended with %v", err)
	}
	text := string(shown)
	line, gone := strings.Index(text, "\rfolder photos: waiting\x1b[K"), strings.Index(text, "\r\x1b[Kshoal: not equal")
	if line < 0 || gone < line {
		t.Errorf("shown was %q", text)
	}
	if r := shoal(t, home, "--verbose", "wait", "--folder", "photos", "--timeout", "700ms"); !strings.HasPrefix(r.errs, "folder photos: waiting\n") {
		t.Errorf("got %+v", r)
	}
	if r := shoal(t, home, "wait", "--folder", "photos", "--timeout", "200ms"); strings.Contains(r.errs, "folder photos") {
		t.Errorf("got %+v", r)
	}
}

// terminal returns both ends of a new pseudo-terminal.
func terminal(t *testing.T, columns, rows uint16) (far, near *os.File) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("this system has no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { _ = far.Close() })
	fd := int(far.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	size := &unix.Winsize{Col: columns, Row: rows}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
	near, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return far, near
}
