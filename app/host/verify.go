package host

import (
	"context"
	"errors"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
)

// verifyFolder carries out api.FolderVerify.
func (a *agent) verifyFolder(ctx context.Context, i api.FolderVerify) (any, error) {
	f, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	out := &api.Verified{ID: f.ID, Name: f.Name, Damaged: []string{}, Unreadable: []string{}}
	if err := r.verifyBelow(ctx, ident.Root, "", out); err != nil {
		return nil, err
	}
	r.barrier()
	return *out, nil
}

// verifyBelow reads what a directory holds, and all below it.
func (r *folderRun) verifyBelow(ctx context.Context, dir ident.EntryID, at string, out *api.Verified) error {
	var rows []tree.Base
	err := r.look(func(v *index.View) (err error) {
		rows, err = v.BaseList(dir)
		return err
	})
	if err != nil {
		return err
	}
	last := ""
	for i := range rows {
		b := &rows[i]
		path := at + b.Name
		switch {
		case r.ctx.Err() != nil:
			return errors.New("the folder stopped while it was verified")
		case ctx.Err() != nil:
			return ctx.Err()
		case b.Stat.Kind == tree.Dir:
			err = r.verifyBelow(ctx, b.Entry, path+"/", out)
		case b.Stat.Kind == tree.File && path != last: // several entries may be one file
			r.verifyFile(path, b, out)
			last = path
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *folderRun) verifyFile(path string, b *tree.Base, out *api.Verified) {
	made, err := r.disk.RecipeOf(path, b.Stat)
	switch {
	case errors.Is(err, disk.ErrChanged), err == nil && b.Racy && made.ID() != b.Content:
		// Its time does not tell whether somebody wrote to it: that is for a look to find.
		out.Changed++
		r.post(settle.NamesTouched{Paths: []string{path}})
	case err != nil:
		out.Unreadable = append(out.Unreadable, path)
	case made.ID() != b.Content:
		out.Damaged = append(out.Damaged, path)
		r.post(folder.RotFound{Path: path, Rev: b.Rev, Content: made.ID()})
		fallthrough
	default:
		out.Files, out.Bytes = out.Files+1, out.Bytes+b.Stat.Size
	}
}

// verifyHolder reads the file that is said to hold a content, of which no copy could be
// made. It may look as it did when it was read, and hold other bytes: an old copy of the
// index was put back, or the disk has lost them. No look finds that out.
func (r *folderRun) verifyHolder(content ident.ContentID) {
	r.start(func() {
		r.inTurn(r.haves.own, func() {
			rot, found, err := r.rotOf(content)
			if err != nil {
				r.log.Debug("a file that could not be copied cannot be verified", "path", rot.Path, "reason", err)
			} else if found {
				r.post(rot)
			}
		})
	})
}

// rotOf tells what the file that is said to hold a content holds in its place.
func (r *folderRun) rotOf(content ident.ContentID) (rot folder.RotFound, found bool, err error) {
	var base tree.Base
	err = r.look(func(v *index.View) (err error) {
		rot.Path, base, found, err = v.HoldingPath(content, r.isThere)
		return err
	})
	if err != nil || !found {
		return rot, false, err
	}
	made, err := r.disk.RecipeOf(rot.Path, base.Stat)
	rot.Rev, rot.Content = base.Rev, made.ID()
	return rot, rot.Content != content, err
}
