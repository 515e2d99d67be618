package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/host"
	"github.com/shoal-sync/shoal/app/logbook"
)

// agentFlags are the flags of the program without a command.
type agentFlags struct {
	nogui, tray, noMDNS bool
	listen, name        string
	logFormat           string
}

func (a *agentFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&a.nogui, "nogui", false, "run the agent in the foreground")
	flags.BoolVar(&a.tray, "tray", false, "run in the background with a tray icon (not there yet)")
	flags.StringVar(&a.listen, "listen", "",
		"`ADDR:PORT` other devices reach this one at; port 0 is any free one (default :22100)")
	flags.StringVar(&a.name, "name", "",
		"`NAME` other devices see (default: the name of the computer)")
	flags.StringVar(&a.logFormat, "log-format", "", "`FORM` of the log: text or json (default text)")
	flags.BoolVar(&a.noMDNS, "no-mdns", false,
		"do not look for linked devices on the local network, nor let them find this one")
}

func (a *agentFlags) check() error {
	if a.listen != "" {
		if err := config.CheckListen(a.listen); err != nil {
			return usageError{err}
		}
	}
	if a.name != "" {
		if err := config.CheckName(a.name); err != nil {
			return usageError{fmt.Errorf("--name: %w", err)}
		}
	}
	if a.logFormat != "" {
		var trial config.Settings
		if err := trial.Put("log_format", a.logFormat); err != nil {
			return usageError{err}
		}
	}
	return nil
}

func (s *session) runAgent(ctx context.Context, a agentFlags) error {
	if err := a.check(); err != nil {
		return err
	}
	dir, err := s.home()
	if err != nil {
		return err
	}
	home, err := config.OpenHome(dir)
	if err != nil {
		return err
	}
	settings, err := home.Settings()
	if err != nil {
		return err
	}
	out := s.errs
	if settings.LogFile != "stderr" {
		file, err := logbook.OpenFile(settings.LogFile)
		if err != nil {
			return fmt.Errorf("%w; `shoal config unset log_file` logs to stderr", err)
		}
		defer file.Close()
		out = file
	}
	level, book := &slog.LevelVar{}, logbook.New(out)
	opts := host.Options{
		Home: dir, Listen: a.listen, Name: a.name, LogFormat: a.logFormat, NoMDNS: a.noMDNS,
		Log: logger(book, cmp.Or(a.logFormat, settings.LogFormat), level), Book: book,
		Version: buildVersion(),
	}
	switch {
	case s.quiet:
		level.Set(slog.LevelWarn)
	case s.verbose:
		level.Set(slog.LevelDebug)
	default:
		opts.Level = level
	}
	return host.Run(ctx, opts)
}

func logger(to io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
