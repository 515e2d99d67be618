package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
)

// What is restored is put in place by the disk, not by the folder's machine: to that it is
// the act of a person, found by a look and told to everybody like any other.

// restoreTrash carries out api.TrashRestore.
func (a *agent) restoreTrash(ctx context.Context, i api.TrashRestore) (any, error) {
	trash := map[ident.FolderID][]trashed{} // members are asked once
	holding := func(f status.Folder, path string) ([]trashed, *folderRun, error) {
		r, err := a.keeping(f)
		if err != nil {
			return nil, nil, err
		}
		all, asked := trash[f.ID]
		if !asked {
			if all, err = r.trashToRestore(ctx, i.Version); err != nil {
				return nil, nil, err
			}
			trash[f.ID] = all
		}
		return matching(all, path, i.Version), r, nil
	}
	f, path, err := meant(a.Status(), i.Where, func(f status.Folder, path string) (bool, error) {
		found, _, err := holding(f, path)
		return len(found) > 0, err
	})
	if err != nil {
		return nil, err
	}
	found, r, err := holding(f, path)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		text := fmt.Sprintf("nothing of %q is in the trash here or on a connected member", path)
		if i.Version != "" {
			text = fmt.Sprintf("no version %s of %q is in the trash here or on a connected member", i.Version, path)
		}
		return nil, api.Errorf(api.NotFound, "%s; see `shoal trash list`", text)
	}
	out := []api.Restored{}
	for n := range found {
		t := &found[n]
		if t.Path != path {
			if _, there, err := r.disk.Look(t.Path); err != nil || there {
				continue // of a directory only what is missing comes back
			}
		}
		replaced, err := r.restore(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("restore %q: %w (%d files were restored before)", t.Path, err, len(out))
		}
		out = append(out, api.Restored{
			Folder: f.ID, FolderName: f.Name, Path: t.Path, Version: t.version(), Size: int64(t.Size),
			Replaced: replaced, From: t.holder, FromName: a.personName(t.holder),
		})
	}
	return out, nil
}

// restore puts one file back. What has its place goes to the trash.
func (r *folderRun) restore(ctx context.Context, t *trashed) (replaced bool, err error) {
	o := tree.Order{
		Op: tree.InstallFile, Path: t.Path, Content: t.Content, Size: int64(t.Size), Mode: t.Mode,
		Mtime: t.Mtime, Copy: t.private, CopyStat: t.stat, By: r.agent.id,
	}
	switch {
	case t.kind == tree.Link:
		if o.Target, err = r.trashedTarget(t); err != nil {
			return false, err
		}
		o.Op = tree.InstallLink
	case t.kind != tree.File:
		return false, fmt.Errorf("a %s cannot be restored", t.kind)
	case t.private != "" && (t.changed || t.Content.IsZero()):
		if o.Content, err = r.contentOf(t); err != nil {
			return false, err
		}
	case t.private == "":
		if err := r.bring(ctx, t.Content, int64(t.Size)); err != nil {
			return false, err
		}
		defer r.post(folder.ContentUsed{Content: t.Content})
	}
	return r.putAt(o)
}

// contentOf names what a file of the trash holds that nobody has read since it was taken
// away, or that was written to. Of large ones that is of no matter: they are copied as they
// lie, while the name of a small one says what its bytes are.
func (r *folderRun) contentOf(t *trashed) (id ident.ContentID, err error) {
	if _, small := recipe.Implied(id, t.stat.Size); !small {
		return id, nil
	}
	made, err := r.disk.RecipeOf(t.private, t.stat)
	return made.ID(), err
}

// putAt lets the disk install something in place of whatever is there, which goes to the
// trash, and has the name looked at.
func (r *folderRun) putAt(o tree.Order) (replaced bool, err error) {
	is, there, err := r.disk.Look(o.Path)
	if err != nil {
		return false, err
	}
	if there && is.Kind == tree.Dir {
		return false, errors.New("a directory has its place: move that away first")
	}
	orders := r.missingParents(o.Path)
	if there {
		o.Victim = &is
	}
	orders = append(orders, o)
	return there, r.carryOut(orders)
}

