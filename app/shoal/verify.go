package main

import (
	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) folderVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FOLDER",
		Short: "Reads every file and compares it with what it should hold",
		Long: "Reads every file and compares it with what it should hold. A file that has changed although " +
			"nobody wrote to it was damaged by the disk: it is fetched again from the other devices, and " +
			"the damaged one goes to the trash. Exits with 1 when there was one, or one could not be read.",
		Args: takes("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var v api.Verified
			raw, err := s.do(cmd, api.FolderVerify{Folder: args[0]}, &v)
			if err == nil && s.json {
				err = s.document(raw)
			} else if err == nil {
				err = s.lines(verifyLines(v))
			}
			if err == nil && len(v.Damaged)+len(v.Unreadable) > 0 {
				err = api.Errorf(api.Failed, "damaged files: %d, unreadable: %d", len(v.Damaged), len(v.Unreadable))
			}
			return err
		},
	}
}

func verifyLines(v api.Verified) []string {
	out := []string{status.Files(v.Files) + " (" + status.Bytes(v.Bytes) + ") read"}
	for _, path := range v.Damaged {
		out = append(out, "    damaged, fetched again: "+status.Plain(path))
	}
	for _, path := range v.Unreadable {
		out = append(out, "    cannot be read: "+status.Plain(path))
	}
	if v.Changed > 0 {
		out = append(out, "    written to meanwhile, looked at anew: "+status.Files(v.Changed))
	}
	if len(v.Damaged)+len(v.Unreadable) == 0 {
		out = append(out, "every one holds what it should")
	}
	return out
}
