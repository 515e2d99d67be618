package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// completeTimeout is how long a person who pressed the tab key waits for names.
const completeTimeout = time.Second

// completeNames lets shells complete names of folders, devices and settings wherever the
// usage of a command says that one stands.
func (s *session) completeNames(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		s.completeNames(sub)
	}
	kinds := argumentKinds(cmd.Use)
	if len(kinds) > 0 && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = func(
			cmd *cobra.Command, args []string, _ string,
		) ([]string, cobra.ShellCompDirective) {
			if len(args) >= len(kinds) {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return s.names(cmd, kinds[len(args)])
		}
	}
	for flag, kind := range map[string]string{"folder": "FOLDER", "device": "DEVICE"} {
		if cmd.LocalNonPersistentFlags().Lookup(flag) == nil {
			continue
		}
		complete := func(
			cmd *cobra.Command, _ []string, _ string,
		) ([]string, cobra.ShellCompDirective) {
			return s.names(cmd, kind)
		}
		if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
			panic("bug: a flag is completed twice: " + err.Error())
		}
	}
}

// argumentKinds returns the words in capitals of a usage, one for each argument; an
// argument that may be one of several kinds is one, with their words.
func argumentKinds(use string) []string {
	_, rest, _ := strings.Cut(use, " ")
	rest = strings.ReplaceAll(rest, " or ", "|")
	var kinds []string
	for word := range strings.FieldsSeq(rest) {
		kinds = append(kinds, strings.Trim(word, "[]."))
	}
	return kinds
}

// names returns what may stand for an argument. Where it is neither a folder nor a device
// nor a setting, the shell completes paths, if that is what it is.
func (s *session) names(cmd *cobra.Command, kind string) ([]string, cobra.ShellCompDirective) {
	if kind == "PATH" || kind == "DIR" {
		return nil, cobra.ShellCompDirectiveDefault
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	cmd.SetContext(ctx)
	var out []string
	for one := range strings.SplitSeq(kind, "|") {
		switch one {
		case "FOLDER":
			for _, f := range s.viewOrNothing(ctx).Folders {
				out = append(out, cobra.CompletionWithDesc(f.Name, f.State.Words(words.Book{})+" at "+f.Path))
			}
		case "DEVICE":
			for _, d := range s.viewOrNothing(ctx).Devices {
				out = append(out, cobra.CompletionWithDesc(d.Name, d.ID.Short()))
			}
		case "KEY":
			if cmd.Parent().Name() != "config" {
				continue
			}
			all, err := s.settings(cmd)
			if err != nil {
				continue // completing is no place for errors
			}
			for _, one := range all {
				out = append(out, cobra.CompletionWithDesc(one.Key, one.Says))
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// viewOrNothing asks the agent, and takes silence for nothing to complete.
func (s *session) viewOrNothing(ctx context.Context) (v status.View) {
	home, err := s.home()
	if err != nil {
		return v
	}
	client := api.NewClient(home)
	defer client.Close()
	if v, err = client.Status(ctx); err != nil {
		return status.View{}
	}
	return v
}
