package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// answerGrace is how much longer than the time-out the agent may take to say what is
// missing.
const answerGrace = 5 * time.Second

func (s *session) waitCommand() *cobra.Command {
	var ask api.WaitRequest
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Returns when folders are verified equal",
		Long: "Returns when folders are verified equal on a device, or on all connected " +
			"members; while none is connected it waits.\n" +
			"When the time is over it exits with 4 and says what is missing and why.",
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--timeout %s: want a time of 0 (no limit) or more", limit)
			}
			return s.wait(cmd.Context(), ask, limit)
		},
	}
	cmd.Flags().StringVar(&ask.Folder, "folder", "", "id or name of the `FOLDER` (default: all)")
	cmd.Flags().StringVar(&ask.Device, "device", "",
		"id or name of the `DEVICE` (default: all connected members)")
	cmd.Flags().DurationVar(&limit, "timeout", time.Minute, "`TIME` to wait; 0 is for ever")
	return cmd
}

func (s *session) wait(ctx context.Context, ask api.WaitRequest, limit time.Duration) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if limit > 0 {
		// Rounded up: a limit below the unit of the request must not become "for ever".
		ask.TimeoutMillis = int64((limit-1)/time.Millisecond) + 1
		var cancel context.CancelFunc
		// Added up as times, the sum cannot overflow.
		ctx, cancel = context.WithDeadline(ctx, time.Now().Add(limit).Add(answerGrace))
		defer cancel()
	}
	var answer api.WaitAnswer
	err = s.during(ctx, ask.Folder, func() (err error) {
		answer, err = client.Wait(ctx, ask)
		return err
	})
	if err != nil {
		return err
	}
	if s.json {
		if err := s.document(answer); err != nil {
			return err
		}
	}
	if answer.Equal {
		return s.say("verified equal")
	}
	return api.Errorf(api.Timeout, "not equal after %s: %s", status.Duration(limit),
		strings.Join(answer.Missing, "; "))
}
