package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

func (s *session) heldCommand() *cobra.Command {
	return group("held", "Shows and answers what waits for your yes: many deletes at once, patterns that ignore a lot",
		s.heldList(),
		s.heldAnswer("approve", "Lets held deletes happen on all devices, or obeys held patterns",
			words.Mark("what was held of %s in %s goes on"), true),
		s.heldAnswer("reject", "Takes held deletes back: the files return from the other devices; writes the old patterns again",
			words.Mark("%s in %s stay: what is gone is fetched from the devices that have it"), false),
		s.heldGiveUp())
}

func (s *session) heldGiveUp() *cobra.Command {
	return &cobra.Command{
		Use:   "give-up FOLDER PATH",
		Short: "Does without a file's content that no connected device has",
		Long: "Ends the waiting for a content that no connected device has, on all devices. Where an older version of the " +
			"file is on this device, that one stays; otherwise the file is deleted. A device that is away may have the " +
			"content: when it returns, its file goes into its trash. PATH is the one that `shoal status` shows.",
		Args: takes("FOLDER", "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var done api.GivenUp
			raw, err := s.do(cmd, api.GiveUp{Folder: args[0], Path: args[1]}, &done)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			became := "is deleted: nobody had its content"
			if done.Kept > 0 {
				became = "is back to the version that was here: nobody had the newer one"
			}
			return s.lines([]string{fmt.Sprintf("%s in %s %s.", args[1], args[0], became)})
		},
	}
}

func (s *session) heldList() *cobra.Command {
	list := listCommand(s, "Lists what waits for your yes",
		func(folder string) api.Intent { return api.HeldList{Folder: folder} }, heldLines)
	list.Long = "Lists deletes that wait for your yes: so many files went within a minute that it " +
		"may have been a mistake. Of deletes made here no other device has been told; deletes made elsewhere are not obeyed here. Ignore patterns that would leave " +
		"more than 30 % of the folder alone wait too; until then the old ones are obeyed."
	return list
}

// heldShown is how many paths of a batch are shown; the rest is counted.
const heldShown = 5

func heldLines(held []api.Held) []string {
	if len(held) == 0 {
		return []string{"Nothing is held."}
	}
	var out []string
	for _, h := range held {
		state := ""
		switch {
		case h.Approved:
			state = ", approved: the last look goes on"
		case h.Lost:
			state = ", wanted back, but no connected device has them: connect one that has, or approve"
		}
		what := "deleted on " + status.Plain(h.DeviceName)
		if h.Kind == api.HeldPatterns {
			what = "ignored by new patterns"
		}
		out = append(out, fmt.Sprintf("%s  %s: %s (%s) %s, %s%s", h.ID, status.Plain(h.FolderName),
			status.Files(h.Files), status.Bytes(h.Bytes), what, moment(h.Since), state))
		for i, path := range h.Paths {
			if i == heldShown {
				break
			}
			out = append(out, "    "+status.Plain(path))
		}
		if more := h.Names - min(len(h.Paths), heldShown); more > 0 {
			out = append(out, fmt.Sprintf("    and %s more names", status.Count(int64(more))))
		}
	}
	return append(out, "", "shoal held approve FOLDER [ID]  lets it happen",
		"shoal held reject FOLDER [ID]   keeps the files: what is gone is fetched from the devices that have it")
}

func moment(m status.Moment) string {
	if m.IsZero() {
		return "at an unknown time"
	}
	return m.Time().Local().Format("2006-01-02 15:04:05")
}

func (s *session) heldAnswer(verb, short, done string, approve bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " FOLDER [ID]", Short: short,
		Long: short + ". Without ID, all of the folder's.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return fmt.Errorf("want FOLDER, and perhaps an ID of `shoal held list`; see `%s --help`", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			intent := api.HeldAnswer{Folder: args[0], ID: first(args[1:]), Approve: approve}
			var held []api.Held
			raw, err := s.do(cmd, intent, &held)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			var files int64
			for _, h := range held {
				files += h.Files
			}
			return s.say(done, s.words.Files(files), status.Plain(args[0]))
		},
	}
}
