package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

var errInterrupted = errors.New("interrupted")

// The names of the devices. The first one begins with the tree.
var cast = []string{"laptop", "desktop", "server"}

// stage is everything on it: the devices, the ledger and the screen.
type stage struct {
	options options
	screen  *screen
	ctx     context.Context
	stop    context.CancelCauseFunc
	dir     string
	devices []*device
	folder  string // its id
	want    ledger // what every folder must hold
	began   time.Time
}

func newStage(ctx context.Context, o options, screen *screen) (*stage, error) {
	program, err := absolute(o.program)
	if err != nil {
		return nil, err
	}
	o.program = program
	dir, err := os.MkdirTemp("", "shoal-demo-")
	if err != nil {
		return nil, err
	}
	s := &stage{options: o, screen: screen, dir: dir, began: time.Now()}
	var end context.CancelCauseFunc
	s.ctx, end = context.WithCancelCause(context.WithoutCancel(ctx))
	s.stop = end
	context.AfterFunc(ctx, func() { end(errInterrupted) })
	for _, name := range cast {
		d, err := newDevice(name, program, dir)
		if err != nil {
			return s, err
		}
		s.devices = append(s.devices, d)
	}
	return s, nil
}

// outcome prefers the reason why everything was stopped over what failed by that.
func (s *stage) outcome(err error) error {
	if err != nil && s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return err
}

// each does something on every device at once.
func (s *stage) each(do func(*device) error) error {
	failed := make([]error, len(s.devices))
	var work sync.WaitGroup
	for i, d := range s.devices {
		work.Go(func() { failed[i] = do(d) })
	}
	work.Wait()
	return s.outcome(first(failed))
}

// first is the first error of a list: the others are mostly its consequences, and a
// person needs one clear line.
func first(list []error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// others are all devices but one.
func (s *stage) others(than *device) (out []*device) {
	for _, d := range s.devices {
		if d != than {
			out = append(out, d)
		}
	}
	return out
}

// rescan makes every change on the given devices' disks known to their agents.
func (s *stage) rescan(devices ...*device) error {
	failed := make([]error, len(devices))
	var work sync.WaitGroup
	for i, d := range devices {
		work.Go(func() { failed[i] = d.ask(s.ctx, nil, "folder", "rescan", s.folder) })
	}
	work.Wait()
	return s.outcome(first(failed))
}

// equal returns when the agents of the given devices have verified, each of each other
// one, that they hold the same.
func (s *stage) equal(devices ...*device) error {
	failed := make([]error, len(devices)*len(devices))
	var work sync.WaitGroup
	for i, d := range devices {
		for j, o := range devices {
			if d == o {
				continue
			}
			work.Go(func() {
				failed[i*len(devices)+j] = d.ask(s.ctx, nil, "wait", "--folder", s.folder,
					"--device", o.id, "--timeout", s.options.patience.String())
			})
		}
	}
	work.Wait()
	return s.outcome(first(failed))
}

// sent adds up what all devices have sent.
func (s *stage) sent() (sum int64) {
	for _, d := range s.devices {
		sum += d.traffic().out
	}
	return sum
}

// fresh asks every running agent for its status, so that counters are of now.
func (s *stage) fresh() error {
	return s.each(func(d *device) error {
		_, err := d.status(s.ctx)
		return err
	})
}

// clear stops the devices and removes everything they had.
func (s *stage) clear() error {
	s.stop(errInterrupted)
	failed := make([]error, len(s.devices))
	var work sync.WaitGroup
	for i, d := range s.devices {
		work.Go(func() {
			failed[i] = errors.Join(d.halt(syscall.SIGTERM), os.RemoveAll(d.dir))
		})
	}
	work.Wait()
	return errors.Join(errors.Join(failed...), os.RemoveAll(s.dir))
}

// tellLogs shows the end of each agent's log.
func (s *stage) tellLogs() {
	const lines = 6
	for _, d := range s.devices {
		if d.agent == nil {
			continue
		}
		s.screen.say("", "")
		s.screen.say("", s.screen.bold("the last lines of "+d.name+"'s log"))
		for _, line := range d.lastLines(lines) {
			s.screen.say("", s.screen.dim("  "+status.Plain(line)))
		}
	}
}

// tellKept says how to go on with devices that were left running.
func (s *stage) tellKept() {
	s.stopWatching()
	say := func(text string) { s.screen.say("", text) }
	var pids []string
	say("")
	say(s.screen.bold("The devices go on running.") + " Change something in a folder and look into another:")
	say("")
	for _, d := range s.devices {
		say("  " + padded(d.name, 9) + d.folder())
		if d.agent != nil && d.agent.Process != nil {
			pids = append(pids, fmt.Sprint(d.agent.Process.Pid))
		}
	}
	program := relative(s.options.program)
	say("")
	say("Talk to one of them, and see what it did:")
	say("")
	say("  " + program + " --home " + s.devices[0].home() + " status --watch")
	say("  " + program + " --home " + s.devices[1].home() + " events")
	say("  less " + s.devices[2].log())
	say("")
	say("Stop them and remove everything:")
	say("")
	say("  kill " + strings.Join(pids, " ") + "; sleep 2; rm -rf " + s.dir)
}

// stopWatching ends the demo's own commands and lets the agents live.
func (s *stage) stopWatching() {
	for _, d := range s.devices {
		d.mu.Lock()
		d.expected = true
		d.mu.Unlock()
	}
	s.stop(errInterrupted)
	for _, d := range s.devices {
		d.seen.Wait()
	}
}

// relative is the shorter way to write a path.
func relative(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil || len(rel) > len(path) {
		return path
	}
	return rel
}
