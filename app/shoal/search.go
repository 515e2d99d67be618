package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) searchCommand() *cobra.Command {
	var ask api.Search
	cmd := &cobra.Command{
		Use:   "search WORDS...",
		Short: "Finds files by words in their names",
		Long: "Finds files, directories and links in all folders, here and on connected devices, by words " +
			"in their names, without regard to case and accents. One of the words has to be in the name, " +
			"the others there or in the path. `shoal fetch RESULT` brings one of them.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("say which WORDS to look for")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.Words = args
			var found []api.Match
			raw, err := s.do(cmd, ask, &found)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			limit := ask.Limit
			if limit == 0 {
				limit = api.SearchLimitUsual
			}
			return s.lines(matchLines(found, limit))
		},
	}
	cmd.Flags().StringVar(&ask.Folder, "folder", "", "look in this `FOLDER` only")
	cmd.Flags().IntVar(&ask.Limit, "limit", 0, "print at most `N` results (100)")
	cmd.Flags().BoolVar(&ask.Here, "here", false, "ask no other device")
	return cmd
}

func matchLines(found []api.Match, limit int) []string {
	if len(found) == 0 {
		return []string{"No name has these words."}
	}
	rows := [][]string{{"RESULT", "SIZE", "CHANGED", "ON"}}
	for _, m := range found {
		holders := make([]string, len(m.Devices))
		for i, d := range m.Devices {
			holders[i] = status.Plain(d.Name)
		}
		on, size := strings.Join(holders, ", "), m.Kind
		if on == "" {
			on = "no connected device"
		}
		if m.Kind == "file" {
			size = status.Bytes(m.Size)
		}
		rows = append(rows, []string{status.Plain(m.Result), size, moment(m.Modified), on})
	}
	lines := status.Table(rows)
	if len(found) >= limit {
		lines = append(lines, "There may be more: give more words, or a larger --limit.")
	}
	return lines
}

func (s *session) fetchCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "fetch RESULT",
		Short: "Brings a file that search found",
		Long: "Brings the file that RESULT of `shoal search` names, before all that is still to come. " +
			"It returns when the file is in its place in the folder, or, with --to, when a copy of it is " +
			"in that directory.",
		Args: takes("RESULT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask := api.Fetch{Result: args[0]}
			if to != "" {
				full, err := filepath.Abs(to)
				if err != nil {
					return err
				}
				ask.To = full
			}
			var here api.Fetched
			raw, err := s.do(cmd, ask, &here)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("%s (%s)", status.Plain(here.At), status.Bytes(here.Size))
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "put a copy into `DIR`")
	return cmd
}
