//go:build !windows && !darwin

package platform

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// The entry follows the Desktop Application Autostart Specification 0.5.

func startEntry() (string, error) {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // the Base Directory Specification ignores relative ones
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "autostart", startsAs+".desktop"), nil
}

func addStart(s Start) error {
	path, err := startEntry()
	if err != nil {
		return err
	}
	line := ""
	for _, word := range append([]string{s.Program}, s.Args...) {
		if strings.ContainsAny(word, "\r\n") {
			return errors.New("a path with a line break cannot be written there")
		}
		line += " " + execWord(word)
	}
	return writeEntry(path, "[Desktop Entry]\nType=Application\nName=Shoal\nIcon="+startsAs+
		"\nExec="+line[1:]+"\nTerminal=false\nX-GNOME-Autostart-enabled=true\n")
}

func dropStart() error {
	path, err := startEntry()
	if err != nil {
		return err
	}
	return dropEntry(path)
}

// execWord quotes one argument of the key Exec (Desktop Entry Specification 1.5, "The Exec
// key"): within quotes ", `, $ and \ take a backslash, which the key's own string rules
// double; a percent sign is doubled.
func execWord(word string) string {
	var b strings.Builder
	for _, r := range word {
		switch r {
		case '"', '`', '$':
			b.WriteString(`\\`)
		case '\\':
			b.WriteString(`\\\`)
		case '%':
			b.WriteByte('%')
		}
		b.WriteRune(r)
	}
	return `"` + b.String() + `"`
}
