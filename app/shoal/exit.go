package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shoal-sync/shoal/app/api"
)

// The exit codes scripts rely on.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitNoAgent = 3
	exitTimeout = 4
)

// usageError is a mistake in the command line itself.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }

func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// flagMistake says what is wrong with a flag, and where its form is described.
func flagMistake(cmd *cobra.Command, err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return usagef("%w; see `%s --help`", err, cmd.CommandPath())
	}
	want := "true or false"
	switch kind := bad.GetFlag().Value.Type(); kind {
	case "duration":
		want = "a time such as 90s, 10m or 1h"
	case "int", "uint64":
		want = "a whole number"
	}
	return usagef("--%s %q: want %s; see `%s --help`", bad.GetFlag().Name, bad.GetValue(), want,
		cmd.CommandPath())
}

func exitCode(err error) int {
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	var failure *api.Error
	if errors.As(err, &failure) {
		switch failure.Kind {
		case api.Usage:
			return exitUsage
		case api.NoAgent:
			return exitNoAgent
		case api.Timeout:
			return exitTimeout
		}
	}
	return exitFailed
}

// untilStopped makes an interrupt the regular end of a command that would go on for ever.
func untilStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
