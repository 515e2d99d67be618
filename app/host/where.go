package host

import (
	"path/filepath"
	"strings"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// locate finds the folder a path lies in, and the path inside it, with slashes.
func (a *agent) locate(w api.Where) (status.Folder, string, error) {
	view := a.Status()
	if w.Folder != "" {
		f, err := api.FindFolder(view, w.Folder)
		if err != nil {
			return f, "", err
		}
		rel := filepath.ToSlash(filepath.Clean(filepath.FromSlash(w.Path)))
		if filepath.IsAbs(w.Path) {
			if inside, ok := insideOf(f.Path, w.Path); ok {
				return f, inside, nil
			}
			return f, "", api.Errorf(api.NotFound, "%s does not lie in folder %q, which is at %s", w.Path, f.Name, f.Path)
		}
		if rel == ".." || strings.HasPrefix(rel, "../") {
			return f, "", api.Errorf(api.Usage, "path %q leads out of the folder", w.Path)
		}
		return f, strings.TrimPrefix(rel, "./"), nil
	}
	if !filepath.IsAbs(w.Path) {
		return status.Folder{}, "", api.Errorf(api.Usage, "path %q: want the full path, or a folder that it is relative to", w.Path)
	}
	for _, f := range view.Folders {
		if inside, ok := insideOf(f.Path, w.Path); ok {
			return f, inside, nil
		}
	}
	return status.Folder{}, "", api.Errorf(api.NotFound, "%s lies in no folder kept here; see `shoal folder list`", w.Path)
}

// insideOf returns a path relative to a root it lies in; "." for the root itself. People
// reach a place by links, too: what they lead to counts as well.
func insideOf(root, path string) (string, bool) {
	for _, r := range []string{root, followed(root)} {
		for _, p := range []string{path, filepath.Join(followed(filepath.Dir(path)), filepath.Base(path))} {
			rel, err := filepath.Rel(r, p)
			if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
				return filepath.ToSlash(rel), true
			}
		}
	}
	return "", false
}

// followed returns where a path leads; the path itself when that cannot be found out.
func followed(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
