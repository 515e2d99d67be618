package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/app/status"
)

// screen prints what happened, line by line, and in a terminal keeps some live lines
// below that are painted over.
type screen struct {
	mu       sync.Mutex
	out      *os.File
	terminal bool
	colours  bool
	live     int // how many live lines stand below what was printed
}

// newScreen looks where the text goes. A pipe, a file and a terminal that understands
// nothing get plain lines.
func newScreen(out *os.File) *screen {
	info, err := out.Stat()
	kind := os.Getenv("TERM")
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && kind != "" && kind != "dumb"
	return &screen{out: out, terminal: terminal, colours: terminal && os.Getenv("NO_COLOR") == ""}
}

const (
	noWrap     = "\x1b[?7l\x1b[?25l" // long lines are cut at the edge; no cursor
	wrap       = "\x1b[?7h\x1b[?25h"
	clearRight = "\x1b[K"
	clearBelow = "\x1b[J"
)

// paint draws the live lines over the ones before, without flicker.
func (s *screen) paint(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := noWrap + s.up()
	for _, line := range lines {
		text += line + clearRight + "\n"
	}
	s.write(text + clearBelow)
	s.live = len(lines)
}

func (s *screen) up() string {
	if s.live == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r", s.live)
}

// say prints a line that stays, above the live ones, which must be painted anew.
func (s *screen) say(mark, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mark == "" {
		mark = " "
	}
	before := ""
	if s.live > 0 {
		before = s.up() + clearBelow
		s.live = 0
	}
	s.write(strings.TrimRight(before+"  "+mark+" "+text, " ") + "\n")
}

// still gives the terminal back as it was.
func (s *screen) still() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = 0
	if s.terminal {
		s.write(wrap)
	}
}

func (s *screen) write(text string) {
	// Nobody is left to be told when the screen is gone; what was verified still counts.
	_, _ = s.out.WriteString(text)
}

func (s *screen) coloured(code, text string) string {
	if !s.colours {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) bold(text string) string  { return s.coloured("1", text) }
func (s *screen) dim(text string) string   { return s.coloured("2", text) }
func (s *screen) green(text string) string { return s.coloured("32", text) }
func (s *screen) red(text string) string   { return s.coloured("1;31", text) }
func (s *screen) cyan(text string) string  { return s.coloured("36", text) }

// title begins an act.
func (s *screen) title(text string) {
	s.say("", "")
	s.say(s.cyan("▸"), s.bold(text))
}

// done tells of something that was reached, with a measured figure at its right.
func (s *screen) done(what, figure string) {
	s.say(s.green("✓"), padded(what, 66)+" "+s.dim(figure))
}

func (s *screen) fail(err error) {
	s.say("", "")
	s.say(s.red("✗"), s.red(status.Plain(strings.ReplaceAll(err.Error(), "\n", "; "))))
}

// bar draws a share between 0 and 1.
func (s *screen) bar(share float64, width int) string {
	share = min(1, max(0, share))
	halves := int(share*float64(2*width) + 0.5)
	full := strings.Repeat("━", halves/2)
	if halves%2 == 1 {
		full += "╸"
	}
	rest := strings.Repeat("━", width-utf8.RuneCountInString(full))
	if !s.colours {
		rest = strings.Repeat("·", width-utf8.RuneCountInString(full))
		return full + rest
	}
	colour := s.cyan
	if share == 1 {
		colour = s.green
	}
	return colour(full) + s.dim(rest)
}

// padded fills a text up to a width, counted in characters.
func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// aligned is padded with the text at the right.
func aligned(text string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))) + text
}
