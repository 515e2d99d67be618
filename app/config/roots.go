package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CheckRoot reports why the directory at path cannot become a folder, given the folders
// that are kept already: two folders must never see the same file, and the home must
// never be shared.
func (h *Home) CheckRoot(c Config, path string) error {
	if err := checkAbsolute(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("folder %s does not exist: create it first", path)
	case err != nil:
		return fmt.Errorf("look at folder %s: %w", path, err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	}
	return h.checkApart(c.Folders, path)
}

// CheckNewRoot is CheckRoot for a directory that is made when it does not exist yet.
func (h *Home) CheckNewRoot(c Config, path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return h.CheckRoot(c, path)
	}
	if err := checkAbsolute(path); err != nil {
		return err
	}
	return h.checkApart(c.Folders, path)
}

// checkRoots holds each folder of a loaded configuration against the others. A folder
// that does not exist is no mistake here: its disk may be unplugged.
func (h *Home) checkRoots(c Config) error {
	for i, f := range c.Folders {
		if err := h.checkApart(c.Folders[:i], f.Path); err != nil {
			return fmt.Errorf("folders[%d]: %w", i, err)
		}
	}
	return nil
}

func (h *Home) checkApart(kept []Folder, path string) error {
	switch {
	case inside(h.dir, path):
		return fmt.Errorf("%s holds shoal's own state (%s), which must not be shared: "+
			"choose another folder, or another --home", path, h.dir)
	case inside(path, h.dir):
		return fmt.Errorf("%s lies in shoal's own state (%s), which must not be shared: "+
			"choose another folder", path, h.dir)
	}
	for _, f := range kept {
		switch in, around := inside(path, f.Path), inside(f.Path, path); {
		case in && around:
			return fmt.Errorf("%s is kept already, as folder %q", path, f.Name)
		case in:
			return fmt.Errorf("%s lies in folder %q (%s): folders cannot be nested",
				path, f.Name, f.Path)
		case around:
			return fmt.Errorf("%s holds folder %q (%s): folders cannot be nested",
				path, f.Name, f.Path)
		}
	}
	return nil
}

// inside reports whether path is dir or lies in it. Where the file system can be asked,
// it is: names alone say nothing on systems that fold case or follow links.
func inside(path, dir string) bool {
	path, dir = real(path), real(dir)
	dirInfo, dirErr := os.Stat(dir)
	for {
		if path == dir {
			return true
		}
		if info, err := os.Stat(path); err == nil && dirErr == nil &&
			os.SameFile(info, dirInfo) {
			return true
		}
		parent := filepath.Dir(path)
		if parent == path {
			return false
		}
		path = parent
	}
}

// real follows the links in path as far as the path exists.
func real(path string) string {
	path = filepath.Clean(path)
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(real(parent), filepath.Base(path))
}

func checkAbsolute(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("path %q: want the full path from the root", path)
	}
	return nil
}
