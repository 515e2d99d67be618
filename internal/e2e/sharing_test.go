//go:build unix

package e2e

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
)

// shared is the name of the folder that the agents of a test share.
const shared = "work"

// patience is how long is waited for what must come about. It is far more than that takes:
// the machine that tests may have other things to do. Who demands that something comes soon
// measures how long it took.
const patience = time.Minute

// eventually asks again and again until the answer is no error, or fails with the last
// one. It is the only place where these tests wait for time to pass.
func (a *agent) eventually(limit time.Duration, what string, ask func() error) {
	a.t.Helper()
	if err := poll(limit, ask); err != nil {
		a.t.Fatalf("%s: not within %v: %s: %v", a.name, limit, what, err)
	}
}

func poll(limit time.Duration, ask func() error) error {
	return pollEvery(30*time.Millisecond, limit, ask)
}

// pollEvery is poll for what takes seconds anyway: each question is a process of its own.
func pollEvery(pause, limit time.Duration, ask func() error) error {
	end := time.Now().Add(limit)
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		err := ask()
		if err == nil || time.Now().After(end) {
			return err
		}
		<-ticker.C
	}
}

// startAll runs agents, all at the same time.
func startAll(agents ...*agent) {
	var starting sync.WaitGroup
	for _, a := range agents {
		a.spawn()
	}
	for _, a := range agents {
		starting.Go(func() {
			err := poll(patience, func() error { _, err := a.tryStatus(); return err })
			if err != nil {
				a.t.Errorf("%s does not answer: %v\n%s", a.name, err, a.log)
			}
		})
	}
	starting.Wait()
}

// link makes two running agents trust each other.
func link(a, b *agent) {
	a.t.Helper()
	a.command("device", "add", b.id, "--name", b.name, "--address", "tcp://"+b.listen).done(a.t)
	b.command("device", "add", a.id, "--name", a.name, "--address", "tcp://"+a.listen).done(b.t)
}

// share makes two linked agents members of the shared folder.
func share(a, b *agent) {
	a.t.Helper()
	a.command("folder", "share", shared, b.name).done(a.t)
	b.command("folder", "share", shared, a.name).done(b.t)
}

// keep lets the first agent found the shared folder and the others join it.
func keep(first *agent, others ...*agent) {
	first.t.Helper()
	id := first.command("folder", "add", first.root, "--name", shared).done(first.t).text("id")
	for _, o := range others {
		o.command("folder", "add", o.root, "--name", shared, "--id", id).done(o.t)
	}
}

// pair returns two running agents that share a folder.
func pair(t *testing.T) (a, b *agent) {
	t.Helper()
	a, b = newAgent(t, "anna"), newAgent(t, "bert")
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	return a, b
}

// rescan makes agents look at their whole folder, and returns when they have.
func rescan(agents ...*agent) {
	var looking sync.WaitGroup
	for _, a := range agents {
		a.t.Helper()
		looking.Go(func() {
			if got := a.command("folder", "rescan", shared); got.code != 0 {
				a.t.Errorf("%s: exit %d: %s", got.command, got.code, got.errs)
			}
		})
	}
	looking.Wait()
}

// atOnce lets somebody change several things of which the agent sees all or none.
func (a *agent) atOnce(change func()) {
	a.t.Helper()
	a.signal(syscall.SIGSTOP)
	change()
	a.signal(syscall.SIGCONT)
}

// wait runs `shoal wait` for another agent.
func (a *agent) wait(other *agent) answer {
	a.t.Helper()
	return a.command("wait", "--folder", shared, "--device", other.id, "--timeout", patience.String())
}

// settle lets two agents look at their disks and come to rest, and demands that the trees
// are equal at that very moment: `wait` has said so.
func settle(a, b *agent) {
	a.t.Helper()
	rescan(a, b)
	a.wait(b).done(a.t)
	b.wait(a).done(b.t)
	equal(a, b)
}

// equal demands that the trees of agents are the same now.
func equal(a *agent, others ...*agent) {
	a.t.Helper()
	want := picture(a.t, a.root)
	for _, o := range others {
		if diff := want.differs(picture(o.t, o.root)); diff != "" {
			a.t.Errorf("%s and %s differ:\n%s", a.name, o.name, diff)
		}
	}
}

// connected waits until a device is linked to another one.
func (a *agent) connected(other *agent) {
	a.t.Helper()
	a.eventually(patience, "connected to "+other.name, func() error {
		if d := a.device(other); !d.Connected {
			return fmt.Errorf("not connected: %s", d.LastProblem)
		}
		return nil
	})
}

// traffic is how many bytes a device has got from another one, as its status says.
func (a *agent) traffic(from *agent) int64 {
	a.t.Helper()
	return int64(a.device(from).BytesIn)
}

// long leaves a test out of short runs: with the race detector it takes many times as long.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of short runs")
	}
}
