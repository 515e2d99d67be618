package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/logbook"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) logsCommand() *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Prints what the agent logged",
		Long: "Prints the latest lines of the agent's log; with --follow, those that come too.\n" +
			"Where no agent runs, the end of the log file is printed, if the setting log_file names one.",
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if lines < 0 {
				return usagef("--lines %d: want 0 or more", lines)
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			defer client.Close()
			latest, err := client.Logs(cmd.Context())
			switch {
			case noAgent(err) && !follow:
				return s.loggedToFile(lines, err)
			case err != nil:
				return err
			}
			var last uint64
			if n := len(latest); n > 0 {
				last = latest[n-1].Seq
			}
			for _, line := range latest[max(0, len(latest)-lines):] {
				if err := s.logLine(line); err != nil {
					return err
				}
			}
			if !follow {
				return nil
			}
			err = client.FollowLogs(cmd.Context(), last, s.logLine)
			return untilStopped(cmd.Context(), err)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "keep printing what comes")
	cmd.Flags().IntVarP(&lines, "lines", "n", 200, "`N` lines to begin with")
	return cmd
}

func (s *session) logLine(line status.LogLine) error {
	if s.json {
		return s.document(line)
	}
	return s.line(status.Plain(line.Text))
}

// loggedToFile prints the end of the log file of an agent that does not run.
func (s *session) loggedToFile(lines int, noAgent error) error {
	home, err := s.openHome()
	if err != nil {
		return err
	}
	settings, err := home.Settings()
	if err != nil {
		return err
	}
	if settings.LogFile == "stderr" {
		return fmt.Errorf("%w; what an earlier one logged is where its standard error went", noAgent)
	}
	tail, err := logbook.Tail(settings.LogFile, lines)
	if err != nil {
		return err
	}
	for i, text := range tail {
		if err := s.logLine(status.LogLine{Seq: uint64(i + 1), Text: text}); err != nil {
			return err
		}
	}
	return nil
}
