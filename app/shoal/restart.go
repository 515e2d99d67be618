package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/update"
)

const (
	// managerTime is what a service manager has to start an agent anew that failed. Ours
	// wait 5 s; a machine may be busy.
	managerTime = 20 * time.Second
	// askEvery is how often is looked whether an agent is there.
	askEvery = 100 * time.Millisecond
)

// ownProgram is the full path of this program as it was when it started: afterwards another
// one may have taken its place.
var ownProgram = func() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}()

func (u *updating) ask(ctx context.Context, intent api.Intent, into any) error {
	raw, err := u.client.Do(ctx, intent)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	return err
}

// running is the agent of this home, nil when there is none.
func (u *updating) running(ctx context.Context) (*api.Running, error) {
	var r api.Running
	err := u.ask(ctx, api.About{}, &r)
	if noAgent(err) {
		return nil, nil
	}
	return &r, err
}

// exchange puts the new program in place and watches, as the old one, whether the agent
// comes up with it. When it does not, all is as it was before.
func (u *updating) exchange(ctx context.Context, swap *update.Swap) error {
	running, err := u.running(ctx)
	if err != nil {
		return err
	}
	// The terminal may go away with the agent, if it leads through it.
	signal.Ignore(syscall.SIGHUP, os.Interrupt)
	defer signal.Reset(syscall.SIGHUP, os.Interrupt)
	if err := swap.Do(); err != nil {
		return fmt.Errorf("the program could not be replaced: %w", err)
	}
	switch {
	case running == nil:
		return nil
	case !swap.Replaces(running.Program):
		return u.say("the agent runs another program, %s, which was not replaced", running.Program)
	}
	failed := u.restart(ctx, *running, u.result.Version)
	if failed == nil {
		u.result.Restarted = true
		return nil
	}
	u.result.Installed = false
	if err := swap.Back(); err != nil {
		return errors.Join(fmt.Errorf("version %s does not come up: %w", u.result.Version, failed),
			fmt.Errorf("and the old program could not be put back: rename %s.old: %w", u.program, err))
	}
	if err := u.revive(ctx, *running); err != nil {
		return fmt.Errorf("version %s does not come up: %w; the old program is back, but its agent is not: %w",
			u.result.Version, failed, err)
	}
	return fmt.Errorf("version %s does not come up: %w; the old program is back and runs", u.result.Version, failed)
}

// restart has the agent start its program anew and waits until it answers, as the given
// version.
func (u *updating) restart(ctx context.Context, was api.Running, version string) error {
	if _, err := u.client.Do(ctx, api.Restart{}); err != nil && !noAgent(err) {
		return err
	}
	limit := time.After(agentStarts)
	for {
		// Whatever it says while it goes away and comes back is no answer.
		now, err := u.running(ctx)
		gone := err != nil || now == nil
		switch {
		case !gone && now.Version == version:
			return nil
		case !gone && now.Version != was.Version:
			return fmt.Errorf("the agent that came up is version %s", now.Version)
		case gone && !was.Managed && !alive(was.PID):
			return errors.New("its agent ended as soon as it was started")
		}
		select {
		case <-time.After(askEvery):
		case <-limit:
			return fmt.Errorf("its agent does not answer within %s", agentStarts)
		}
	}
}

// soon is the agent that answers within a time, nil if none does.
func (u *updating) soon(ctx context.Context, within time.Duration) (*api.Running, error) {
	limit := time.After(within)
	for {
		now, err := u.running(ctx)
		if err != nil || now != nil {
			return now, err
		}
		select {
		case <-time.After(askEvery):
		case <-limit:
			return nil, nil
		}
	}
}

// revive brings the old agent back: a service manager does it by itself, else it is started
// with the arguments it had.
func (u *updating) revive(ctx context.Context, was api.Running) error {
	if err := u.endStuck(); err != nil {
		return err
	}
	if was.Managed {
		if now, err := u.soon(ctx, managerTime); err != nil || now != nil {
			return err
		}
	}
	log, err := os.OpenFile(filepath.Join(u.home.Dir(), "agent.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	agent := exec.Command(was.Program, was.Args...)
	agent.Stdout, agent.Stderr = log, log
	agent.Env = append(os.Environ(), "SHOAL_HOME="+u.home.Dir())
	onItsOwn(agent)
	if err := agent.Start(); err != nil {
		return err
	}
	go func() { _ = agent.Wait() }() // so that it leaves no zombie; it has a log of its own
	if now, err := u.soon(ctx, agentStarts); err != nil || now == nil {
		return errors.Join(err, fmt.Errorf("it does not answer; %s may say why", log.Name()))
	}
	return nil
}

// endStuck ends a new agent that holds the home and does not answer. Its number need not be
// that of the old one, which another program may have by now.
func (u *updating) endStuck() error {
	lock, err := u.home.Lock()
	if err == nil {
		return lock.Release()
	}
	holder := config.Holder(err)
	if holder == 0 {
		return err
	}
	process, err := os.FindProcess(holder)
	if err != nil {
		return err
	}
	if err := process.Kill(); err != nil {
		return fmt.Errorf("end the agent that is stuck: %w", err)
	}
	for limit := time.After(stopTimeout); ; {
		if lock, err = u.home.Lock(); err == nil {
			return lock.Release()
		}
		select {
		case <-time.After(askEvery):
		case <-limit:
			return err
		}
	}
}
