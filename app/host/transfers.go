package host

import (
	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/tree"
)

// queueShown is how many files of a folder are listed: what comes next, not all of it.
const queueShown = 100

// listTransfers carries out api.TransferList.
func (a *agent) listTransfers(i api.TransferList) (any, error) {
	folders, err := foldersMeant(a.Status(), i.Folder)
	if err != nil {
		return nil, err
	}
	out := api.Transfers{Queue: []api.Transfer{}}
	for _, f := range folders {
		out.Files += f.NeedFiles
		out.Bytes += f.NeedBytes
		if f.NeedFiles == 0 {
			continue
		}
		r, err := a.keeping(f)
		if err != nil {
			continue // it is broken, which its status says
		}
		err = r.look(func(v *index.View) error {
			rows, err := v.Needs(0, queueShown)
			for _, row := range rows {
				path, ok, bad := wantedPath(v, &row.Entry)
				if bad != nil {
					return bad
				}
				if ok && row.Entry.Kind == tree.File && row.Entry.Live() {
					out.Queue = append(out.Queue, api.Transfer{
						Folder: f.ID, FolderName: f.Name, Path: path, Size: row.Entry.Content.Size,
					})
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// depthMax bounds how far a path is followed upwards, should directories lie in a circle.
const depthMax = 1000

// wantedPath says where an entry is to be; false when a directory above it is not known.
func wantedPath(v *index.View, e *tree.Entry) (string, bool, error) {
	path, dir := e.Place.Name, e.Place.Parent
	for range depthMax {
		if dir == ident.Root {
			return path, true, nil
		}
		row, ok, err := v.Entry(dir)
		if err != nil || !ok {
			return "", false, err
		}
		path, dir = row.Entry.Place.Name+"/"+path, row.Entry.Place.Parent
	}
	return "", false, nil
}
