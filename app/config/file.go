package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileMax bounds config.json. A folder with 1,000 members takes about 120 KiB.
const fileMax = 16 << 20

// allowed lists the keys that may stand in each object of config.json; objects are named
// by the keys that lead to them.
var allowed = map[string][]string{
	"": {"version", "devices", "folders", "paused", "declined",
		"name", "listen", "log_format", "mdns", "mdns_name"}, // of form 1: see Migrate
	".paused":          {"folder", "device", "until"},
	".devices":         {"id", "name", "addresses", "announce_key"},
	".folders":         {"id", "name", "path", "token", "members", "limits", "brake", "trash", "traits"},
	".folders.members": {"device", "role"},
}

// File returns the path of the configuration.
func (h *Home) File() string { return filepath.Join(h.dir, fileName) }

// Load reads and checks the configuration. A home without one has the zero Config.
func (h *Home) Load() (Config, error) {
	file, err := os.Open(h.File())
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, fileMax+1))
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	c, err := parse(text)
	if err == nil {
		err = h.checkRoots(c)
	}
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s: %w", h.File(), err)
	}
	return c, nil
}

// Save checks the configuration and puts it in place of the old one, at once or not at
// all.
func (h *Home) Save(c Config) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("save the configuration: %w", err)
	}
	if err := h.checkRoots(c); err != nil {
		return fmt.Errorf("save the configuration: %w", err)
	}
	c = c.Clone()
	c.Version = formVersion
	if c.Devices == nil {
		c.Devices = []Device{}
	}
	if c.Folders == nil {
		c.Folders = []Folder{}
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("save the configuration: %w", err)
	}
	if err := writeDurably(h.File(), append(text, '\n')); err != nil {
		return fmt.Errorf("save the configuration: %w", err)
	}
	return nil
}

func parse(text []byte) (c Config, err error) {
	if len(text) > fileMax {
		return Config{}, fmt.Errorf("it is longer than %d MiB", fileMax>>20)
	}
	// Unmarshal comes first: it refuses what follows the document, and nesting so deep
	// that the walk over the keys would run out of stack.
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, located(text, err)
	}
	keys := keyCheck{text: text, decoder: json.NewDecoder(bytes.NewReader(text))}
	if err := keys.value(""); err != nil {
		return Config{}, located(text, err)
	}
	return c, c.check()
}

// located adds the line to an error of package json that knows its place.
func located(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("line %d: it ends too early", lineAt(text, int64(len(text))))
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", lineAt(text, syntax.Offset), err)
	case errors.As(err, &kind):
		where := kind.Field
		if where == "" {
			where = "the document"
		}
		return fmt.Errorf("line %d: %s cannot be of kind %s", lineAt(text, kind.Offset),
			where, kind.Value)
	}
	return err
}

func lineAt(text []byte, offset int64) int {
	offset = min(max(offset, 0), int64(len(text)))
	return 1 + bytes.Count(text[:offset], []byte("\n"))
}

// keyCheck walks a document and refuses keys that mean nothing: a mistyped setting must
// not be taken for one that is left at its default.
type keyCheck struct {
	text    []byte
	decoder *json.Decoder
}

// value walks one value; where names the object it would be.
func (k keyCheck) value(where string) error {
	token, err := k.decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return k.object(where)
	case json.Delim('['):
		for k.decoder.More() {
			if err := k.value(where); err != nil {
				return err
			}
		}
		_, err = k.decoder.Token()
	}
	return err
}

func (k keyCheck) object(where string) error {
	names := allowed[where]
	var seen []string
	for k.decoder.More() {
		token, err := k.decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		line := lineAt(k.text, k.decoder.InputOffset())
		switch {
		case names == nil:
			return fmt.Errorf("line %d: %q stands where no settings can be", line, key)
		case !slices.Contains(names, key):
			return fmt.Errorf("line %d: there is no setting %q; allowed here are %s",
				line, key, strings.Join(names, ", "))
		case slices.Contains(seen, key):
			return fmt.Errorf("line %d: %q is set twice", line, key)
		}
		seen = append(seen, key)
		if err := k.value(where + "." + key); err != nil {
			return err
		}
	}
	_, err := k.decoder.Token()
	return err
}
