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