// carryOut lets the disk do what a person asked for, and has the names looked at. It stops
// at the first order that is refused.
func (r *folderRun) carryOut(orders []tree.Order) error {
	var touched []string
	defer func() { r.post(settle.NamesTouched{Paths: touched}) }()
	for i := range orders {
		done := r.disk.Execute(orders[i : i+1])[0]
		if touched = append(touched, orders[i].Path); orders[i].To != "" {
			touched = append(touched, orders[i].To)
		}
		if done.Refusal != tree.Done {
			return errors.New(done.Detail)
		}
		if orders[i].Op == tree.InstallFile && orders[i].Copy == "" {
			r.dropStage(orders[i].Content)
		}
	}
	return nil
}

// missingParents are the orders that make the directories above a path.
func (r *folderRun) missingParents(path string) (orders []tree.Order) {
	for i, c := range path {
		if c != '/' {
			continue
		}
		if _, there, err := r.disk.Look(path[:i]); err == nil && !there {
			orders = append(orders, tree.Order{Op: tree.MakeDir, Path: path[:i], Mode: 0o755})
		}
	}
	return orders
}

// trashedTarget reads where a link of the trash points. It is believed only when it is
// what was taken away.
func (r *folderRun) trashedTarget(t *trashed) (string, error) {
	target, err := os.Readlink(filepath.Join(r.path, filepath.FromSlash(t.private)))
	if err == nil && !t.Content.IsZero() && recipe.LinkID(target) != t.Content {
		err = errors.New("the link in the trash was changed")
	}
	return target, err
}

// bring fetches a content from the members who hold it into the stage.
func (r *folderRun) bring(ctx context.Context, content ident.ContentID, size int64) error {
	came := make(chan error, 1)
	r.mu.Lock()
	if r.brought[content] != nil {
		r.mu.Unlock()
		return errors.New("it is being restored already")
	}
	r.brought[content] = came
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.brought, content)
		r.mu.Unlock()
	}()
	r.post(folder.ContentAsked{Content: content, Size: size})
	select {
	case err := <-came:
		return err
	case <-r.ctx.Done():
		return errors.New("the folder stopped meanwhile")
	case <-ctx.Done():
		r.post(folder.ContentUsed{Content: content})
		return ctx.Err()
	}
}

// contentCame tells whoever waits for a content how it went.
func (r *folderRun) contentCame(content ident.ContentID, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if came := r.brought[content]; came != nil {
		select {
		case came <- err:
		default: // told already
		}
	}
}

// keepChanged gives a file back that a program wrote to after it had been replaced: as a
// conflict copy beside its successor, for it holds what is nowhere else. The one in the
// trash stays, too.
func (r *folderRun) keepChanged(t disk.Trashed) {
	const why = "a program wrote to the old version after it was taken away"
	name, err := r.copyChanged(t)
	e := status.Event{Kind: status.Conflict, Folder: r.id, Path: name, Detail: why}
	if err != nil {
		e = status.Event{Kind: status.Trouble, Folder: r.id, Path: t.Path,
			Detail: why + "; it stays in the trash: " + err.Error()}
	}
	r.agent.events.add(e)
}

func (r *folderRun) copyChanged(t disk.Trashed) (name string, err error) {
	if t.Stat.Kind != tree.File {
		return "", fmt.Errorf("it is a %s", t.Stat.Kind)
	}
	made, err := r.disk.RecipeOf(t.Private, t.Stat)
	if err != nil {
		return "", err
	}
	dir, last := split(t.Path)
	name = dir + merge.ConflictName(last, r.agent.ownName(), time.Unix(0, t.Stat.Mtime).UnixMilli())
	o := tree.Order{
		Op: tree.InstallFile, Path: name, Content: made.ID(), Size: t.Stat.Size,
		Mode: t.Stat.Mode & 0o777, Mtime: t.Stat.Mtime, Copy: t.Private, CopyStat: t.Stat,
	}
	return name, r.carryOut(append(r.missingParents(name), o))
}

// split parts a path into its directory, with a slash unless it is the top, and its name.
func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/') + 1
	return path[:i], path[i:]
}
