package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// locate finds the folder a path lies in, and the path inside it, with slashes.
func locate(view status.View, w api.Where) (status.Folder, string, error) {
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

// meaning is a path in a folder that a person may have meant.
type meaning struct {
	folder status.Folder
	path   string
}

// meant finds what a person means who gave a path that is relative to where they are, or
// one as lists show it. Known says whether there is anything of the kind under a path of a
// folder. Where two meanings fit, none is taken; where none fits, it is where locate says,
// and so it is when that is not known and yet lies there on disk: who names what they see
// before them means no namesake elsewhere.
func meant(
	view status.View, w api.Where, known func(status.Folder, string) (bool, error),
) (status.Folder, string, error) {
	f, path, err := locate(view, w)
	if w.Folder != "" || w.Listed == "" || w.Listed == "." || w.Listed == ".." || strings.HasPrefix(w.Listed, "../") ||
		err != nil && api.AsError(err).Kind != api.NotFound {
		return f, path, err
	}
	var fit []meaning
	if err == nil { // who stands in a folder means that one, unless it has nothing like it
		here := []meaning{{f, path}, {f, w.Listed}}
		if path == w.Listed {
			here = here[:1]
		}
		for _, p := range here {
			is, err := known(f, p.path)
			if err != nil {
				return f, path, err
			}
			if is {
				fit = append(fit, p)
			}
		}
		if _, gone := os.Lstat(w.Path); gone == nil && (len(fit) == 0 || fit[0].path != path) {
			return f, path, nil
		}
	}
	if len(fit) == 0 {
		for _, other := range view.Folders {
			if other.ID == f.ID {
				continue
			}
			if is, err := known(other, w.Listed); err == nil && is { // its status says what is wrong with it
				fit = append(fit, meaning{other, w.Listed})
			}
		}
	}
	switch len(fit) {
	case 0:
		return f, path, err
	case 1:
		return fit[0].folder, fit[0].path, nil
	}
	return f, path, api.Errorf(api.Usage, "%q may be %s, or %s: say which by its full path, or by --folder",
		w.Listed, fit[0], fit[1])
}

// String tells people of it.
func (p meaning) String() string { return fmt.Sprintf("%q of folder %q", p.path, p.folder.Name) }

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
