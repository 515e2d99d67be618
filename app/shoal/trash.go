package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) trashCommand() *cobra.Command {
	return group("trash", "Shows and brings back deleted and replaced files",
		s.trashList(), s.trashRestore(), s.trashEmpty())
}

func (s *session) trashList() *cobra.Command {
	return listCommand(s, "Lists what the trash holds, here and on connected members",
		func(folder string) api.Intent { return api.TrashList{Folder: folder} }, trashLines)
}

func trashLines(held []api.Trashed) []string {
	if len(held) == 0 {
		return []string{"The trash is empty, here and on the connected members."}
	}
	rows := [][]string{{"VERSION", "TAKEN", "WHY", "SIZE", "HELD BY", "FOLDER", "PATH"}}
	for _, t := range held {
		why := t.Why
		if t.ByName != "" {
			why += " by " + t.ByName
		}
		rows = append(rows, []string{t.Version, moment(t.Taken), status.Plain(why), status.Bytes(t.Size),
			status.Plain(t.HolderName), status.Plain(t.FolderName), status.Plain(t.Path)})
	}
	return status.Table(rows)
}

// where reads PATH as people give it: relative to where they are, as a list showed it, or
// relative to the folder that --folder names.
func where(folder, path string) (api.Where, error) {
	if path == "" {
		return api.Where{}, usagef("PATH is empty")
	}
	at := api.Where{Folder: folder, Path: path}
	if folder == "" {
		full, err := filepath.Abs(path)
		if err != nil {
			return api.Where{}, fmt.Errorf("path %s: %w", path, err)
		}
		if at.Path = full; !filepath.IsAbs(path) {
			at.Listed = filepath.ToSlash(filepath.Clean(path))
		}
	}
	at.Path = strings.TrimSuffix(at.Path, string(filepath.Separator))
	return at, nil
}

const folderFlagHelp = "PATH is relative to this `FOLDER`"

// pathHelp says how PATH may be given to what takes the paths that lists show.
const pathHelp = " PATH is relative to where you are, or as the list shows it."

func (s *session) trashRestore() *cobra.Command {
	var folder, version string
	cmd := &cobra.Command{
		Use:   "restore PATH",
		Short: "Brings a deleted or replaced file back",
		Long: "Brings the newest version that the trash holds of PATH back, from this device or from " +
			"a connected member. What has its place now goes to the trash. A directory's path brings " +
			"back every file that was deleted in it." + pathHelp,
		Args: takes("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := where(folder, args[0])
			if err != nil {
				return err
			}
			var back []api.Restored
			raw, err := s.do(cmd, api.TrashRestore{Where: at, Version: version}, &back)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			if len(back) == 0 {
				return s.say("every file that was deleted in %s is there again", status.Plain(args[0]))
			}
			for _, r := range back {
				text := fmt.Sprintf("%s: restored %s (%s) from %s", status.Plain(r.FolderName), status.Plain(r.Path),
					status.Bytes(r.Size), status.Plain(r.FromName))
				if r.Replaced {
					text += "; the file that was there is in the trash"
				}
				if err := s.say("%s", text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "the `VERSION` of `shoal trash list`, or its beginning")
	cmd.Flags().StringVar(&folder, "folder", "", folderFlagHelp)
	return cmd
}

func (s *session) trashEmpty() *cobra.Command {
	return &cobra.Command{
		Use:   "empty [FOLDER]",
		Short: "Drops what the trash holds on this device",
		Args:  takesOne("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var gone api.Emptied
			raw, err := s.do(cmd, api.TrashEmpty{Folder: first(args)}, &gone)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("dropped %s (%s)", s.words.Files(gone.Files), s.words.Bytes(gone.Bytes))
		},
	}
}
