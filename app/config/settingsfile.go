package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shoal-sync/shoal/app/status"
)

// The settings stand in HOME/config.conf, a text that belongs to the person: one
// "key = value" on a line, comments after a # at the beginning of a line. Changing a
// setting changes its line and leaves everything else as it was written.

// settingsMax bounds config.conf: every setting with a page of comments fits many times.
const settingsMax = 1 << 20

// SettingsFile returns the path of the settings.
func (h *Home) SettingsFile() string { return filepath.Join(h.dir, settingsName) }

// Settings reads and checks the settings, those of an older config.json included.
func (h *Home) Settings() (Settings, error) {
	s, _, err := h.settings()
	return s, err
}

// ListSettings returns every setting with its present value.
func (h *Home) ListSettings() ([]status.Setting, error) {
	_, values, err := h.settings()
	if err != nil {
		return nil, err
	}
	out := make([]status.Setting, 0, len(table))
	for _, row := range table {
		value, set := values[row.key]
		if !set {
			value = row.deflt()
		}
		out = append(out, status.Setting{
			Key: row.key, Value: value, Default: row.deflt(), Set: set, Restart: row.restart,
			Says: row.says,
		})
	}
	return out, nil
}

// Documented returns every setting as it is in a new home; the name, which follows the
// computer's, is said to.
func Documented() []status.Setting {
	var out []status.Setting
	for _, row := range table {
		s := status.Setting{Key: row.key, Default: row.deflt(), Restart: row.restart, Says: row.says}
		if row.key == "name" {
			s.Default = "the computer's"
		}
		out = append(out, s)
	}
	return out
}

// GetSetting returns one of them.
func (h *Home) GetSetting(key string) (status.Setting, error) {
	if _, err := find(key); err != nil {
		return status.Setting{}, err
	}
	all, err := h.ListSettings()
	if err != nil {
		return status.Setting{}, err
	}
	for _, s := range all {
		if s.Key == key {
			return s, nil
		}
	}
	panic("bug: a setting of the table is not listed")
}

// SetSetting writes one value into the file; an empty value goes back to the default. It
// returns the settings as they are then. A value that is wrong changes nothing. The
// caller holds the lock of the home.
func (h *Home) SetSetting(key, value string) (Settings, error) {
	value = strings.TrimSpace(value)
	if strings.ContainsAny(value, "\r\n") {
		return Settings{}, fmt.Errorf("%s: %w", key, errLineBreak)
	}
	if _, err := find(key); err != nil {
		return Settings{}, err
	}
	if value != "" {
		trial := defaults()
		if err := trial.Put(key, value); err != nil {
			return Settings{}, err
		}
	}
	text, err := h.settingsText()
	if err != nil {
		return Settings{}, err
	}
	changed := withSetting(text, key, value)
	if err := writeDurably(h.SettingsFile(), []byte(changed)); err != nil {
		return Settings{}, fmt.Errorf("save the settings: %w", err)
	}
	return h.Settings()
}

// settings reads what is set: first what an older config.json holds, then config.conf,
// which goes before it.
func (h *Home) settings() (s Settings, values map[string]string, err error) {
	s, values = defaults(), map[string]string{}
	old, err := h.oldSettings()
	if err != nil {
		return s, nil, err
	}
	for _, o := range old {
		if err := s.Put(o.key, o.value); err != nil {
			return s, nil, fmt.Errorf("configuration %s: %w", h.File(), err)
		}
		values[o.key] = o.value
	}
	text, err := h.settingsText()
	if err != nil {
		return s, nil, err
	}
	seen := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		key, value, ok := splitSetting(line)
		if err := checkLine(&s, line, ok, seen[key]); err != nil {
			return s, nil, fmt.Errorf("settings %s, line %d: %w", h.SettingsFile(), i+1, err)
		}
		if ok {
			seen[key], values[key] = true, value
		}
	}
	return s, values, nil
}

// checkLine takes one line of the file in, or says what is wrong with it.
func checkLine(s *Settings, line string, isSetting, again bool) error {
	if !isSetting {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return fmt.Errorf("%.60q: want \"key = value\", or # before a comment", line)
		}
		return nil
	}
	key, value, _ := splitSetting(line)
	if again {
		return fmt.Errorf("%q is set twice", key)
	}
	if value == "" {
		return fmt.Errorf("%q has no value: give one, or put # before the line", key)
	}
	return s.Put(key, value)
}

// splitSetting takes a line apart; false when it is a comment or empty.
func splitSetting(line string) (key, value string, ok bool) {
	if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
		return "", "", false
	}
	key, value, ok = strings.Cut(line, "=")
	return strings.TrimSpace(key), strings.TrimSpace(value), ok
}

func (h *Home) settingsText() (string, error) {
	file, err := os.Open(h.SettingsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the settings: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, settingsMax+1))
	if err != nil {
		return "", fmt.Errorf("read the settings: %w", err)
	}
	if len(text) > settingsMax {
		return "", fmt.Errorf("settings %s: it is longer than %d MiB", h.SettingsFile(), settingsMax>>20)
	}
	return string(text), nil
}

// withSetting returns the text with a setting changed, put in, or, for an empty value,
// taken out. A setting that is not there goes below the line that shows it commented out.
func withSetting(text, key, value string) string {
	if text == "" {
		text = freshSettings()
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	fresh, shown := key+" = "+value, -1
	for i, line := range lines {
		if found, _, ok := splitSetting(line); ok && found == key {
			if value == "" {
				return strings.Join(append(lines[:i:i], lines[i+1:]...), "\n") + "\n"
			}
			lines[i] = fresh
			return strings.Join(lines, "\n") + "\n"
		}
		commented := strings.TrimLeft(strings.TrimSpace(line), "# ")
		if found, _, ok := splitSetting(commented); ok && found == key {
			shown = i
		}
	}
	if value == "" {
		return text
	}
	if shown < 0 {
		shown = len(lines) - 1
	}
	lines = append(lines[:shown+1], append([]string{fresh}, lines[shown+1:]...)...)
	return strings.Join(lines, "\n") + "\n"
}

// freshSettings is a file in which nothing is set, and everything explained.
func freshSettings() string {
	var b strings.Builder
	b.WriteString("# Settings of shoal. A line is \"key = value\"; lines that begin with # are comments\n" +
		"# and stay as you write them. `shoal config set KEY VALUE` changes a line for you.\n")
	for _, row := range table {
		fmt.Fprintf(&b, "\n# %s\n# %s = %s\n", row.says, row.key, row.deflt())
	}
	return b.String()
}
