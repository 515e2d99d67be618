package host

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// clash is a conflict copy with what has to be known to end it.
type clash struct {
	api.Conflict
	content ident.ContentID
	target  string
	kind    tree.Kind
}

// conflictsOf lists the conflicts of a folder, by path.
func (a *agent) conflictsOf(f status.Folder) ([]clash, *folderRun, error) {
	r, err := a.keeping(f)
	if err != nil {
		return nil, nil, err
	}
	a.view.mu.Lock()
	var ids []ident.EntryID
	if s := a.view.folders[f.ID]; s != nil {
		ids = s.Conflicts
	}
	a.view.mu.Unlock()
	var out []clash
	err = r.look(func(v *index.View) error {
		replicas, err := v.Replicas()
		if err != nil {
			return err
		}
		for _, id := range ids {
			c, ok, err := r.clashOf(v, id, replicas)
			if err != nil {
				return err
			}
			if ok {
				c.Folder, c.FolderName = f.ID, f.Name
				out = append(out, c)
			}
		}
		return nil
	})
	slices.SortFunc(out, func(x, y clash) int {
		return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Copy, y.Copy))
	})
	return out, r, err
}

// conflictsAt lists the conflicts that a path names: that of a file means all its copies.
func (a *agent) conflictsAt(f status.Folder, path string) ([]clash, *folderRun, error) {
	all, r, err := a.conflictsOf(f)
	return slices.DeleteFunc(all, func(c clash) bool { return c.Path != path && c.Copy != path }), r, err
}

// clashOf describes the conflict copy an entry is; false when it is none any more, or has
// not been put in place yet.
func (r *folderRun) clashOf(v *index.View, id ident.EntryID, replicas []tree.Replica) (c clash, ok bool, err error) {
	row, ok, err := v.Entry(id)
	if err != nil || !ok || !row.Entry.Live() {
		return c, false, err
	}
	at, ok, err := v.Path(id)
	if err != nil || !ok {
		return c, false, err
	}
	e := &row.Entry
	dir, name := split(at)
	plain, marked := merge.Unmarked(name)
	if !marked {
		return c, false, nil // it is to be renamed, and is not yet
	}
	c = clash{content: e.Content.ID, target: e.Content.Target, kind: e.Kind}
	c.Path, c.Copy, c.Kind, c.CopySize, c.Size = dir+plain, at, e.Kind.String(), e.Content.Size, -1
	if e.IsConflict() {
		origin, known, err := v.Path(e.Place.Parent)
		if err != nil {
			return c, false, err
		}
		if known {
			c.Path = origin
		}
	}
	author, wrote := authorOf(e, replicas)
	c.Device, c.Time = author.Name, wrote
	if c.Device == "" {
		c.Device = deviceIn(name)
	}
	mine := author.Device == r.agent.id
	winner, when, err := r.winnerOf(v, c.Path, replicas)
	if err != nil {
		return c, false, err
	}
	c.PathDevice, c.PathTime = winner.Name, when
	if is, there, err := r.disk.Look(c.Path); err == nil && there {
		c.Size = is.Size
	}
	c.Mine = mineOf(winner.Device == r.agent.id, mine)
	return c, true, nil
}

func mineOf(winner, loser bool) string {
	switch {
	case winner && loser:
		return "both"
	case winner:
		return "path"
	case loser:
		return "copy"
	}
	return "neither"
}

// authorOf returns who wrote an entry's content, and when.
func authorOf(e *tree.Entry, replicas []tree.Replica) (author tree.Replica, when status.Moment) {
	v := e.Content.Version
	if v.IsNull() {
		v = e.Place.Version // a content nobody wrote; a device has given it its name
		when = status.MomentOf(time.Unix(0, e.Attrs.Mtime))
	} else {
		when = momentOfHybrid(v.Stamp.Time)
	}
	for _, o := range replicas {
		if o.ID == v.Dot.Replica {
			author = o
		}
	}
	return author, when
}

func momentOfHybrid(h version.Hybrid) status.Moment {
	return status.MomentOf(time.UnixMilli(h.UnixMilli()))
}

// deviceIn reads the device out of a conflict name, empty when there is none in it.
func deviceIn(name string) string {
	_, rest, _ := strings.Cut(name, tree.ConflictMark+", ")
	device, _, found := strings.Cut(rest, ", ")
	if !found {
		return ""
	}
	return device
}

// winnerOf returns who wrote what has a name, and when; both are zero when nothing has it,
// or nobody knows.
func (r *folderRun) winnerOf(v *index.View, path string, replicas []tree.Replica) (
	tree.Replica, status.Moment, error,
) {
	dirs := []ident.EntryID{ident.Root}
	var last ident.EntryID
	for part := range strings.SplitSeq(path, "/") {
		var here []ident.EntryID
		for _, dir := range dirs {
			rows, err := v.BaseAt(dir, part)
			if err != nil {
				return tree.Replica{}, 0, err
			}
			for _, b := range rows {
				here = append(here, b.Entry)
			}
		}
		if len(here) == 0 {
			return tree.Replica{}, 0, nil
		}
		dirs, last = here, here[0]
	}
	row, ok, err := v.Entry(last)
	if err != nil || !ok {
		return tree.Replica{}, 0, err
	}
	author, when := authorOf(&row.Entry, replicas)
	return author, when, nil
}

