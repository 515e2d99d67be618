package main

import (
	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) eventsCommand() *cobra.Command {
	var since uint64
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Prints what happens as numbered JSON lines",
		Long: "Prints the events the agent remembers, then those that come, one JSON line " +
			"each.\nEvents are numbered: with --since, a listener that comes back gets " +
			"only what it missed.",
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			defer client.Close()
			err = client.Events(cmd.Context(), since,
				func(e status.Event) error { return s.document(e) })
			return untilStopped(cmd.Context(), err)
		},
	}
	cmd.Flags().Uint64Var(&since, "since", 0, "begin after the event of number `N`")
	return cmd
}
