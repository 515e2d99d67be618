package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// placeWait is how long a file whose bytes are here may take to come to its place.
const placeWait = time.Minute

// installWait is how long a content may be neither staged nor in its place: a few steps of
// the disk, which may be slow.
const installWait = 20 * time.Second

// wantedFile is a file that a person wants to have.
type wantedFile struct {
	wire.NameItem
	mode uint32
	here bool // in its place
}

// fetch carries out api.Fetch.
func (a *agent) fetch(ctx context.Context, i api.Fetch) (any, error) {
	f, at, err := api.FindResult(a.Status(), i.Result)
	if err != nil {
		return nil, err
	}
	r, err := a.keeping(f)
	if err != nil {
		return nil, err
	}
	w, err := r.findWanted(ctx, at)
	if err != nil {
		return nil, err
	}
	if w.Kind != tree.File {
		return nil, api.Errorf(api.Usage, "%s is a %s: fetch a file", i.Result, w.Kind)
	}
	out := api.Fetched{Folder: f.ID, Path: at, Size: int64(w.Size)}
	if i.To == "" {
		out.At = filepath.Join(r.path, filepath.FromSlash(at))
		return out, r.awaitInPlace(ctx, w)
	}
	out.At, err = r.copyTo(ctx, w, i.To)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", i.Result, err)
	}
	return out, nil
}

// findWanted finds what a path of the folder names, here or at a connected member.
func (r *folderRun) findWanted(ctx context.Context, at string) (w wantedFile, err error) {
	var row tree.Row
	var found bool
	err = r.look(func(v *index.View) (err error) {
		row, w.here, found, err = v.At(at)
		return err
	})
	if err != nil {
		return w, err
	}
	if found {
		w.NameItem = nameItem(&index.Named{Path: at, Row: row})
		w.mode = row.Entry.Attrs.Mode & 0o777
		return w, nil
	}
	for _, items := range r.askNames(ctx, []string{path.Base(at)}, wire.NamesMax, nil) {
		same := func(item wire.NameItem) bool { return item.Path == at }
		if n := slices.IndexFunc(items, same); n >= 0 {
			return wantedFile{NameItem: items[n], mode: 0o644}, nil
		}
	}
	return w, api.Errorf(api.NotFound, "nothing called %q is known here or on a connected member", at)
}

// awaitInPlace has a file fetched before others, and waits until it is in its place.
func (r *folderRun) awaitInPlace(ctx context.Context, w wantedFile) error {
	if w.here {
		return nil
	}
	if w.Content != recipe.Empty {
		if err := r.bring(ctx, w.Content, int64(w.Size)); err != nil {
			return err
		}
		r.post(folder.ContentUsed{Content: w.Content})
	}
	ctx, cancel := context.WithTimeout(ctx, placeWait)
	defer cancel()
	for {
		changed := r.agent.news.next()
		here := false
		err := r.look(func(v *index.View) (err error) {
			_, here, _, err = v.At(w.Path)
			return err
		})
		if err != nil || here {
			return err
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return errors.New("the folder stopped meanwhile")
		case <-ctx.Done():
			return fmt.Errorf("the bytes of %q are here but it does not come to its place: see `shoal why`; "+
				"--to DIR puts a copy elsewhere", w.Path)
		}
	}
}

// copyTo puts a copy of a file into a directory and returns its path. It replaces nothing.
func (r *folderRun) copyTo(ctx context.Context, w wantedFile, dir string) (string, error) {
	name := path.Base(w.Path)
	if err := tree.CheckName(name); err != nil {
		return "", err
	}
	system := names.Of(runtime.GOOS)
	if why := system.Refusal(name); why != "" {
		return "", fmt.Errorf("this system has no place for the name %q: %s", name, why)
	}
	if !filepath.IsAbs(dir) {
		return "", api.Errorf(api.Usage, "%q is no full path", dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	to := filepath.Join(dir, name)
	if _, err := os.Lstat(to); err == nil {
		return "", fmt.Errorf("%s is there already, and is left as it is", to)
	}
	if !w.here && w.Content != recipe.Empty {
		if err := r.bring(ctx, w.Content, int64(w.Size)); err != nil {
			return "", err
		}
		defer r.post(folder.ContentUsed{Content: w.Content})
	}
	beside := stageBeside(dir)
	err := r.copyBy(ctx, w, beside, to)
	if err != nil && beside != dir && ctx.Err() == nil && !errors.Is(err, fs.ErrExist) {
		// Another volume is mounted in the folder: what is private lies on the folder's own.
		err = r.copyBy(ctx, w, dir, to)
	}
	return to, err
}

// copyBy writes a copy into one directory and gives it its name in another.
func (r *folderRun) copyBy(ctx context.Context, w wantedFile, dir, to string) error {
	made, err := r.writeCopy(ctx, w, dir)
	if err == nil {
		err = nameNew(made, to)
	}
	if made != "" {
		err = errors.Join(err, removeIfThere(made))
	}
	return err
}

// stageBeside is where a copy for a directory is written before it has its name: in a
// folder that is kept in sync, by this agent or another, where nobody takes it for a file of
// people.
func stageBeside(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		private := filepath.Join(at, tree.PrivateDir)
		if _, err := os.Lstat(filepath.Join(private, "root")); err == nil {
			stage := filepath.Join(private, "stage")
			if info, err := os.Lstat(stage); err == nil && info.IsDir() {
				return stage
			}
			return dir
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// nameNew gives a file another name, if nothing has that.
func nameNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// A volume without second names. The look and the rename are two steps there.
	if _, err := os.Lstat(to); err == nil {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	return os.Rename(from, to)
}

func removeIfThere(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeCopy writes a content, which is here, to a new file in a directory.
func (r *folderRun) writeCopy(ctx context.Context, w wantedFile, dir string) (name string, err error) {
	file, err := os.CreateTemp(dir, ".shoal-fetch-*")
	if err != nil {
		return "", err
	}
	found, ok := r.recipeOf(w.Content, int64(w.Size))
	if !ok {
		err = errors.New("it is not known any more how its bytes lie together; look for it again")
	}
	for i := 0; i < len(found.Chunks) && err == nil; i++ {
		if err = ctx.Err(); err == nil {
			err = r.writePiece(ctx, file, w.Content, i, found.Chunks[i])
		}
	}
	if err == nil && runtime.GOOS != "windows" {
		err = file.Chmod(fs.FileMode(w.mode))
	}
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Chtimes(file.Name(), time.Time{}, time.Unix(0, w.Mtime))
	}
	return file.Name(), err
}

// writePiece appends a piece to a file: from the stage or from where it is installed. While
// the content goes from the one to the other it is in neither for as long as the disk takes.
func (r *folderRun) writePiece(ctx context.Context, file *os.File, content ident.ContentID, i int, c recipe.Chunk) error {
	ask := wire.PieceAsk{Content: content, Chunk: c.ID, Index: uint32(i), Size: c.Size}
	ctx, cancel := context.WithTimeout(ctx, installWait)
	defer cancel()
	for {
		changed := r.agent.news.next()
		data, err := r.readOpen(job{run: r, ask: ask}, nil)
		if err == nil && recipe.HashChunk(data) != c.ID {
			err = disk.ErrChanged
		}
		if err == nil {
			_, err = file.Write(data)
			return err
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return errors.New("the folder stopped meanwhile")
		case <-ctx.Done():
			return err
		}
	}
}
