//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

// listener is a running `shoal events`.
type listener struct {
	mu    sync.Mutex
	all   []status.Event
	stop  func()
	ended chan struct{} // closed when all that was said has been heard
}

func (a *agent) listenTo(since uint64) *listener {
	a.t.Helper()
	run := exec.Command(program, "--home", a.home, "--json", "events", "--since", strconv.FormatUint(since, 10))
	out, err := run.StdoutPipe()
	must(a.t, err)
	must(a.t, run.Start())
	l := &listener{ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var e status.Event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				a.t.Errorf("event %q: %v", lines.Text(), err)
			}
			l.mu.Lock()
			l.all = append(l.all, e)
			l.mu.Unlock()
		}
	}()
	var once sync.Once
	l.stop = func() {
		once.Do(func() {
			_ = run.Process.Kill() // it may have ended with its agent
			<-l.ended
			_ = run.Wait()
		})
	}
	a.t.Cleanup(l.stop)
	return l
}

func (l *listener) events() []status.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]status.Event(nil), l.all...)
}

// heard reports whether there was an event of the kind whose text holds the words.
func (l *listener) heard(kind status.Kind, words string) error {
	for _, e := range l.events() {
		if e.Kind == kind && strings.Contains(e.Path+" "+e.Detail, words) {
			return nil
		}
	}
	return fmt.Errorf("no %s with %q among %d events", kind, words, len(l.events()))
}

func TestEvents(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	onA, onB := a.listenTo(0), b.listenTo(0)
	a.put("dir/file", "1")
	settle(a, b)
	b.put("dir/file", "2")
	settle(a, b)
	a.remove("dir/file")
	a.put("both", "in the beginning")
	settle(a, b)
	apart(a, b, func() { a.put("both", "anna") }, func() { b.put("both", "bert") })
	// apart restarted both: their numbers begin anew and higher, the streams ended.
	for _, l := range []*listener{onA, onB} {
		<-l.ended
	}
	for what, err := range map[string]error{
		"new here": onA.heard(status.LocalChange, "dir/file new"), "link": onA.heard(status.LinkUp, "127.0.0.1"),
		"changed there": onA.heard(status.RemoteChange, "dir/file"), "gone here": onA.heard(status.LocalChange, "dir/file deleted"),
		"started": onB.heard(status.ItemStarted, "file"), "finished": onB.heard(status.ItemFinished, "dir/file"),
		"gone there": onB.heard(status.RemoteChange, "dir/file deleted"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, l := range []*listener{onA, onB} {
		for i, e := range l.events() {
			if e.Seq != l.events()[0].Seq+uint64(i) || e.Time.IsZero() {
				t.Errorf("event %d has number %d and time %v", i+1, e.Seq, e.Time)
			}
		}
	}

	all := a.listenTo(0)
	a.eventually(patience, "the remembered events come", func() error {
		if err := all.heard(status.LinkUp, ""); err != nil {
			return err
		}
		return errors.Join(all.heard(status.Conflict, "both"), all.heard(status.RemoteChange, "both"))
	})
	before := all.events()
	half := before[len(before)/2].Seq
	rest := a.listenTo(half)
	a.put("one more", "x")
	a.eventually(patience, "both listeners hear what comes", func() error {
		return errors.Join(all.heard(status.LocalChange, "one more"), rest.heard(status.LocalChange, "one more"))
	})
	first := rest.events()[0]
	if first.Seq != half+1 {
		t.Errorf("events since %d begin with %d", half, first.Seq)
	}
	if e := before[len(before)/2+1]; e.Path != first.Path || e.Time != first.Time {
		t.Errorf("replayed was %+v, before it was %+v", first, e)
	}
}

func TestWaitSaysWhy(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	startAll(a, b)
	short := []string{"wait", "--timeout", "200ms"}
	a.command(short...).failed(t, 4, "no folder is kept")
	keep(a, b)
	a.command(short...).failed(t, 4, shared, "no member is connected")
	a.command("wait", "--folder", "nothing").failed(t, 1, "nothing")
	a.command("wait", "--device", "nobody").failed(t, 1, "nobody")
	a.command("wait", "--timeout", "-1s").failed(t, 2)
	link(a, b)
	a.command("folder", "share", shared, "bert").done(t)
	a.connected(b)
	a.eventually(patience, "the reason is that bert does not share", func() error {
		got := a.command(short...)
		if got.code != 4 || !strings.Contains(got.errs, "bert has not taken this folder") {
			return fmt.Errorf("exit %d: %s", got.code, got.errs)
		}
		return nil
	})
	answer := a.command(short...)
	var missing struct {
		Equal   bool
		Missing []string
	}
	answer.into(t, &missing)
	if missing.Equal || len(missing.Missing) == 0 {
		t.Errorf("the answer is %s", answer.out)
	}
	b.command("folder", "share", shared, "anna").done(t)
	if got := a.command("wait").done(t); !strings.Contains(string(got.out), `"equal":true`) {
		t.Errorf("the answer is %s", got.out)
	}
	b.stop()
	a.eventually(patience, "nobody is connected any more", func() error {
		if got := a.command(short...); got.code != 4 || !strings.Contains(got.errs, "no member is connected") {
			return fmt.Errorf("exit %d: %s", got.code, got.errs)
		}
		return nil
	})
	if f := a.folder(); f.State != "waiting" || f.LastEqual == nil {
		t.Errorf("state %s, last equal %+v", f.State, f.LastEqual)
	}
}
