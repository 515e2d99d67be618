package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shoal-sync/shoal/app/words"
)

// languages are the values of the setting language.
func languages() []string {
	out := []string{"system"}
	for _, l := range words.Languages() {
		out = append(out, string(l.Language))
	}
	return out
}

// ReadSettings reads the settings of a home, or the defaults where there is none. Unlike
// OpenHome it changes nothing, so that a command which only speaks makes no home.
func ReadSettings(dir string) (Settings, error) {
	if _, err := os.Stat(filepath.Join(dir, settingsName)); errors.Is(err, fs.ErrNotExist) {
		return defaults(), nil
	}
	return (&Home{dir: dir}).Settings()
}

// Book returns the words for the person whose settings these are; system are the
// languages the system names, best first.
func (s Settings) Book(system []string) words.Book {
	if s.Language != "system" {
		return words.In(words.Language(s.Language))
	}
	return words.In(words.Choose(system...))
}
