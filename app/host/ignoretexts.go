package host

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/tree"
)

// What a preview of patterns may cost. It is asked for while a person types.
const (
	ignoresAll   = 200_000 // names that are looked at
	ignoresFor   = 2 * time.Second
	ignoresPaths = 200 // shown to people
)

// readIgnore carries out api.IgnoreRead.
func (a *agent) readIgnore(i api.IgnoreRead) (any, error) {
	_, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	return r.ignoreTexts()
}

func (r *folderRun) ignoreTexts() (t api.IgnoreTexts, err error) {
	shared, err := readSmall(r.patternFile(true))
	if err != nil {
		return t, err
	}
	own, err := readSmall(r.patternFile(false))
	return api.IgnoreTexts{Shared: string(shared), Own: string(own)}, err
}

func (r *folderRun) patternFile(shared bool) string {
	if shared {
		return filepath.Join(r.path, folder.IgnoreFile)
	}
	return filepath.Join(r.path, tree.PrivateDir, localPatterns)
}

// writeIgnore carries out api.IgnoreWrite. Texts that do not parse change nothing.
func (a *agent) writeIgnore(i api.IgnoreWrite) (any, error) {
	_, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	now, err := r.ignoreTexts()
	if err != nil {
		return nil, err
	}
	if i.Was != now {
		return nil, errors.New("the patterns were changed meanwhile, here or on another device: look at them again")
	}
	want := i.Texts
	if _, err := parseTexts(want); err != nil {
		return nil, err
	}
	beside := filepath.Join(r.path, tree.PrivateDir, "patterns-new")
	if want.Own != now.Own {
		if err := replaceFile(r.patternFile(false), beside, []byte(want.Own)); err != nil {
			return nil, err
		}
	}
	if want.Shared != now.Shared {
		if err := replaceFile(r.patternFile(true), beside, []byte(want.Shared)); err != nil {
			return nil, err
		}
	}
	r.loadPatterns()
	return want, nil
}

// parseTexts reads both texts as they are obeyed together.
func parseTexts(t api.IgnoreTexts) (ignore.Patterns, error) {
	shared, err := ignore.Parse([]byte(t.Shared))
	if err != nil {
		return shared, api.Errorf(api.Usage, "the patterns for all devices: %v", err)
	}
	own, err := ignore.Parse([]byte(t.Own))
	if err != nil {
		return own, api.Errorf(api.Usage, "this device's own patterns: %v", err)
	}
	return ignore.Combine(shared, own), nil
}

// previewIgnore carries out api.IgnorePreview: it goes over the disk, as what is ignored
// already is in no index.
func (a *agent) previewIgnore(ctx context.Context, i api.IgnorePreview) (any, error) {
	f, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	patterns, err := parseTexts(api.IgnoreTexts{Shared: i.Shared, Own: i.Own})
	if err != nil {
		return nil, err
	}
	out := api.Ignores{Folder: f.ID, Paths: []string{}}
	end := time.Now().Add(ignoresFor)
	err = filepath.WalkDir(r.path, func(path string, d fs.DirEntry, err error) error {
		name, rel := filepath.Rel(r.path, path)
		switch {
		case err != nil || rel != nil:
			return fs.SkipDir // what cannot be read is said in the folder's status
		case name == ".":
			return nil
		case name == tree.PrivateDir && d.IsDir():
			return fs.SkipDir
		case ctx.Err() != nil:
			return ctx.Err()
		case out.All >= ignoresAll || time.Now().After(end):
			out.Partial = true
			return fs.SkipAll
		}
		out.All++
		name = filepath.ToSlash(name)
		if !patterns.Match(name, d.IsDir()).Ignored() {
			return nil
		}
		noteIgnored(&out, name, d)
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	return out, err
}

func noteIgnored(out *api.Ignores, name string, d fs.DirEntry) {
	out.Names++
	if d.IsDir() {
		name += "/"
	} else if info, err := d.Info(); err == nil {
		out.Bytes += info.Size()
	}
	if len(out.Paths) < ignoresPaths {
		out.Paths = append(out.Paths, name)
	}
}
