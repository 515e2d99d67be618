package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// repaintEvery is how often a watched screen is drawn anew, which also lets the times in
// it count down.
const repaintEvery = 500 * time.Millisecond

func (s *session) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Shows devices, folders, progress and problems",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			defer client.Close()
			if watch {
				return untilStopped(cmd.Context(), s.watch(cmd.Context(), client))
			}
			view, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			if s.json {
				return s.document(view)
			}
			return s.show(view)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "keep showing what changes")
	return cmd
}

// show draws the whole view; for who wants less only what is not as it should be, for who
// wants more every problem there is.
func (s *session) show(view status.View) error {
	switch lines := status.Lines(s.words, view, now()); {
	case s.quiet:
		for _, line := range troubles(s.words, view) {
			if err := s.line(line); err != nil {
				return err
			}
		}
		return nil
	case s.verbose:
		return s.lines(append(lines, status.ProblemLines(s.words, view, now())...))
	default:
		return s.lines(lines)
	}
}

// troubles are the lines about folders that are not up to date and devices that are not
// connected.
func troubles(b words.Book, v status.View) (lines []string) {
	for _, f := range v.Folders {
		if f.State != status.UpToDate {
			lines = append(lines, f.Brief(b))
		}
	}
	for _, d := range v.Devices {
		if !d.Connected && !d.Unsought || d.Paused != nil {
			lines = append(lines, d.Brief(b))
		}
	}
	return lines
}

// watch repaints a terminal. Elsewhere it prints JSON lines, or a plain line for each
// thing that changed.
func (s *session) watch(ctx context.Context, client *api.Client) error {
	if s.json {
		return client.Watch(ctx, func(v status.View) error { return s.document(v) })
	}
	if file, ok := s.out.(*os.File); ok {
		if _, _, ok := screenSize(file); ok {
			return s.repaint(ctx, client, file)
		}
	}
	var last map[string]bool
	return client.Watch(ctx, func(v status.View) error {
		lines := briefs(s.words, v)
		next := make(map[string]bool, len(lines))
		for _, line := range lines {
			next[line] = true
			if last[line] {
				continue
			}
			if err := s.line(line); err != nil {
				return err
			}
		}
		last = next
		return nil
	})
}

func briefs(b words.Book, v status.View) []string {
	var lines []string
	for _, f := range v.Folders {
		lines = append(lines, f.Brief(b))
	}
	for _, d := range v.Devices {
		lines = append(lines, d.Brief(b))
	}
	if lines == nil {
		lines = []string{b.Say("no folders and no other devices yet")}
	}
	return lines
}

func (s *session) repaint(ctx context.Context, client *api.Client, screen *os.File) error {
	ticker := time.NewTicker(repaintEvery)
	defer ticker.Stop()
	for {
		view, err := client.Status(ctx)
		if err != nil {
			return err
		}
		width, height, _ := screenSize(screen)
		picture := painted(s.words, status.Lines(s.words, view, now()), width, height)
		if _, err := io.WriteString(screen, picture); err != nil {
			return fmt.Errorf("write the output: %w", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// painted draws lines over what the screen shows, cut to its size: a line that wraps or
// scrolls would push the rest out of place.
func painted(b words.Book, lines []string, width, height int) string {
	const (
		toTop       = "\x1b[H"
		clearToEnd  = "\x1b[K"
		clearBeyond = "\x1b[J"
	)
	if height > 1 && len(lines) > height-1 {
		lines = append(lines[:height-2:height-2], "… "+b.Say("more than fits here"))
	}
	var screen strings.Builder
	screen.WriteString(toTop)
	for _, line := range lines {
		screen.WriteString(cut(line, width) + clearToEnd + "\n")
	}
	screen.WriteString(clearBeyond)
	return screen.String()
}

func (s *session) lines(lines []string) error {
	return s.line(strings.Join(lines, "\n"))
}

func now() status.Moment { return status.MomentOf(time.Now()) }
