package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/host"
	"github.com/shoal-sync/shoal/app/logbook"
	"github.com/shoal-sync/shoal/nat/webrtc"
)

// agentFlags are the flags of the program without a command.
type agentFlags struct {
	nogui, tray, noMDNS bool
	page, web           string
	listen, name        string
	logFormat           string
	stun, rendezvous    []string
	record              string
}

func (a *agentFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&a.nogui, "nogui", false, "run the agent in the foreground")
	flags.BoolVar(&a.tray, "tray", false, "run in the background with an icon beside the clock, and start the agent when none runs")
	flags.StringVar(&a.web, "web", "", "show a web page at `ADDR:PORT`; without ADDR only to this computer (default off)")
	flags.StringVar(&a.page, "page", "", "open the window at this `PAGE`, such as settings or devices")
	flags.StringVar(&a.listen, "listen", "",
		"`ADDR:PORT` other devices reach this one at; port 0 is any free one (default :22100)")
	flags.StringVar(&a.name, "name", "",
		"`NAME` other devices see (default: the name of the computer)")
	flags.StringVar(&a.logFormat, "log-format", "", "`FORM` of the log: text or json (default text)")
	flags.StringArrayVar(&a.rendezvous, "rendezvous", nil,
		"`ADDRESS` of a server where devices find each other from anywhere, as `shoal rendezvous` prints it; may be repeated")
	flags.StringArrayVar(&a.stun, "stun", nil,
		"`SERVER` that helps through NATs: HOST:PORT, or turn:USER:PASSWORD@HOST:PORT; may be repeated")
	flags.BoolVar(&a.noMDNS, "no-mdns", false,
		"do not look for linked devices on the local network, nor let them find this one")
	flags.StringVar(&a.record, "record", "",
		"write everything that happens into `FILE`, up to 1 GiB, so that others can play it again; "+
			"it has the names of files in it, not what they hold")
}

func (a *agentFlags) check() error {
	if a.listen != "" {
		if err := config.CheckListen(a.listen); err != nil {
			return usageError{err}
		}
	}
	if a.web != "" && a.web != "off" {
		if err := config.CheckListen(a.web); err != nil {
			return usageError{fmt.Errorf("--web: %w", err)}
		}
	}
	if a.name != "" {
		if err := config.CheckName(a.name); err != nil {
			return usageError{fmt.Errorf("--name: %w", err)}
		}
	}
	if _, err := config.ParseRendezvous(strings.Join(a.rendezvous, ",")); err != nil {
		return usageError{fmt.Errorf("--rendezvous: %w", err)}
	}
	if _, err := webrtc.ParseServers(strings.Join(a.stun, ",")); err != nil {
		return usageError{fmt.Errorf("--stun: %w", err)}
	}
	if a.logFormat != "" {
		var trial config.Settings
		if err := trial.Put("log_format", a.logFormat); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// agentGarbage is how much garbage an agent lets lie, in percent of what it uses. Go's own
// 100 is for programs that have a computer to themselves: a restart with a million files
// took 230 MiB at most and not 181, and the same time of the processor.
const agentGarbage = 50

// agentRoom counts as used for how much garbage may lie, but is never touched and so takes
// no memory: an agent that uses little, as most do, would else clear away all the time.
// While 20,000 small files come in it uses 30 MiB, and clearing away took a seventh of its
// time.
const agentRoom = 8 << 20

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
		STUN: strings.Join(a.stun, ","), Rendezvous: strings.Join(a.rendezvous, ","),
		Log: logger(book, cmp.Or(a.logFormat, settings.LogFormat), level), Book: book,
		Version: buildVersion(), Record: a.record, Program: ownProgram, Window: withWindow(), ReleaseKeys: releaseKeys,
	}
	switch {
	case s.quiet:
		level.Set(slog.LevelWarn)
	case s.verbose:
		level.Set(slog.LevelDebug)
	default:
		opts.Level = level
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	page, err := s.openPage(ctx, home, cmp.Or(a.web, settings.Web), settings, opts.Log)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(agentGarbage)
	}
	room := make([]byte, agentRoom)
	err = host.Run(ctx, opts)
	runtime.KeepAlive(room)
	stop()
	again := errors.Is(err, host.ErrAgain)
	if again {
		err = nil
	}
	if err = errors.Join(err, page.close()); err == nil && again {
		err = startAgain()
	}
	return err
}

func logger(to io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
