package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// How often live lines are painted, and plain ones printed.
const (
	paintEvery = 100 * time.Millisecond
	printEvery = time.Second
)

// watched shows the devices' progress while something is done. What each device will
// have in the end is known from the ledger.
func (s *stage) watched(do func() error) error {
	a := &act{goal: s.want.tally(), began: time.Now(), before: map[*device]traffic{}}
	for _, d := range s.devices {
		a.before[d] = d.traffic()
	}
	finished := make(chan struct{})
	var painter sync.WaitGroup
	painter.Go(func() { s.show(a, finished) })
	err := do()
	close(finished)
	painter.Wait()
	return err
}

// act is what is shown: what devices are to have in the end, and where they began.
type act struct {
	goal   tally
	began  time.Time
	before map[*device]traffic
}

func (s *stage) show(a *act, finished <-chan struct{}) {
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
			s.screen.paint(s.picture(a))
		} else {
			s.screen.say("", s.plain(a))
		}
	}
}

// share is how much of the goal a device has: files and bytes count alike, so that
// neither many small files nor one big one hide the other. What came over the links
// counts before it is in place.
func (f folderView) share(goal tally, came int64) float64 {
	files := float64(f.Files-f.NeedFiles) / float64(max(1, goal.files))
	bytes := float64(max(f.Bytes-f.NeedBytes, came)) / float64(max(1, goal.bytes))
	share := (min(1, files) + min(1, bytes)) / 2
	if f.NeedFiles > 0 {
		return min(share, 0.99)
	}
	return share
}

// The states of a folder that are told in other words here.
const (
	upToDate = "up-to-date"
	needsYou = "needs-you"
	scanning = "scanning"
	syncing  = "syncing"
)

func (v view) folder() (folderView, bool) {
	if len(v.Folders) == 0 {
		return folderView{}, false
	}
	return v.Folders[0], true
}

// picture is one line for each device.
func (s *stage) picture(a *act) (lines []string) {
	for _, d := range s.devices {
		f, running := d.latest().folder()
		if !running {
			lines = append(lines, "    "+padded(d.name, 9)+s.screen.dim("off"))
			continue
		}
		t := d.traffic().minus(a.before[d])
		share := f.share(a.goal, t.in)
		lines = append(lines, fmt.Sprintf("    %s%s %s  %s %s", padded(d.name, 9),
			s.screen.bar(share, 20), aligned(percent(share), 5), padded(f.words(), 31),
			s.screen.dim("in "+aligned(status.Bytes(t.in), 8)+"  out "+aligned(status.Bytes(t.out), 8))))
	}
	return lines
}

// plain says the same in one line without colours or bars.
func (s *stage) plain(a *act) string {
	var parts []string
	for _, d := range s.devices {
		f, running := d.latest().folder()
		if !running {
			parts = append(parts, d.name+" off")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s, %s", d.name,
			percent(f.share(a.goal, d.traffic().minus(a.before[d]).in)), f.words()))
	}
	return fmt.Sprintf("%7s  %s", seconds(time.Since(a.began)), strings.Join(parts, " | "))
}

func (f folderView) words() string {
	switch {
	case f.NeedFiles > 0:
		return status.Files(f.NeedFiles) + ", " + status.Bytes(f.NeedBytes) + " to come"
	case f.State == scanning && f.Files == 0:
		return "reading its files"
	case f.Files == 0:
		return "nothing yet"
	case f.State == syncing:
		return status.Files(f.Files) + ", passing them on"
	case f.State == upToDate:
		return status.Files(f.Files) + ", up to date"
	case f.State == needsYou:
		return status.Files(f.Files) + ", needs you"
	}
	return status.Files(f.Files) + ", " + status.State(f.State).Words(words.Book{})
}

// percent is rounded down: 100 % is all of it.
func percent(share float64) string { return fmt.Sprintf("%d %%", int(100*share)) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// waiting says in a terminal what is being done until the next line is said.
func (s *stage) waiting(text string) {
	if s.screen.terminal {
		s.screen.paint([]string{"    " + s.screen.dim(text+" …")})
	}
}
