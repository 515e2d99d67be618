package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/sync/ignore"
)

func (s *session) folderIgnore() *cobra.Command {
	var own, preview bool
	var file string
	cmd := &cobra.Command{
		Use:   "ignore FOLDER",
		Short: "Shows, tries or replaces the patterns of what is left alone in a folder",
		Long: "Shows the patterns, in the syntax of gitignore, of what is left alone in a folder: those that " +
			"every device obeys (.shoalignore), and with --own those of this device, which win.\n" +
			"With --set the patterns in FILE replace them (- reads standard input). With --preview nothing is " +
			"replaced; it lists what the patterns leave alone, those of --set or those that are written now.",
		Args: takes("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var texts api.IgnoreTexts
			raw, err := s.do(cmd, api.IgnoreRead{Folder: args[0]}, &texts)
			if err != nil {
				return err
			}
			was := texts
			if file != "" {
				text, err := readPatternFile(file)
				if err != nil {
					return err
				}
				if own {
					texts.Own = text
				} else {
					texts.Shared = text
				}
			}
			switch {
			case preview:
				return s.previewIgnore(cmd, api.IgnorePreview{Folder: args[0], Shared: texts.Shared, Own: texts.Own})
			case file != "":
				raw, err = s.do(cmd, api.IgnoreWrite{Folder: args[0], Texts: texts, Was: was}, &texts)
				if err != nil || s.json {
					return s.raw(raw, err)
				}
				return s.say("the patterns of %s are replaced", status.Plain(args[0]))
			case s.json:
				return s.raw(raw, nil)
			case own:
				return s.patterns(texts.Own)
			}
			return s.patterns(texts.Shared)
		},
	}
	cmd.Flags().BoolVar(&own, "own", false, "the patterns of this device alone")
	cmd.Flags().BoolVar(&preview, "preview", false, "list what the patterns leave alone")
	cmd.Flags().StringVar(&file, "set", "", "replace them by those in `FILE`; - is standard input")
	return cmd
}

func readPatternFile(name string) (string, error) {
	from := io.Reader(os.Stdin)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("read the patterns: %w", err)
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, ignore.TextMax+1))
	if err != nil {
		return "", fmt.Errorf("read the patterns: %w", err)
	}
	if len(text) > ignore.TextMax {
		return "", errors.New("the patterns are too long")
	}
	return string(text), nil
}

// patterns prints a text as it is written, safe for a terminal.
func (s *session) patterns(text string) error {
	for line := range strings.Lines(text) {
		if err := s.line(status.Plain(strings.TrimRight(line, "\r\n"))); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) previewIgnore(cmd *cobra.Command, intent api.IgnorePreview) error {
	var found api.Ignores
	raw, err := s.do(cmd, intent, &found)
	if err != nil || s.json {
		return s.raw(raw, err)
	}
	for _, path := range found.Paths {
		if err := s.line(status.Plain(path)); err != nil {
			return err
		}
	}
	text := "left alone: %d of %d names"
	if found.Partial {
		text += " (of the part that was looked at: the folder is large)"
	}
	return s.say(text, found.Names, found.All)
}
