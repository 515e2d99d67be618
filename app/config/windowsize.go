package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// windowName is the file that remembers how large the window was. It may be deleted at any
// time.
const windowName = "window.json"

// WindowSize is how large the window was when it was closed, in units of the toolkit. The
// zero value is a window that was never open.
type WindowSize struct {
	Width  float32 `json:"width"`
	Height float32 `json:"height"`
}

// The smallest size in which anything can be read, and the largest that is remembered: a
// window that filled a large screen must not reach out of that of a laptop afterwards.
var windowLeast, windowMost = WindowSize{400, 300}, WindowSize{2560, 1600}

// windowFileMax bounds the file, in bytes.
const windowFileMax = 1 << 10

// WindowSize returns how large the window was when it was closed last.
func (h *Home) WindowSize() (s WindowSize, err error) {
	path := filepath.Join(h.dir, windowName)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, windowFileMax))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil && s != s.within() {
		err = fmt.Errorf("no window is %v wide and %v high", s.Width, s.Height)
	}
	if err != nil {
		return WindowSize{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// SaveWindowSize remembers how large the window was, within limits.
func (h *Home) SaveWindowSize(s WindowSize) error {
	text, err := json.Marshal(s.within())
	if err != nil {
		return err
	}
	return writeDurably(filepath.Join(h.dir, windowName), append(text, '\n'))
}

func (s WindowSize) within() WindowSize {
	return WindowSize{
		min(max(s.Width, windowLeast.Width), windowMost.Width),
		min(max(s.Height, windowLeast.Height), windowMost.Height),
	}
}
