package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// during shows how far a folder, or all of them when it is empty, have come while work
// lasts: on a terminal one line that is painted over, elsewhere, for who wants more, a
// line for each change. What is shown goes to standard error: answers are not mixed with
// it.
func (s *session) during(ctx context.Context, folder string, work func() error) error {
	screen, isScreen := s.errs.(*os.File)
	width := 0
	if isScreen {
		width, _, isScreen = screenSize(screen)
	}
	if s.quiet || s.json || !isScreen && !s.verbose {
		return work()
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	defer client.Close()
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		last := ""
		// When the agent goes away the work fails too, and says why.
		_ = client.Watch(watching, func(v status.View) error {
			text := progressLine(s.words, v, folder)
			if isScreen {
				_, err := fmt.Fprint(screen, "\r"+cut(text, width-1)+"\x1b[K")
				return err
			}
			if text == last || text == "" {
				return nil
			}
			last = text
			_, err := fmt.Fprintln(s.errs, text)
			return err
		})
	})
	err = work()
	stop()
	watcher.Wait()
	if isScreen {
		_, _ = fmt.Fprint(screen, "\r\x1b[K") // only the looks of it would suffer
	}
	return err
}

// progressLine says in one line how far folders have come: the one that was named, or the
// first that is not done.
func progressLine(b words.Book, v status.View, folder string) string {
	if folder != "" {
		if f, err := api.FindFolder(v, folder); err == nil {
			return f.Going(b)
		}
		return ""
	}
	for _, f := range v.Folders {
		if f.State != status.UpToDate {
			return f.Going(b)
		}
	}
	return ""
}

// cut makes a line fit; what is left out is shown by a mark.
func cut(text string, width int) string {
	if width <= 1 || words.Width(text) <= width {
		return text
	}
	kept := 0
	for i, r := range text {
		if kept += words.Width(string(r)); kept > width-1 {
			return text[:i] + "…"
		}
	}
	return text
}
