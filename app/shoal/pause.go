package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) pauseCommand() *cobra.Command {
	var rest time.Duration
	cmd := &cobra.Command{
		Use:   "pause [FOLDER or DEVICE]",
		Short: "Stops transfers: all, of one folder, or with one device",
		Long: "Stops transfers: all, of one folder, or with one device.\n" +
			"Changes made here meanwhile are noticed, and sent when the pause is over. A pause " +
			"outlives a restart of the agent.",
		Args: takesOne("FOLDER or DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("for") && rest < time.Millisecond {
				return usagef("--for %s: want a time above 0, such as 1h or 30m", rest)
			}
			return s.rest(cmd, api.Pause{What: first(args), ForMillis: rest.Milliseconds()})
		},
	}
	cmd.Flags().DurationVar(&rest, "for", 0, "go on by itself after this `TIME`, such as 1h or 30m")
	return cmd
}

func (s *session) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resume [FOLDER or DEVICE]",
		Short: "Ends a pause, or every pause",
		Args:  takesOne("FOLDER or DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.rest(cmd, api.Resume{What: first(args)})
		},
	}
}

// rest carries out a pause or its end, and says what is paused now.
func (s *session) rest(cmd *cobra.Command, intent api.Intent) error {
	var now api.Pauses
	raw, err := s.do(cmd, intent, &now)
	if err != nil || s.json {
		return s.raw(raw, err)
	}
	if len(now.Paused) == 0 {
		return s.say("nothing is paused")
	}
	for _, p := range now.Paused {
		what := s.words.Say("everything is paused")
		switch {
		case !p.Folder.IsZero():
			what = s.words.Say("folder %s is paused", status.Plain(p.Name))
		case !p.Device.IsZero():
			what = s.words.Say("device %s is paused", status.Plain(p.Name))
		}
		if p.Reason != "" {
			what += ": " + status.Plain(p.Reason)
		}
		if !p.Until.IsZero() {
			what += " " + s.words.Say("until %s", p.Until.Time().Local().Format("2006-01-02 15:04:05"))
		}
		if err := s.say("%s", what); err != nil {
			return err
		}
	}
	return nil
}

// takesOne allows the named argument to be left out.
func takesOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%q is too much: %s takes one %s; quote names with spaces",
				args[1], cmd.CommandPath(), name)
		}
		return nil
	}
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
