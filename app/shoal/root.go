package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/app/words"
)

// session is one run of the program: where it writes, and the flags every command has.
type session struct {
	out, errs io.Writer
	homeFlag  string
	// words are English unless a person reads at a terminal.
	words   words.Book
	json    bool
	quiet   bool
	verbose bool
	// begun is set once the command line has been read without mistakes.
	begun bool
}

func (s *session) root() *cobra.Command {
	var agent agentFlags
	root := &cobra.Command{
		Use:   "shoal",
		Short: "Keeps folders the same on all your devices",
		Long: "Keeps folders the same on all your devices.\n\n" +
			"`shoal` alone opens the window, and starts the agent when none runs. `shoal --nogui` " +
			"runs the agent in the foreground; every other command asks a running agent.\nExit codes: 0 done, 1 failed, 2 wrong usage, " +
			"3 no agent running, 4 time-out.",
		Args:                  noCommand("shoal"),
		SilenceErrors:         true,
		SilenceUsage:          true,
		DisableSuggestions:    true,
		DisableFlagsInUseLine: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			s.begun = true
			if s.quiet && s.verbose {
				return usagef("--quiet and --verbose exclude each other")
			}
			s.words = s.book()
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return s.runRole(cmd.Context(), agent) },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&s.homeFlag, "home", "",
		"`DIR` where all state lives (or the environment variable SHOAL_HOME)")
	flags.BoolVar(&s.json, "json", false, "print JSON for programs")
	flags.BoolVar(&s.quiet, "quiet", false,
		"say less; of a status only what is not as it should be")
	flags.BoolVar(&s.verbose, "verbose", false,
		"say more; of a status every problem, of an agent every step")
	agent.define(root)

	root.SetFlagErrorFunc(flagMistake)
	// Started by a double click on Windows, cobra would otherwise refuse to run.
	cobra.MousetrapHelpText = ""
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(
		s.idCommand(),
		s.statusCommand(),
		s.folderCommand(),
		s.deviceCommand(),
		s.linkCommand(),
		s.pauseCommand(),
		s.resumeCommand(),
		s.waitCommand(),
		s.transfersCommand(),
		s.eventsCommand(),
		s.heldCommand(),
		s.trashCommand(),
		s.searchCommand(),
		s.fetchCommand(),
		s.conflictsCommand(),
		s.whyCommand(),
		s.swarmCommand(),
		s.configCommand(),
		s.logsCommand(),
		s.doctorCommand(),
		s.sendCommand(),
		s.receiveCommand(),
		s.rendezvousCommand(),
		s.stopCommand(),
		s.webCommand(),
		s.versionCommand(), s.updateCommand(),
	)
	refuseUnknownShells(root)
	s.completeNames(root)
	return root
}

// runRole runs the program as what was asked for: agent, tray or window.
func (s *session) runRole(ctx context.Context, agent agentFlags) error {
	switch {
	case agent.nogui && agent.tray:
		return usagef("--nogui and --tray exclude each other")
	case agent.record != "" && !agent.nogui:
		return usagef("--record is for an agent in the foreground: give --nogui, too")
	case agent.nogui:
		return s.runAgent(ctx, agent)
	}
	if handed, err := handToWindow(); handed {
		return err
	}
	if agent.tray {
		return s.runTray(ctx)
	}
	return s.runWindow(ctx, agent.page)
}

// refuseUnknownShells makes the completion command of cobra a group like ours: it would
// answer an unknown shell with its help text and success.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			model := group("completion", "")
			cmd.Args, cmd.RunE = model.Args, model.RunE
			cmd.Short = "Prints scripts that make shells complete names"
			for _, shell := range cmd.Commands() {
				shell.Short = "Prints a script that makes " + shell.Name() + " complete names"
			}
		}
	}
}

// noCommand refuses arguments where only the name of a command could stand.
func noCommand(of string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("there is no command %q; see `%s --help`",
				of+" "+args[0], of)
		}
		return nil
	}
}

// group is a command that only holds others.
func group(name, short string, members ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: name, Short: short, Args: noCommand("shoal " + name),
		RunE: func(*cobra.Command, []string) error {
			return usagef("say what to do: see `shoal %s --help`", name)
		},
	}
	cmd.AddCommand(members...)
	return cmd
}

// takes demands exactly the named arguments.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s is missing; see `%s --help`",
				names[len(args)], cmd.CommandPath())
		case len(args) > len(names):
			return fmt.Errorf("%q is too much; see `%s --help`",
				args[len(names)], cmd.CommandPath())
		}
		return nil
	}
}

// home returns the absolute path of the home this run works in.
func (s *session) home() (string, error) {
	dir := s.homeFlag
	if dir == "" {
		dir = os.Getenv("SHOAL_HOME")
	}
	if dir == "" {
		return config.DefaultHome()
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("home %s: %w", dir, err)
	}
	return abs, nil
}

// book returns the words to speak with. Who does not read at a terminal is a program, which
// gets the same English words everywhere; a settings file that cannot be read is complained
// about by the command that needs it.
func (s *session) book() words.Book {
	file, ok := s.out.(*os.File)
	if !ok || s.json {
		return words.Book{}
	}
	if _, _, terminal := screenSize(file); !terminal {
		return words.Book{}
	}
	home, err := s.home()
	if err != nil {
		return words.Book{}
	}
	settings, err := config.ReadSettings(home)
	if err != nil {
		return words.Book{}
	}
	return settings.Book(platform.Languages())
}

func (s *session) client() (*api.Client, error) {
	home, err := s.home()
	if err != nil {
		return nil, err
	}
	return api.NewClient(home), nil
}

// say prints a confirmation to people who did not ask for quiet.
func (s *session) say(format string, args ...any) error {
	if s.quiet || s.json {
		return nil
	}
	return s.line(s.words.Say(format, args...))
}

func (s *session) line(text string) error {
	if _, err := fmt.Fprintln(s.out, text); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// document prints a value as one line of JSON.
func (s *session) document(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return s.line(string(text))
}
