package host

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Patterns that would ignore so many names at once are probably a mistake: a lone "*", or a
// list that was meant for another folder. Nobody would be told of changes any more, and
// nothing would say so. They wait for a person, each device for its own; the old ones are
// obeyed until then.
const (
	frozenFew     = 100 // names that never wait, however small the folder
	frozenPercent = 30
	frozenPaths   = 20 // shown to people
)

// heldPatterns are patterns that wait, and what they would ignore that was not.
type heldPatterns struct {
	id    string
	hash  [32]byte
	at    time.Time
	all   int64 // files and directories in the folder
	names int64 // that would be ignored
	files int64
	bytes int64
	tops  int // without what lies in ignored directories
	paths []string
}

// mayObey reports whether changed patterns may come into force, and holds them if not.
func (r *folderRun) mayObey(old, fresh *ignore.Patterns) bool {
	hash := fresh.Hash()
	if yes := r.allowed.Load(); r.brakeOff.Load() || yes != nil && *yes == hash {
		return true
	}
	if h := r.heldPatterns.Load(); h != nil && h.hash == hash {
		return false
	}
	h := heldPatterns{id: hex.EncodeToString(hash[:4]), hash: hash, at: time.Now()}
	err := r.look(func(v *index.View) error { return h.count(v, ident.Root, "", &changeOfPatterns{old, fresh}, false) })
	if err != nil {
		r.log.Error("cannot count what new patterns would ignore", "error", err)
		return false // the next look tries again
	}
	if h.names <= frozenFew || h.names*100 <= h.all*frozenPercent {
		return true
	}
	r.heldPatterns.Store(&h)
	r.log.Warn("new ignore patterns wait for a yes", "names", h.names, "of", h.all, "id", h.id)
	r.agent.events.add(status.Event{Kind: status.HeldDeletes, Folder: r.id, Path: folder.IgnoreFile, Detail: h.text()})
	return false
}

func (h *heldPatterns) text() string {
	return fmt.Sprintf("new patterns would ignore %d of %d names; the old ones are obeyed until you answer, batch %s",
		h.names, h.all, h.id)
}

// count goes over what is on disk in a directory. Inside says that the directory would be
// ignored itself, and all in it with it.
func (h *heldPatterns) count(
	v *index.View, dir ident.EntryID, path string, by *changeOfPatterns, inside bool,
) error {
	list, err := v.BaseList(dir)
	if err != nil {
		return err
	}
	for _, b := range list {
		name := path + b.Name
		isDir := b.Stat.Kind == tree.Dir
		h.all++
		frozen := inside || by.freezes(name, isDir)
		if frozen {
			h.names++
			if b.Stat.Kind == tree.File {
				h.files++
				h.bytes += b.Stat.Size
			}
		}
		if frozen && !inside {
			h.tops++
			if len(h.paths) < frozenPaths {
				h.paths = append(h.paths, name)
			}
		}
		if isDir {
			if err := h.count(v, b.Entry, name+"/", by, frozen); err != nil {
				return err
			}
		}
	}
	return nil
}

// changeOfPatterns tells what is ignored now that was not.
type changeOfPatterns struct{ old, fresh *ignore.Patterns }

func (c *changeOfPatterns) freezes(path string, dir bool) bool {
	return c.fresh.Match(path, dir).Ignored() && !c.old.Match(path, dir).Ignored()
}

// heldPatternsIn lists the patterns that wait, as people are shown what is held.
func (r *folderRun) heldPatternsIn(name string) []api.Held {
	h := r.heldPatterns.Load()
	if h == nil {
		return nil
	}
	return []api.Held{{
		Kind: api.HeldPatterns, Folder: r.id, FolderName: name, ID: h.id, Since: status.MomentOf(h.at),
		Files: h.files, Bytes: h.bytes, Names: h.tops, Paths: slices.Clone(h.paths),
		Device: r.agent.id, DeviceName: r.agent.ownName(),
	}}
}

// showHeldPatterns says in the folder's status that patterns wait.
func (r *folderRun) showHeldPatterns(out *status.Folder) {
	h := r.heldPatterns.Load()
	if h == nil {
		return
	}
	out.Held += int(max(h.files, 1))
	out.Problems = append(out.Problems, status.Problem{
		Path: folder.IgnoreFile, Kind: "held", Reason: h.text() + ": shoal held list",
	})
	if out.State == status.UpToDate || out.State == status.Waiting {
		out.State = status.NeedsYou
	}
}

// answerPatterns carries out what a person decided, if it was about the patterns that wait.
// A no writes those in force to the files again; comments are not kept.
func (r *folderRun) answerPatterns(about []api.Held, approve bool) error {
	h := r.heldPatterns.Load()
	if h == nil || !slices.ContainsFunc(about, func(a api.Held) bool { return a.ID == h.id }) {
		return nil
	}
	if approve {
		r.allowed.Store(&h.hash)
		r.loadPatterns()
		return nil
	}
	texts := append(r.patterns.Load().Texts(), nil, nil)
	for i, name := range []string{folder.IgnoreFile, filepath.Join(tree.PrivateDir, localPatterns)} {
		path := filepath.Join(r.path, name)
		now, err := readSmall(path)
		if err != nil {
			return err
		}
		if p, err := ignore.Parse(now); err == nil && string(append(p.Texts(), nil)[0]) == string(texts[i]) {
			continue
		}
		if err := replaceFile(path, filepath.Join(r.path, tree.PrivateDir, "patterns-again"), texts[i]); err != nil {
			return fmt.Errorf("write the old patterns to %s again: %w", name, err)
		}
	}
	r.loadPatterns()
	return nil
}

func replaceFile(path, beside string, text []byte) error {
	if err := os.WriteFile(beside, text, 0o644); err != nil {
		return err
	}
	return os.Rename(beside, path)
}
