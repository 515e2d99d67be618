package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/app/role"
)

// agentStarts bounds how long an agent may take until it answers. Opening a large index
// after a crash takes seconds.
const agentStarts = 30 * time.Second

// runWindow opens the window, once there is an agent that it can ask.
func (s *session) runWindow(ctx context.Context, page string) (err error) {
	if err := windowFits(); err != nil {
		return err
	}
	home, err := s.openHome()
	if err != nil {
		return err
	}
	own, err := role.Take(ctx, home, role.Window, page)
	if err != nil || own == nil {
		return err // the window that is open already has come to the front
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	if err := ensureAgent(ctx, home.Dir()); err != nil {
		return err
	}
	if platform.TrayMissing() == "" {
		if err := startTray(home.Dir()); err != nil {
			return err
		}
	}
	return openWindow(ctx, home, page, own.Asked())
}

// startTray starts the tray of a home, which ends at once when there is one. It outlives
// this program.
func startTray(home string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the tray: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(home, "tray.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start the tray: %w", err)
	}
	defer log.Close()
	tray := exec.Command(program, "--tray", "--home", home)
	tray.Stdout, tray.Stderr, tray.Dir = log, log, home
	onItsOwn(tray)
	if err := tray.Start(); err != nil {
		return fmt.Errorf("start the tray: %w", err)
	}
	go func() { _ = tray.Wait() }() // so that it leaves no zombie; it has a log of its own
	return nil
}

// ensureAgent starts an agent for a home when none runs there. It outlives this program;
// what it says before it has a log of its own goes to agent.log in its home.
func ensureAgent(ctx context.Context, home string) error {
	client := api.NewClient(home)
	defer client.Close()
	if _, err := client.Status(ctx); exitCode(err) != exitNoAgent {
		return err // nil when one runs
	}
	if _, err := config.OpenHome(home); err != nil { // makes the directory
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(home, "agent.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	defer log.Close()
	agent := exec.Command(program, "--nogui", "--home", home)
	agent.Stdout, agent.Stderr = log, log
	agent.Dir = home
	onItsOwn(agent)
	if err := agent.Start(); err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	ended := make(chan error, 1) // room for the one answer, so that nobody waits for it
	go func() { ended <- agent.Wait() }()
	limit := time.NewTimer(agentStarts)
	defer limit.Stop()
	for {
		if _, err := client.Status(ctx); exitCode(err) != exitNoAgent {
			return err
		}
		select {
		case <-ended:
			if _, err := client.Status(ctx); err == nil {
				return nil // another one was started meanwhile
			}
			return fmt.Errorf("the agent could not start; %s says why", log.Name())
		case <-limit.C:
			return api.Errorf(api.Timeout, "the agent does not answer; %s may say why", log.Name())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
