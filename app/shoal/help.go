package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// helpCommand stands in for cobra's own, which takes an unknown command for no mistake.
func helpCommand(root *cobra.Command) *cobra.Command {
	var man bool
	help := &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explains a command",
		RunE: func(help *cobra.Command, args []string) error {
			if man {
				if len(args) > 0 {
					return usagef("%q is too much: the manual page is of the whole program", args[0])
				}
				_, err := io.WriteString(help.OutOrStdout(), newManual(root).roff())
				return err
			}
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no command %q; see `shoal help`",
					"shoal "+strings.Join(args, " "))
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
	help.Flags().BoolVar(&man, "man", false, "print the manual page, to be read by man -l -")
	return help
}
