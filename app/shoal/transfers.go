package main

import (
	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) transfersCommand() *cobra.Command {
	var span string
	cmd := &cobra.Command{
		Use:   "transfers [FOLDER]",
		Short: "Lists what is still to come, or how fast content has travelled",
		Long: "Lists the files that are still to come to this device.\n" +
			"With --speed hour or --speed day it prints rates instead: seconds before now, bytes per second in " +
			"and out, oldest first, and the highest rates of any second.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%q is too much; see `%s --help`", args[1], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if span != "" {
				return s.speeds(cmd, api.Span(span))
			}
			var intent api.TransferList
			if len(args) == 1 {
				intent.Folder = args[0]
			}
			var found api.Transfers
			raw, err := s.do(cmd, intent, &found)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			rows := [][]string{}
			for _, t := range found.Queue {
				rows = append(rows, []string{s.words.Bytes(t.Size), status.Plain(t.FolderName), status.Plain(t.Path)})
			}
			if err := s.lines(status.Table(rows)); err != nil {
				return err
			}
			return s.say("%s to come, %s", s.words.Files(found.Files), s.words.Bytes(found.Bytes))
		},
	}
	cmd.Flags().StringVar(&span, "speed", "", "rates of the last `SPAN`: hour or day")
	return cmd
}

func (s *session) speeds(cmd *cobra.Command, span api.Span) error {
	var found api.Speeds
	raw, err := s.do(cmd, api.SpeedList{Span: span}, &found)
	if err != nil || s.json {
		return s.raw(raw, err)
	}
	rows := [][]string{{"BEFORE", "IN", "OUT"}}
	for i := range found.In {
		ago := (len(found.In) - 1 - i) * found.StepSeconds
		rows = append(rows, []string{s.words.Count(int64(ago)) + " s", s.words.Rate(found.In[i]), s.words.Rate(found.Out[i])})
	}
	if err := s.lines(status.Table(rows)); err != nil {
		return err
	}
	return s.say("highest: %s in, %s out", s.words.Rate(found.PeakIn), s.words.Rate(found.PeakOut))
}
