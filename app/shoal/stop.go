package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
)

// stopTimeout is twice what an agent has for stopping.
const stopTimeout = 10 * time.Second

func (s *session) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "Ends the agent; nothing is synced until it is started again",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			defer client.Close()
			home, err := s.openHome()
			if err != nil {
				return err
			}
			if err := stopAgent(cmd.Context(), home, client); err != nil {
				return err
			}
			if s.json {
				return s.document(api.Nothing{})
			}
			return s.say("the agent has stopped")
		},
	}
}

// stopAgent returns when the agent is gone.
func stopAgent(ctx context.Context, home *config.Home, client *api.Client) error {
	// It may be gone before its answer is read, which is what was asked for; that there is
	// none to begin with is another thing.
	if _, err := client.Status(ctx); err != nil {
		return err
	}
	if _, err := client.Do(ctx, api.Stop{}); err != nil && !noAgent(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	for {
		// It answers no more before it has let go of everything.
		lock, err := home.Lock()
		if !errors.Is(err, config.ErrHeld) {
			if err == nil {
				err = lock.Release()
			}
			return err
		}
		select {
		case <-ctx.Done():
			return api.Errorf(api.Timeout, "the agent is still stopping")
		case <-time.After(30 * time.Millisecond):
		}
	}
}
