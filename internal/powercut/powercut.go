// Package powercut runs a program and takes the power from under it: of what the program
// changed on disk only that survives which it had made durable, and of the rest any part.
//
// It watches the system calls of the real program, so nothing in the program is there for
// it. At the chosen change it kills the program and takes back what a medium without power
// may have lost: sectors of files that were not synced, lengths, times, permissions, and
// names whose directory was not synced. What is left are the same files, inode for inode,
// so that the program's next start finds what it would find after a real power cut.
//
// What a medium may lose is what POSIX allows and file systems with a journal do:
//   - of a file, after its last fsync: any 512-byte sectors, whole writes or parts of them,
//     and any changes of its length;
//   - its time and permissions, also over an fdatasync;
//   - of names, any changes in a directory that was not synced since, except those that a
//     kept one builds on. A rename or an exchange happens or does not; never half of it. To
//     sync a file says nothing of its name.
//
// The call syncfs makes everything durable. What is written by way of memory is not
// seen; SQLite does that with the file "-shm" alone, which never outlives a power cut.
//
// Tests call it. It needs Linux on amd64 and the right to trace one's own children.
package powercut

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Cut says when the power goes and what goes with it.
type Cut struct {
	// Roots are the directories whose changes count. They exist, and beside each of them
	// there is room for a directory on the same volume.
	Roots []string
	// At is which change is not made any more, counted from 1; at 0 the power stays.
	At int
	// Seed decides what is lost.
	Seed uint64
}

const (
	cutEnv  = "SHOAL_POWERCUT"      // makes this program the one that watches
	castEnv = "SHOAL_POWERCUT_CAST" // makes it become the one that is watched
)

// Env is the environment that makes a program whose first act is Main run another one,
// with the same arguments, until the power is cut. It then ends by SIGKILL, once what is
// lost is lost; when the other program ends before, it ends in the same way.
func (c Cut) Env(program string) []string {
	return []string{fmt.Sprintf("%s=%d|%d|%s|%s", cutEnv, c.At, c.Seed, program, strings.Join(c.Roots, "|"))}
}

// Command runs a program until the power is cut. The calling program must call Main first
// of all.
func (c Cut) Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), c.Env(program)...)
	return cmd
}

func parse(text string) (c Cut, program string, err error) {
	fields := strings.Split(text, "|")
	if len(fields) < 4 {
		return c, "", fmt.Errorf("%s: %q", cutEnv, text)
	}
	if c.At, err = strconv.Atoi(fields[0]); err != nil {
		return c, "", err
	}
	c.Seed, err = strconv.ParseUint(fields[1], 10, 64)
	c.Roots = fields[3:]
	return c, fields[2], err
}

// Main is called first by a program that Command may start. It returns unless it was.
func Main() {
	if program := os.Getenv(castEnv); program != "" {
		fmt.Fprintln(os.Stderr, "powercut:", become(program))
		os.Exit(2)
	}
	if text := os.Getenv(cutEnv); text != "" {
		c, program, err := parse(text)
		if err == nil {
			err = watch(c, program)
		}
		fmt.Fprintln(os.Stderr, "powercut:", err)
		os.Exit(2)
	}
}
