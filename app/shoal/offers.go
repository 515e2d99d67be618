package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) folderAccept() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "accept FOLDER",
		Short: "Begins to keep a folder that a linked device offers; see `shoal status`",
		Long: "Begins to keep a folder that a linked device shares with this one. FOLDER is its id, or its name " +
			"as `shoal status` shows it. Without --to it goes into a new directory in your home.",
		Args: takes("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			intent := api.FolderAccept{Folder: args[0]}
			if to != "" {
				var err error
				if intent.Path, err = filepath.Abs(to); err != nil {
					return fmt.Errorf("--to %s: %w", to, err)
				}
			}
			var folder api.Folder
			raw, err := s.do(cmd, intent, &folder)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("keeping %s at %s", status.Plain(folder.Name), status.Plain(folder.Path))
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`PATH` where it goes")
	return cmd
}

func (s *session) folderDecline() *cobra.Command {
	return &cobra.Command{
		Use:   "decline FOLDER",
		Short: "Asks no more about a folder that a linked device offers",
		Args:  takes("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var folder api.Folder
			raw, err := s.do(cmd, api.FolderDecline{Folder: args[0]}, &folder)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("%s is not asked about any more; `shoal folder accept` still takes it", status.Plain(folder.Name))
		},
	}
}
