package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// formVersion is the form of config.json that this program writes. Form 1 had no number,
// and held settings that are now in config.conf.
const formVersion = 2

// oldForm are the settings of form 1.
type oldForm struct {
	Name      string `json:"name"`
	Listen    string `json:"listen"`
	LogFormat string `json:"log_format"`
	MDNS      *bool  `json:"mdns"`
	MDNSName  *bool  `json:"mdns_name"`
}

type oldSetting struct{ key, value string }

// oldSettings returns the settings that a config.json of form 1 holds.
func (h *Home) oldSettings() ([]oldSetting, error) {
	if _, err := h.Load(); err != nil {
		return nil, err // it says what is wrong with the file, and where
	}
	text, err := os.ReadFile(h.File())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var form oldForm
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", h.File(), located(text, err))
	}
	var out []oldSetting
	for _, o := range []oldSetting{
		{"name", form.Name}, {"listen", form.Listen}, {"log_format", form.LogFormat},
		{"mdns", word(form.MDNS)}, {"mdns_name", word(form.MDNSName)},
	} {
		if o.value != "" {
			out = append(out, o)
		}
	}
	return out, nil
}

func word(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "on"
	}
	return "off"
}

// Migrate brings the files of an older program into their present form. It may be ended
// at any point and done again. The caller holds the lock of the home.
func (h *Home) Migrate() error {
	old, err := h.oldSettings()
	if err != nil || len(old) == 0 {
		return err
	}
	text, err := h.settingsText()
	if err != nil {
		return err
	}
	now, err := h.ListSettings() // where both files set one, config.conf goes before
	if err != nil {
		return err
	}
	changed := text
	for _, o := range old {
		for _, s := range now {
			if s.Key == o.key {
				changed = withSetting(changed, o.key, s.Value)
			}
		}
	}
	if err := writeDurably(h.SettingsFile(), []byte(changed)); err != nil {
		return fmt.Errorf("save the settings: %w", err)
	}
	c, err := h.Load()
	if err != nil {
		return err
	}
	return h.Save(c)
}
