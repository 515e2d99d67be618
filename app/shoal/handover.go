package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/handover"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/nat/proxy"
)

// handoverFlags are those that both ends have.
type handoverFlags struct {
	rendezvous []string
	noMDNS     bool
	limit      time.Duration
}

func (f *handoverFlags) define(cmd *cobra.Command, usual time.Duration) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.rendezvous, "rendezvous", nil,
		"`ADDRESS` of a server where the two find each other, besides those of the settings; may be repeated")
	flags.BoolVar(&f.noMDNS, "no-mdns", false, "do not look on the local network")
	flags.DurationVar(&f.limit, "timeout", usual, "`TIME` to wait for the other device")
}

// places reads the settings: no agent is needed.
func (s *session) places(f handoverFlags) (p handover.Places, err error) {
	home, err := s.openHome()
	if err != nil {
		return p, err
	}
	settings, err := home.Settings()
	if err != nil {
		return p, err
	}
	more, err := config.ParseRendezvous(strings.Join(f.rendezvous, ","))
	if err != nil {
		return p, usageError{fmt.Errorf("--rendezvous: %w", err)}
	}
	chooser, err := proxy.New(settings.Proxy)
	if err != nil {
		return p, err
	}
	log := slog.New(slog.DiscardHandler)
	if s.verbose {
		log = slog.New(slog.NewTextHandler(s.errs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return handover.Places{
		MDNS: settings.MDNS && !f.noMDNS, Rendezvous: append(more, settings.Rendezvous...), Log: log,
		Dial: func(ctx context.Context, hostPort string) (net.Conn, error) { return dialOut(ctx, chooser, hostPort) },
	}, nil
}

// dialOut connects to a server by its name, through the proxy if there is one.
func dialOut(ctx context.Context, chooser proxy.Chooser, hostPort string) (net.Conn, error) {
	addr, err := net.ResolveTCPAddr("tcp", hostPort)
	if err != nil {
		return nil, err
	}
	at := addr.AddrPort()
	if via := chooser.For(at); via != nil && !at.Addr().IsLoopback() {
		return proxy.Dial(ctx, via, at)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", hostPort)
}

func (s *session) sendCommand() *cobra.Command {
	var f handoverFlags
	var listen string
	cmd := &cobra.Command{
		Use:   "send PATH...",
		Short: "Gives files and directories to another device once, by a code",
		Long: "Gives files and directories to another device once, by a code: on the other device run " +
			"`shoal receive CODE`.\n\nNeither device trusts the other afterwards, nothing is shared, and no agent " +
			"is needed. The two find each other on the local network, or anywhere at a rendezvous " +
			"(`--rendezvous`, or the setting). When the connection breaks it goes on by itself.\n\n" +
			"With --json it prints one line for each thing that happens: code {code, names[], files, bytes}, found, " +
			"progress {bytes, total, file}, done {files, bytes}. It exits with 4 when nobody came in time.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := handover.Gather(args)
			if err != nil {
				return err
			}
			places, err := s.places(f)
			if err != nil {
				return err
			}
			places.Listen = listen
			return s.send(cmd.Context(), handover.SendOptions{Places: places, List: list}, f.limit)
		},
	}
	f.define(cmd, time.Hour)
	cmd.Flags().StringVar(&listen, "listen", ":0", "`ADDR:PORT` to be reached at")
	return cmd
}

func (s *session) send(ctx context.Context, opts handover.SendOptions, limit time.Duration) error {
	list := opts.List
	for _, path := range list.Skipped {
		if _, err := fmt.Fprintln(s.errs, s.words.Say("left out, it is no file: %s", status.Plain(path))); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(limit, func() {
		cancel(api.Errorf(api.Timeout, "nobody entered the code in time: it is dead now"))
	})
	defer late.Stop()
	bar := &handoverBar{s: s}
	opts.Progress = bar.show
	opts.Shown = func(code string) error {
		if s.json {
			return s.document(map[string]any{
				"event": "code", "code": code, "names": list.Names(), "files": list.Files, "bytes": list.Bytes,
			})
		}
		return s.lines([]string{
			s.words.Say("On the other device run:    %s", "shoal receive "+code), "",
			s.words.Say("It gets %s (%s, %s).", status.Plain(strings.Join(list.Names(), ", ")),
				s.words.Files(int64(list.Files)), s.words.Bytes(list.Bytes)),
		})
	}
	opts.Found = func() {
		late.Stop()
		bar.found()
	}
	err := handover.Send(ctx, opts)
	bar.end()
	if err != nil {
		return err
	}
	if s.json {
		return s.document(map[string]any{"event": "done", "files": list.Files, "bytes": list.Bytes})
	}
	return s.line(s.words.Say("Everything has arrived."))
}

func (s *session) receiveCommand() *cobra.Command {
	var f handoverFlags
	var to string
	var yes bool
	var addresses []string
	cmd := &cobra.Command{
		Use:   "receive CODE",
		Short: "Takes what another device sends by a code",
		Long: "Takes what `shoal send` on another device sends by a code.\n\n" +
			"Nothing that is there is replaced. What has come before a break is kept, and the same files that " +
			"are sent again, by whatever code, go on from there.\n\n" +
			"With --json it prints one line for each thing that happens: offer {names[], files, bytes, have}, " +
			"progress {bytes, total, file}, done {paths[], files, bytes, problems[]}. It exits with 4 when nobody " +
			"was found who sends by the code.",
		Args: takes("CODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := pairing.ParseCode(args[0])
			if err != nil {
				return usageError{err}
			}
			opts := handover.ReceiveOptions{Code: code, Within: f.limit}
			for _, address := range addresses {
				at, err := config.SplitAddress(address)
				if err != nil {
					return usageError{err}
				}
				opts.Addresses = append(opts.Addresses, at)
			}
			if opts.Places, err = s.places(f); err != nil {
				return err
			}
			if opts.To, err = filepath.Abs(to); err != nil {
				return err
			}
			return s.receive(cmd.Context(), opts, yes)
		},
	}
	f.define(cmd, 30*time.Second)
	flags := cmd.Flags()
	flags.StringVar(&to, "to", ".", "`DIR` to put it into")
	flags.BoolVar(&yes, "yes", false, "do not ask, say yes")
	flags.StringArrayVar(&addresses, "address", nil,
		"where the sender is, `tcp://HOST:PORT`, if it cannot be found; may be given again")
	return cmd
}

func (s *session) receive(ctx context.Context, opts handover.ReceiveOptions, yes bool) error {
	bar := &handoverBar{s: s}
	opts.Progress = bar.show
	opts.Ask = func(list *handover.List, have int64) (bool, error) { return s.askOffer(ctx, opts.To, list, have, yes) }
	got, err := handover.Receive(ctx, opts)
	bar.end()
	switch {
	case errors.Is(err, handover.ErrNotFound):
		return api.Errorf(api.Timeout, "%v: does its screen still show it? Without a rendezvous only devices on "+
			"the same network are found", err)
	case err != nil:
		return err
	case got == nil:
		return errors.New("nothing was taken")
	}
	if s.json {
		err = s.document(map[string]any{
			"event": "done", "paths": got.Paths, "files": got.Files, "bytes": got.Bytes, "problems": append([]string{}, got.Problems...),
		})
	} else {
		for _, path := range got.Paths {
			err = errors.Join(err, s.line(path))
		}
	}
	if err == nil && len(got.Problems) > 0 {
		err = fmt.Errorf("not all could be taken: %s", strings.Join(got.Problems, "; "))
	}
	return err
}

// askOffer shows what is offered, and asks whether it is to be taken.
func (s *session) askOffer(
	ctx context.Context, to string, list *handover.List, have int64, yes bool,
) (bool, error) {
	if s.json {
		err := s.document(map[string]any{
			"event": "offer", "names": list.Names(), "files": list.Files, "bytes": list.Bytes, "have": have,
		})
		if err != nil || yes {
			return yes, err
		}
	} else {
		text := s.words.Say("It is sent: %s (%s, %s). Here it would be in %s", status.Plain(strings.Join(list.Names(), ", ")),
			s.words.Files(int64(list.Files)), s.words.Bytes(list.Bytes), status.Plain(to))
		if have > 0 {
			text += "; " + s.words.Say("%s of it are here already", s.words.Bytes(have))
		}
		if _, err := fmt.Fprintln(s.errs, text); err != nil || yes {
			return yes, err
		}
	}
	l := &linkRun{s: s, in: bufio.NewReader(os.Stdin)}
	answer, err := l.ask(ctx, s.words.Say("Take it? [y/N]")+" ")
	if errors.Is(err, io.EOF) {
		err = nil // nobody is there: that is a no
	}
	return isYes(answer), err
}

// handoverBar shows how far it has come: on a terminal one line that is painted over, with
// --json a line each second.
type handoverBar struct {
	s *session

	mu    sync.Mutex
	last  time.Time
	begun time.Time
	from  int64
	drawn bool
}

func (b *handoverBar) found() {
	if b.s.json {
		_ = b.s.document(map[string]any{"event": "found"}) // whoever reads is told of the end by the exit
	}
}

func (b *handoverBar) show(p handover.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.begun.IsZero() {
		b.begun, b.from = now, p.Bytes
	}
	every := 200 * time.Millisecond
	if b.s.json {
		every = time.Second
	}
	if now.Sub(b.last) < every {
		return
	}
	b.last = now
	if b.s.json {
		_ = b.s.document(map[string]any{ // as above
			"event": "progress", "bytes": p.Bytes, "total": p.Total, "file": p.File,
		})
		return
	}
	screen, ok := b.s.errs.(*os.File)
	if !ok || b.s.quiet {
		return
	}
	width, _, ok := screenSize(screen)
	if !ok {
		return
	}
	rate := float64(p.Bytes-b.from) / max(now.Sub(b.begun).Seconds(), 0.1)
	text := fmt.Sprintf("%3d %%  %s / %s  %s/s", 100*p.Bytes/max(p.Total, 1), b.s.words.Bytes(p.Bytes),
		b.s.words.Bytes(p.Total), b.s.words.Bytes(int64(rate)))
	if rate > 0 {
		text += "  " + time.Duration(float64(p.Total-p.Bytes)/rate*float64(time.Second)).Round(time.Second).String()
	}
	_, _ = fmt.Fprint(screen, "\r"+cut(text+"  "+status.Plain(p.File), width-1)+"\x1b[K") // only looks
	b.drawn = true
}

// end leaves the line free for what follows.
func (b *handoverBar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn {
		_, _ = fmt.Fprint(b.s.errs, "\r\x1b[K") // only looks
	}
}
