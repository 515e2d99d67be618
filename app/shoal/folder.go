package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/ident"
)

func (s *session) folderCommand() *cobra.Command {
	return group("folder", "Keeps, shares and looks after folders",
		s.folderAdd(), s.folderAccept(), s.folderDecline(), s.folderList(), s.folderRemove(), s.folderRescan(), s.folderVerify(), s.folderShare(),
		s.folderUnshare(), s.folderRevert(), s.folderIgnore(), s.folderSet())
}

func (s *session) folderAdd() *cobra.Command {
	var name, id string
	cmd := &cobra.Command{
		Use:   "add PATH",
		Short: "Starts keeping a directory and prints the folder id",
		Args:  takes("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			intent := api.FolderAdd{Name: name}
			if cmd.Flags().Changed("name") {
				if err := config.CheckName(name); err != nil {
					return usagef("--name: %w", err)
				}
			}
			if id != "" {
				parsed, err := ident.ParseFolder(id)
				if err != nil {
					return usagef("--id: %w", err)
				}
				intent.ID = parsed
			}
			if args[0] == "" {
				return usagef("PATH is empty")
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("folder %s: %w", args[0], err)
			}
			intent.Path = path
			var folder api.Folder
			raw, err := s.do(cmd, intent, &folder)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.line(folder.ID.String())
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the folder (default: that of the directory)")
	cmd.Flags().StringVar(&id, "id", "", "join the existing folder with this `FOLDERID`")
	return cmd
}

func (s *session) folderList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists the folders kept here",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			view, err := s.view(cmd)
			if err != nil {
				return err
			}
			if s.json {
				return s.document(view.Folders)
			}
			return s.lines(status.FolderLines(s.words, view.Folders, now()))
		},
	}
}

func (s *session) folderRemove() *cobra.Command {
	return s.aboutFolder("remove", "Stops keeping a folder; its files stay",
		words.Mark("stopped keeping %s at %s; its files stay"),
		func(folder string) api.Intent { return api.FolderRemove{Folder: folder} })
}

func (s *session) folderRescan() *cobra.Command {
	return s.aboutFolder("rescan", "Looks at the whole folder on disk; returns when done",
		words.Mark("scanned %s at %s"),
		func(folder string) api.Intent { return api.FolderRescan{Folder: folder} })
}

// aboutFolder is a command that takes FOLDER and confirms with its name and path.
func (s *session) aboutFolder(
	verb, short, done string, intent func(folder string) api.Intent,
) *cobra.Command {
	return &cobra.Command{
		Use: verb + " FOLDER", Short: short, Args: takes("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var folder api.Folder
			var raw json.RawMessage
			err := s.during(cmd.Context(), args[0], func() (err error) {
				raw, err = s.do(cmd, intent(args[0]), &folder)
				return err
			})
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say(done, status.Plain(folder.Name), status.Plain(folder.Path))
		},
	}
}

func (s *session) folderShare() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "share FOLDER DEVICE",
		Short: "Makes a device a member of a folder",
		Long: "Makes a device a member of a folder, or changes its role. The device that " +
			"created the folder is its owner; owners say who shares it, and all members learn it. " +
			"A device that joins shares the folder of the same id back with one that has it.",
		Args: takes("FOLDER", "DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted := status.Role(role)
			if role != "" && !wanted.Valid() {
				return usagef("--role %q: want owner, writer or reader", role)
			}
			var share api.Share
			raw, err := s.do(cmd,
				api.FolderShare{Folder: args[0], Device: args[1], Role: wanted}, &share)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("sharing %s with %s as %s", status.Plain(args[0]),
				status.Plain(args[1]), share.Role)
		},
	}
	cmd.Flags().StringVar(&role, "role", "",
		"`ROLE` of the device: owner, writer or reader (default: what it may already, or writer); only owners say so")
	return cmd
}

func (s *session) folderUnshare() *cobra.Command {
	return &cobra.Command{
		Use:   "unshare FOLDER DEVICE",
		Short: "Ends a device's membership; files already there stay there",
		Args:  takes("FOLDER", "DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var share api.Share
			raw, err := s.do(cmd, api.FolderUnshare{Folder: args[0], Device: args[1]}, &share)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("no longer sharing %s with %s", status.Plain(args[0]),
				status.Plain(args[1]))
		},
	}
}

func (s *session) folderSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set FOLDER KEY VALUE",
		Short: "Changes a property of a folder",
		Long: "Changes a property of a folder:\n\n" +
			"  name    what the folder is called here\n" +
			"  path    where it lies, after you have moved it\n" +
			"  limits  how fast its content may travel, such as \"up: 2MB/s 08:00-18:00 Mon-Fri; " +
			"down: 5MB/s\", or unlimited\n" +
			"  brake   how many deletes within a minute wait for your yes: on (more than 100 files " +
			"and 30 %), off, a number of files such as 500, or a part such as 20%\n" +
			"  trash   what is kept of deleted files: on (30d 10%), off, or a time, a size or both, such as 14d 20GB\n" +
			"  traits  what else of files is carried, beside permissions and times: off, xattrs (extended " +
			"attributes), owners (by name; the agent must run as root), or all; each device decides for itself",
		Args: takes("FOLDER", "KEY", "VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			intent := api.FolderSet{Folder: args[0], Key: args[1], Value: args[2]}
			if intent.Key == "path" && intent.Value != "" {
				path, err := filepath.Abs(intent.Value)
				if err != nil {
					return fmt.Errorf("path %s: %w", intent.Value, err)
				}
				intent.Value = path
			}
			var folder api.Folder
			raw, err := s.do(cmd, intent, &folder)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("%s of %s is now %s", intent.Key, status.Plain(folder.Name),
				status.Plain(intent.Value))
		},
	}
}

func (s *session) folderRevert() *cobra.Command {
	return &cobra.Command{
		Use:   "revert FOLDER",
		Short: "Puts the members' version back where this device, a reader, changed something",
		Long: "On a device that may only read a folder, what is changed stays on this device. " +
			"This puts the members' version back everywhere; what was changed rests in the trash.",
		Args: takes("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var revert api.Revert
			raw, err := s.do(cmd, api.FolderRevert{Folder: args[0]}, &revert)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("putting back changes in %[2]s: %[1]s", s.words.Count(int64(revert.Changes)),
				status.Plain(args[0]))
		},
	}
}

// do asks the agent to carry out an intent. The result comes as the agent wrote it, for
// programs, and read into result.
func (s *session) do(
	cmd *cobra.Command, intent api.Intent, result any,
) (json.RawMessage, error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	raw, err := client.Do(cmd.Context(), intent)
	if err != nil {
		return nil, err
	}
	return raw, unmarshalAnswer(raw, result)
}

func unmarshalAnswer(raw json.RawMessage, result any) error {
	if err := json.Unmarshal(raw, result); err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	return nil
}

// raw prints the agent's own answer unless there is an error to report.
func (s *session) raw(answer json.RawMessage, err error) error {
	if err != nil {
		return err
	}
	return s.document(answer)
}

func (s *session) view(cmd *cobra.Command) (status.View, error) {
	client, err := s.client()
	if err != nil {
		return status.View{}, err
	}
	defer client.Close()
	return client.Status(cmd.Context())
}
