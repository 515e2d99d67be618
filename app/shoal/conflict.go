package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) conflictsCommand() *cobra.Command {
	return group("conflicts", "Shows and ends conflicts: files changed on two devices at once",
		s.conflictsList(), s.conflictsResolve())
}

func (s *session) conflictsList() *cobra.Command {
	return listCommand(s, "Lists files that were changed on two devices at once",
		func(folder string) api.Intent { return api.ConflictList{Folder: folder} }, conflictLines)
}

// listCommand lists what there is of a kind, in a folder or in all of them.
func listCommand[A any](
	s *session, short string, intent func(folder string) api.Intent, lines func(A) []string,
) *cobra.Command {
	return &cobra.Command{
		Use: "list [FOLDER]", Short: short, Args: takesOne("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var found A
			raw, err := s.do(cmd, intent(first(args)), &found)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.lines(lines(found))
		},
	}
}

func conflictLines(found []api.Conflict) []string {
	if len(found) == 0 {
		return []string{"There are no conflicts."}
	}
	whose := map[string]string{"path": "has the name", "copy": "is the copy", "both": "wrote both", "neither": "wrote neither"}
	var out []string
	for _, c := range found {
		size := "nothing has the name"
		if c.Size >= 0 {
			size = status.Bytes(c.Size)
		}
		by := c.Device
		if by == "" {
			by = "an unknown device"
		}
		out = append(out, fmt.Sprintf("%s: %s  (%s)", status.Plain(c.FolderName), status.Plain(c.Path), size),
			fmt.Sprintf("    %s  (%s, by %s, %s)", status.Plain(c.Copy), status.Bytes(c.CopySize), status.Plain(by), moment(c.Time)),
			"    this device's version: "+whose[c.Mine])
	}
	return append(out, "", "shoal conflicts resolve PATH --keep mine|theirs|both  ends one")
}

func (s *session) conflictsResolve() *cobra.Command {
	var folder, keep string
	cmd := &cobra.Command{
		Use:   "resolve PATH --keep mine|theirs|both",
		Short: "Says which version stays; the other goes to the trash",
		Long: "Says which version stays; the other goes to the trash. PATH is that of the file, or of one " +
			"of its copies. Mine is the version this device wrote; where it wrote neither or both, the one " +
			"that has the name. With both the copy becomes a file like any other." + pathHelp,
		Args: takes("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted := api.Keep(keep)
			if wanted != api.Mine && wanted != api.Theirs && wanted != api.Both {
				return usagef("--keep %q: want mine, theirs or both", keep)
			}
			at, err := where(folder, args[0])
			if err != nil {
				return err
			}
			var done []api.Resolved
			raw, err := s.do(cmd, api.ConflictResolve{Where: at, Keep: wanted}, &done)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			for _, d := range done {
				text := fmt.Sprintf("%s stays; the copy is in the trash", status.Plain(d.Path))
				switch d.Kept {
				case "copy":
					text = fmt.Sprintf("%s is now what was %s; the other is in the trash", status.Plain(d.Path), status.Plain(d.Copy))
				case "both":
					text = fmt.Sprintf("both stay; the copy is now %s", status.Plain(d.NewName))
				}
				if err := s.say("%s: %s", status.Plain(d.FolderName), text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "`WHICH` version stays: mine, theirs or both")
	cmd.Flags().StringVar(&folder, "folder", "", folderFlagHelp)
	return cmd
}

func (s *session) whyCommand() *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "why PATH",
		Short: "Says why a file is as it is: ignored, waiting, held, in conflict, or the same everywhere",
		Long: "Says why a file is as it is: ignored, waiting, held, in conflict, or the same everywhere. PATH is " +
			"relative to where you are, or as `shoal status` and lists show it.",
		Args: takes("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := where(folder, args[0])
			if err != nil {
				return err
			}
			var why api.Why
			raw, err := s.do(cmd, api.WhyAsk{Where: at}, &why)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			lines := make([]string, 0, len(why.Lines)+2)
			if why.FolderName != "" {
				lines = append(lines, fmt.Sprintf("%s in folder %s: %s", status.Plain(why.Path), status.Plain(why.FolderName), why.State))
			}
			for _, line := range why.Lines {
				lines = append(lines, "    "+status.Plain(line))
			}
			if !why.Since.IsZero() {
				lines = append(lines, "    since "+moment(why.Since))
			}
			if !why.NextTry.IsZero() {
				lines = append(lines, "    next try "+moment(why.NextTry))
			}
			return s.lines(lines)
		},
	}
	cmd.Flags().StringVar(&folder, "folder", "", folderFlagHelp)
	return cmd
}
