package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// view is what `shoal status --json` promises to scripts, as far as the demo reads it.
type view struct {
	Device struct {
		ID     string   `json:"id"`
		Listen []string `json:"listen"`
	} `json:"device"`
	Devices []struct {
		Connected bool   `json:"connected"`
		Route     string `json:"route"`
		BytesIn   int64  `json:"bytes_in"`
		BytesOut  int64  `json:"bytes_out"`
	} `json:"devices"`
	Folders []folderView `json:"folders"`
}

type folderView struct {
	State     string `json:"state"`
	Files     int64  `json:"files"`
	Bytes     int64  `json:"bytes"`
	NeedFiles int64  `json:"need_files"`
	NeedBytes int64  `json:"need_bytes"`
	Conflicts int    `json:"conflicts"`
}

// traffic is what went over a device's links, encryption and messages included.
type traffic struct{ in, out int64 }

func (t traffic) minus(o traffic) traffic { return traffic{t.in - o.in, t.out - o.out} }

// device is one agent with its home and its folder.
type device struct {
	name    string
	program string
	dir     string // holds all of the device
	id      string
	listen  string // where it is reached, HOST:PORT; empty until it first ran

	agent *exec.Cmd
	ended chan struct{} // closed when the agent's process is gone
	watch *exec.Cmd
	seen  sync.WaitGroup // the reader of the watched status

	mu       sync.Mutex
	expected bool // the agent's end is wanted
	last     view
	before   traffic // of the agents that ran here earlier
}

func newDevice(name, program, dir string) (*device, error) {
	d := &device{name: name, program: program, dir: filepath.Join(dir, name)}
	return d, os.MkdirAll(d.folder(), 0o755)
}

func (d *device) home() string   { return filepath.Join(d.dir, "home") }
func (d *device) folder() string { return filepath.Join(d.dir, "folder") }
func (d *device) log() string    { return filepath.Join(d.dir, "agent.log") }

// start runs the agent until it answers. Should its process end unasked, lost is called.
func (d *device) start(ctx context.Context, lost func(error)) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	log, err := os.OpenFile(d.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	listen := d.listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	d.agent = exec.Command(d.program, "--home", d.home(), "--nogui", "--no-mdns",
		"--name", d.name, "--listen", listen)
	d.agent.Stderr = log
	d.agent.SysProcAttr = apart()
	err = d.agent.Start()
	if err := errors.Join(err, log.Close()); err != nil {
		return fmt.Errorf("start the agent of %s: %w", d.name, err)
	}
	d.ended, d.expected = make(chan struct{}), false
	go func(agent *exec.Cmd, ended chan struct{}) {
		end := agent.Wait()
		d.mu.Lock()
		expected := d.expected
		d.mu.Unlock()
		close(ended)
		if !expected {
			lost(fmt.Errorf("the agent of %s ended by itself: %s", d.name, ending(end)))
		}
	}(d.agent, d.ended)
	return d.answering(ctx)
}

func ending(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// answering waits until the agent answers, and watches its status from then on.
func (d *device) answering(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := d.status(ctx)
		if err == nil {
			if len(v.Device.Listen) == 0 {
				return fmt.Errorf("the agent of %s does not say where it listens", d.name)
			}
			d.id, d.listen = v.Device.ID, v.Device.Listen[0]
			return d.watching(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the agent of %s does not answer: %w", d.name, err)
		case <-tick.C:
		}
	}
}

// watching keeps the latest status, for the screen.
func (d *device) watching(ctx context.Context) error {
	d.watch = d.command(ctx, "status", "--watch")
	lines, err := d.watch.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.watch.Start(); err != nil {
		return fmt.Errorf("watch the status of %s: %w", d.name, err)
	}
	d.seen.Add(1)
	go func(watch *exec.Cmd) {
		defer d.seen.Done()
		for stream := json.NewDecoder(lines); ; {
			var v view
			if err := stream.Decode(&v); err != nil {
				break // the agent or the demo ends, and both are told elsewhere
			}
			d.note(v)
		}
		_, _ = io.Copy(io.Discard, lines)
		_ = watch.Wait() // it is stopped by a signal, which is no news
	}(d.watch)
	return nil
}

func (d *device) note(v view) {
	d.mu.Lock()
	d.last = v
	d.mu.Unlock()
}

func (d *device) latest() view {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// traffic adds up what all agents that ran here have sent and received.
func (d *device) traffic() traffic {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.before.plus(d.last)
}

func (t traffic) plus(v view) traffic {
	for _, o := range v.Devices {
		t.in += o.BytesIn
		t.out += o.BytesOut
	}
	return t
}

// halt ends the agent: at once as a power cut does, or by asking it to stop. It returns
// when the process is gone.
func (d *device) halt(at os.Signal) error {
	if d.agent == nil || d.agent.Process == nil {
		return nil
	}
	d.mu.Lock()
	d.expected = true
	d.before, d.last = d.before.plus(d.last), view{}
	d.mu.Unlock()
	err := d.agent.Process.Signal(at)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	// The contract gives an agent 5 s to stop.
	late := time.NewTimer(7 * time.Second)
	defer late.Stop()
	select {
	case <-d.ended:
	case <-late.C:
		err = errors.Join(err, fmt.Errorf("the agent of %s did not stop in 5 s", d.name),
			d.agent.Process.Kill())
		<-d.ended
	}
	if d.watch != nil {
		_ = d.watch.Process.Kill() // it has ended by itself, unless something is very wrong
	}
	d.seen.Wait()
	d.note(view{})
	return err
}

func (d *device) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.program, append([]string{"--home", d.home(), "--json"}, args...)...)
	cmd.SysProcAttr = apart()
	return cmd
}

// ask runs one command of the program and reads its answer into answer, unless that is
// nil.
func (d *device) ask(ctx context.Context, answer any, args ...string) error {
	cmd := d.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err == nil && answer != nil {
		err = json.Unmarshal(out.Bytes(), answer)
	}
	if err == nil {
		return nil
	}
	said := strings.TrimPrefix(strings.TrimSpace(errs.String()), "shoal: ")
	if said == "" {
		said = err.Error()
	}
	return fmt.Errorf("%s: shoal %s: %s", d.name, strings.Join(args, " "), said)
}

func (d *device) status(ctx context.Context) (view, error) {
	var v view
	if err := d.ask(ctx, &v, "status"); err != nil {
		return v, err
	}
	d.note(v)
	return v, nil
}

// lastLines returns the end of the agent's log.
func (d *device) lastLines(n int) []string {
	text, err := os.ReadFile(d.log())
	if err != nil {
		return []string{err.Error()}
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[max(0, len(lines)-n):]
}
