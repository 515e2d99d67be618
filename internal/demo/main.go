// Command demo shows shoal at work: three devices on this machine, each an agent with a
// home and a folder of its own, keep a real tree the same.
//
// It knows the program only from outside, as a person does: it runs commands, reads their
// JSON, and changes files with plain file operations. It keeps a ledger of what every
// folder must hold in the end, walks and hashes the folders itself, and ends with 0 only
// when all of them are as the ledger says. `make demo` calls it, and nothing else does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options say how large the play is and where it is played.
type options struct {
	program  string // the shoal to show
	source   string // the tree to copy, or "" to make one up
	files    int    // how many files to take at most
	bigBytes int64  // size of the one big file
	keep     bool   // leave the devices running at the end
	patience time.Duration
}

// The exit codes. An interrupt ends as it does in a shell.
const (
	exitVerified    = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM,
		syscall.SIGHUP)
	// A reader that goes away must not end the demo before it has cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	// After the first signal the next one ends the demo at once: a person who presses
	// Ctrl-C twice means it.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out *os.File, errs io.Writer) int {
	o := options{keep: os.Getenv("KEEP") != "" && os.Getenv("KEEP") != "0"}
	mebibytes := int64(300)
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.program, "program", "bin/shoal-headless", "the shoal to show")
	invent := flags.Bool("invent", false, "make files up, and do not copy those of Go's library")
	flags.IntVar(&o.files, "files", 5000, "how many files to copy or make up at most")
	flags.Int64Var(&mebibytes, "big", mebibytes, "size of the big file in `MiB`")
	flags.DurationVar(&o.patience, "patience", 5*time.Minute, "how long one act may take")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if o.files < leastFiles || mebibytes < 1 || flags.NArg() > 0 {
		fmt.Fprintf(errs, "demo: want at least -files %d and -big 1, and no arguments\n", leastFiles)
		return exitUsage
	}
	o.bigBytes = mebibytes << 20
	if !*invent {
		o.source = goTree()
	}
	return play(ctx, o, newScreen(out))
}

// play plays all acts, says how it went, and leaves nothing behind unless told to.
func play(ctx context.Context, o options, screen *screen) int {
	s, err := newStage(ctx, o, screen)
	if err == nil {
		err = s.acts()
	}
	screen.still()
	code := exitVerified
	switch {
	case errors.Is(err, errInterrupted):
		screen.say("", "")
		screen.say("", "interrupted: stopping the devices")
		code = exitInterrupted
	case err != nil:
		screen.fail(err)
		if s != nil {
			s.tellLogs()
		}
		code = exitFailed
	}
	if s == nil {
		return code
	}
	if o.keep && code != exitInterrupted {
		s.tellKept()
		return code
	}
	if err := s.clear(); err != nil {
		screen.fail(err)
		return max(code, exitFailed)
	}
	screen.say("", "")
	screen.say("", screen.dim("The devices are stopped and their files removed. "+
		"`make demo KEEP=1` leaves them running."))
	return code
}

// absolute makes a path independent of where a command runs.
func absolute(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(full); err != nil {
		return "", fmt.Errorf("%w: `make demo` builds it", err)
	}
	return full, nil
}
