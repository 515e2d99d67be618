package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

// How often live lines are painted, and plain ones printed.
const (
	paintEvery = 100 * time.Millisecond
	printEvery = time.Second
)

// watched shows the devices' progress while something is done. What each device will
// have in the end is known from the ledger.
func (s *stage) watched(do func() error) error {
	goal := s.want.tally()
	began := time.Now()
	finished := make(chan struct{})
	var painter sync.WaitGroup
	painter.Go(func() { s.show(goal, began, finished) })
	err := do()
	close(finished)
	painter.Wait()
	return err
}

func (s *stage) show(goal tally, began time.Time, finished <-chan struct{}) {
	every := printEvery
	if s.screen.terminal {
		every = paintEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-finished:
			if s.screen.terminal {
				s.screen.paint(nil)
			}
			return
		}
		if s.screen.terminal {
			s.screen.paint(s.picture(goal))
		} else {
			s.screen.say("", s.plain(goal, time.Since(began)))
		}
	}
}

// share is how much of the goal a device has: files and bytes count alike, so that
// neither many small files nor one big one hide the other.
func (f folderView) share(goal tally) float64 {
	files := float64(f.Files-f.NeedFiles) / float64(max(1, goal.files))
	bytes := float64(f.Bytes-f.NeedBytes) / float64(max(1, goal.bytes))
	return (min(1, files) + min(1, bytes)) / 2
}

// The states of a folder that the demo waits for.
const (
	upToDate = "up-to-date"
	needsYou = "needs-you"
)

func (v view) folder() (folderView, bool) {
	if len(v.Folders) == 0 {
		return folderView{}, false
	}
	return v.Folders[0], true
}

// picture is one line for each device.
func (s *stage) picture(goal tally) (lines []string) {
	for _, d := range s.devices {
		f, running := d.latest().folder()
		if !running {
			lines = append(lines, "    "+s.screen.dim(padded(d.name, 9)+"off"))
			continue
		}
		share := f.share(goal)
		lines = append(lines, fmt.Sprintf("    %s%s %s  %s  %s", padded(d.name, 9),
			s.screen.bar(share, 24), aligned(percent(share), 5),
			padded(f.words(), 28), s.screen.dim("sent "+status.Bytes(d.traffic().out))))
	}
	return lines
}

// plain says the same in one line without colours or bars.
func (s *stage) plain(goal tally, after time.Duration) string {
	var parts []string
	for _, d := range s.devices {
		f, running := d.latest().folder()
		if !running {
			parts = append(parts, d.name+" off")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s, %s", d.name, percent(f.share(goal)), f.words()))
	}
	return fmt.Sprintf("%5s  %s", seconds(after), strings.Join(parts, " | "))
}

func (f folderView) words() string {
	switch {
	case f.NeedFiles > 0:
		return status.Files(f.NeedFiles) + ", " + status.Bytes(f.NeedBytes) + " to come"
	case f.State == upToDate:
		return status.Files(f.Files) + ", up to date"
	case f.State == needsYou:
		return status.Files(f.Files) + ", needs you"
	}
	return status.Files(f.Files) + ", " + status.State(f.State).Words()
}

// percent is rounded down: 100 % is all of it.
func percent(share float64) string { return fmt.Sprintf("%d %%", int(100*share)) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
