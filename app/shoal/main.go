// Command shoal is the program: the agent in the foreground, and the commands that ask a
// running agent.
//
// It knows flags, arguments, exit codes and what a person or a script gets to read. It
// leaves the work to the agent (app/host), which commands reach through the local API
// (app/api); only `shoal id` needs no agent. People, scripts and service managers call
// it; the exit codes and JSON fields are a promise to them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/shoal-sync/shoal/app/status"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one ends the program at once: a person who presses
	// Ctrl-C twice means it.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	s := &session{out: out, errs: errs}
	root := s.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !s.begun {
		// No command has begun: what failed was reading the command line.
		err = usageError{err}
	}
	text := status.Plain(strings.ReplaceAll(err.Error(), "\n", "; "))
	if _, err := fmt.Fprintln(errs, "shoal: "+text); err != nil {
		return exitFailed
	}
	return exitCode(err)
}