// listConflicts carries out api.ConflictList.
func (a *agent) listConflicts(i api.ConflictList) (any, error) {
	folders, err := foldersMeant(a.Status(), i.Folder)
	if err != nil {
		return nil, err
	}
	out := []api.Conflict{}
	for _, f := range folders {
		all, _, err := a.conflictsOf(f)
		if err != nil && i.Folder == "" {
			continue // its status says why
		}
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			out = append(out, c.Conflict)
		}
	}
	return out, nil
}

// resolveConflict carries out api.ConflictResolve.
func (a *agent) resolveConflict(i api.ConflictResolve) (any, error) {
	if i.Keep != api.Mine && i.Keep != api.Theirs && i.Keep != api.Both {
		return nil, api.Errorf(api.Usage, "keep %q: want mine, theirs or both", i.Keep)
	}
	f, path, err := meant(a.Status(), i.Where, func(f status.Folder, path string) (bool, error) {
		found, _, err := a.conflictsAt(f, path)
		return len(found) > 0, err
	})
	if err != nil {
		return nil, err
	}
	found, r, err := a.conflictsAt(f, path)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, api.Errorf(api.NotFound, "%q is in no conflict; see `shoal conflicts list`", path)
	}
	// The copy wins when it is the one that is wanted; only one can take the name.
	wins := func(c *clash) bool { return i.Keep != api.Both && (i.Keep == api.Mine) == (c.Mine == "copy") }
	if n := len(slices.DeleteFunc(slices.Clone(found), func(c clash) bool { return !wins(&c) })); n > 1 {
		return nil, api.Errorf(api.Failed, "%d copies of %q could take its name: give the path of the one to keep", n, path)
	}
	out := []api.Resolved{}
	for n := range found {
		c := &found[n]
		done := api.Resolved{Folder: f.ID, FolderName: f.Name, Path: c.Path, Copy: c.Copy, Kept: "path"}
		switch {
		case i.Keep == api.Both:
			done.Kept = "both"
			done.NewName, err = r.keepBoth(c)
		case c.kind == tree.Dir:
			err = fmt.Errorf("%q is a directory: keep both, or move what you want of it yourself", c.Copy)
		case wins(c):
			done.Kept = "copy"
			err = r.keepCopy(c)
		default:
			err = r.dropCopy(c)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, done)
	}
	r.barrier()
	return out, nil
}

// dropCopy takes a conflict copy to the trash.
func (r *folderRun) dropCopy(c *clash) error {
	is, there, err := r.disk.Look(c.Copy)
	if err != nil || !there {
		return err
	}
	return r.carryOut([]tree.Order{{Op: tree.Remove, Path: c.Copy, Victim: &is, Old: c.content, By: r.agent.id}})
}

// keepCopy puts a conflict copy in the place of the file it lost to, which goes to the
// trash.
func (r *folderRun) keepCopy(c *clash) error {
	is, there, err := r.disk.Look(c.Copy)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%q is not there any more", c.Copy)
	}
	o := tree.Order{
		Op: tree.InstallFile, Path: c.Path, Content: c.content, Size: is.Size, Mode: is.Mode & 0o777,
		Mtime: is.Mtime, Copy: c.Copy, CopyStat: is, By: r.agent.id,
	}
	if c.kind == tree.Link {
		o.Op, o.Copy = tree.InstallLink, ""
		if o.Target, err = os.Readlink(filepath.Join(r.path, filepath.FromSlash(c.Copy))); err != nil {
			return err
		}
	}
	if _, err := r.putAt(o); err != nil {
		return err
	}
	return r.dropCopy(c)
}

// keepBoth gives a conflict copy a name of its own: it is a file like any other then.
func (r *folderRun) keepBoth(c *clash) (string, error) {
	is, there, err := r.disk.Look(c.Copy)
	if err != nil {
		return "", err
	}
	if !there {
		return "", fmt.Errorf("%q is not there any more", c.Copy)
	}
	dir, name := split(c.Path)
	ext := filepath.Ext(name)
	if ext == name {
		ext = "" // a name that begins with a dot
	}
	stem, of := strings.TrimSuffix(name, ext), cmp.Or(c.Device, "copy")
	for n := 1; n < 1000; n++ {
		tail := " (" + of + ")" + ext
		if n > 1 {
			tail = fmt.Sprintf(" (%s %d)%s", of, n, ext)
		}
		to := dir + cut(stem, tree.NameMax-len(tail)) + tail
		if _, taken, err := r.disk.Look(to); err != nil || taken {
			continue
		}
		return to, r.carryOut([]tree.Order{{Op: tree.Move, Path: c.Copy, To: to, Victim: &is}})
	}
	return "", fmt.Errorf("no name is free for %q", c.Copy)
}

// cut shortens a text to so many bytes, at a character.
func cut(text string, most int) string {
	for len(text) > max(most, 1) {
		runes := []rune(text)
		text = string(runes[:len(runes)-1])
	}
	return text
}
