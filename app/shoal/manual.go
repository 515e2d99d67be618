package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shoal-sync/shoal/app/config"
)

// manual is the whole command line in the order in which it is read: what the manual page
// and docs/cli.md are made of, so that both say what the program does.
type manual struct {
	about    string
	commands []page
	global   []flagText
	agent    []flagText
}

// page is one command.
type page struct {
	line  string // as it is typed
	short string
	long  string // what there is to say beyond short
	flags []flagText
}

type flagText struct{ flag, says string }

func newManual(root *cobra.Command) manual {
	root.InitDefaultHelpCmd()
	m := manual{
		about: root.Long, global: flagTexts(root.PersistentFlags()),
		agent: flagTexts(root.LocalNonPersistentFlags()),
	}
	m.collect(root)
	return m
}

func (m *manual) collect(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() && sub.Name() != "help" {
			continue
		}
		if sub.HasSubCommands() {
			m.collect(sub)
			if !sub.HasLocalFlags() { // it only holds others
				continue
			}
		}
		line := cmd.CommandPath() + " " + sub.Use
		p := page{line: line, short: sub.Short, flags: flagTexts(sub.LocalNonPersistentFlags())}
		if cmd.Name() != "completion" { // what cobra says of scripts is for a screen
			p.long = strings.TrimSpace(sub.Long)
			if more, ok := strings.CutPrefix(p.long, sub.Short+"."); ok { // said already
				p.long = strings.TrimSpace(more)
			}
		}
		m.commands = append(m.commands, p)
	}
}

func flagTexts(flags *pflag.FlagSet) (out []flagText) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, says := pflag.UnquoteUsage(f)
		text := "--" + f.Name
		if f.Shorthand != "" {
			text = "-" + f.Shorthand + ", " + text
		}
		if kind != "" {
			if kind == strings.ToLower(kind) { // a type of Go, not a word of ours
				kind = strings.ToUpper(kind)
			}
			text += " " + kind
		}
		if f.DefValue != "" && !slices.Contains([]string{"false", "[]", "0", "0s"}, f.DefValue) {
			says += " (default " + f.DefValue + ")"
		}
		out = append(out, flagText{text, says})
	})
	return out
}

// markdown draws the manual as docs/cli.md.
func (m manual) markdown() string {
	var b strings.Builder
	b.WriteString("# The command line\n\nMade from the program by `go test ./app/shoal -update`; `shoal help COMMAND` " +
		"says the same.\n\n" + paragraphs(m.about) + "\n\n")
	b.WriteString("## Commands\n\n| command | does |\n|---|---|\n")
	for _, p := range m.commands {
		fmt.Fprintf(&b, "| `%s` | %s |\n", cell(p.line), cell(p.short))
	}
	flags := func(title string, list []flagText) {
		b.WriteString("\n## " + title + "\n\n| flag | means |\n|---|---|\n")
		for _, f := range list {
			fmt.Fprintf(&b, "| `%s` | %s |\n", cell(f.flag), cell(f.says))
		}
	}
	flags("Flags of every command", m.global)
	flags("Flags of the agent", m.agent)
	b.WriteString("\n## More about commands\n")
	for _, p := range m.commands {
		if p.long == "" && len(p.flags) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n", p.line)
		if p.long != "" {
			b.WriteString(paragraphs(p.long) + "\n")
		}
		if len(p.flags) > 0 {
			if p.long != "" {
				b.WriteString("\n")
			}
			b.WriteString("| flag | means |\n|---|---|\n")
			for _, f := range p.flags {
				fmt.Fprintf(&b, "| `%s` | %s |\n", cell(f.flag), cell(f.says))
			}
		}
	}
	b.WriteString("\n## Settings\n\nIn `config.conf`, and by `shoal config`.\n\n| setting | default | means |\n|---|---|---|\n")
	for _, s := range config.Documented() {
		after := ""
		if s.Restart {
			after = "; after a restart"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s%s |\n", s.Key, cell(s.Default), cell(s.Says), after)
	}
	return b.String()
}

// paragraphs keeps lines that are set apart as they are, and lets others end.
func paragraphs(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "  ") {
			line = "    " + strings.TrimSpace(line)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// roff draws the manual as a manual page, in the macros of man(7).
func (m manual) roff() string {
	var b strings.Builder
	macro := func(name, text string) { b.WriteString("." + name + " " + rough(text) + "\n") }
	say := func(text string) {
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(line, "  ") {
				b.WriteString(".br\n")
			}
			if line = strings.TrimSpace(line); line == "" {
				b.WriteString(".PP\n")
			} else {
				b.WriteString(`\&` + rough(line) + "\n")
			}
		}
	}
	flags := func(list []flagText) {
		for _, f := range list {
			b.WriteString(".TP\n.B " + rough(f.flag) + "\n")
			say(f.says)
		}
	}
	b.WriteString(".TH SHOAL 1 \"\" \"shoal\" \"User Commands\"\n")
	macro("SH", "NAME")
	b.WriteString("shoal \\- keeps folders the same on all your devices\n")
	macro("SH", "SYNOPSIS")
	b.WriteString(".B shoal \\-\\-nogui\n[\\fIflags\\fR]\n.br\n.B shoal\n\\fIcommand\\fR [\\fIflags\\fR]\n")
	macro("SH", "DESCRIPTION")
	say(m.about)
	macro("SH", "COMMANDS")
	for _, p := range m.commands {
		b.WriteString(".SS " + rough(p.line) + "\n")
		say(p.short + ".")
		if p.long != "" {
			b.WriteString(".PP\n")
			say(p.long)
		}
		flags(p.flags)
	}
	macro("SH", "FLAGS OF EVERY COMMAND")
	flags(m.global)
	macro("SH", "FLAGS OF THE AGENT")
	flags(m.agent)
	macro("SH", "SETTINGS")
	for _, s := range config.Documented() {
		b.WriteString(".TP\n.B " + rough(s.Key) + "\n")
		say(s.Says + " (default " + s.Default + ")")
	}
	macro("SH", "EXIT STATUS")
	say("0 done; 1 failed; 2 wrong usage; 3 no agent running; 4 time-out.")
	macro("SH", "ENVIRONMENT")
	say("SHOAL_HOME is where all state lives, unless --home says otherwise. ALL_PROXY, HTTPS_PROXY and NO_PROXY " +
		"say what leads out of the local network.")
	return b.String()
}

// rough writes a text so that roff takes no letter of it for an order.
func rough(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "", "\n", " ").Replace(text)
}
