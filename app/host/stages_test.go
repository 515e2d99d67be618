package host

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Small files whose only bytes lie in this device's own stage, where a crash has left them,
// or in its trash, are put in place from there: nobody else has to have them.
func TestSmallContentsAreFoundHereAfterARestart(t *testing.T) {
	root := t.TempDir()
	r := &folderRun{
		log: slog.New(slog.NewTextHandler(io.Discard, nil)), stages: map[ident.ContentID]*disk.Stage{},
	}
	var err error
	if r.store, _, err = index.Open(filepath.Join(t.TempDir(), "index.db")); err != nil {
		t.Fatal(err)
	}
	if r.disk, err = disk.Create(root, disk.Limits{}); err != nil {
		t.Fatal(err)
	}
	left, deleted := []byte("left in the stage"), []byte("in the trash")
	idOf := func(body []byte) ident.ContentID { return ident.ContentID(recipe.HashChunk(body)) }
	if err := r.disk.PutWhole(idOf(left), left); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "b"), deleted, 0o600); err != nil {
		t.Fatal(err)
	}
	is, _, err := r.disk.Look("b")
	if err != nil {
		t.Fatal(err)
	}
	r.executes(t, tree.Order{Op: tree.Remove, Path: "b", Victim: &is, Old: idOf(deleted)})
	token := r.disk.Identity()
	if err := r.disk.Close(); err != nil {
		t.Fatal(err)
	}
	if r.disk, err = disk.Open(root, token, disk.Limits{}); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"a": left, "b": deleted, "neither": []byte("nowhere")} {
		implied, _ := recipe.Implied(idOf(body), int64(len(body)))
		s, err := r.stageWithOwn(swarm.OpenStage{Content: idOf(body), Recipe: implied})
		if err != nil {
			t.Fatal(err)
		}
		if s.Has(0) != (name != "neither") {
			t.Errorf("%s: found here %v", name, s.Has(0))
		}
		if name == "neither" {
			continue
		}
		r.executes(t, tree.Order{Op: tree.InstallFile, Path: name, Content: idOf(body), Size: int64(len(body)), Mode: 0o600})
		if text, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(text) != string(body) {
			t.Errorf("%s holds %q, %v", name, text, err)
		}
	}
	for _, end := range []func() error{r.disk.Close, r.store.Close} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
}

func (r *folderRun) executes(t *testing.T, o tree.Order) {
	t.Helper()
	if out := r.disk.Execute([]tree.Order{o}); out[0].Refusal != tree.Done {
		t.Fatalf("%s is refused: %+v", o.Path, out[0])
	}
}

// A file of which no copy could be made is read: it may look as it did and hold other bytes.
func TestRotIsFoundByACopy(t *testing.T) {
	root := t.TempDir()
	r := &folderRun{}
	var err error
	if r.disk, err = disk.Create(root, disk.Limits{}); err != nil {
		t.Fatal(err)
	}
	if r.store, _, err = index.Open(filepath.Join(t.TempDir(), "index.db")); err != nil {
		t.Fatal(err)
	}
	path, was, is := filepath.Join(root, "f"), []byte("as it was"), []byte("as it is!")
	if err := os.WriteFile(path, was, 0o600); err != nil {
		t.Fatal(err)
	}
	looked, _, err := r.disk.Look("f")
	if err != nil {
		t.Fatal(err)
	}
	content, now := ident.ContentID(recipe.HashChunk(was)), ident.ContentID(recipe.HashChunk(is))
	r.store.Apply(tree.Batch{Placed: []tree.Base{{
		Entry: ident.EntryID{1}, Parent: ident.Root, Name: "f", Content: content, Stat: looked, Rev: 7,
	}}})
	if err := r.store.Commit(); err != nil {
		t.Fatal(err)
	}
	if rot, found, err := r.rotOf(content); found || err != nil {
		t.Errorf("what is whole is taken for damaged: %+v, %v", rot, err)
	}
	if err := os.WriteFile(path, is, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(0, looked.Mtime)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	want := folder.RotFound{Path: "f", Rev: 7, Content: now}
	if rot, found, err := r.rotOf(content); rot != want || !found || err != nil {
		t.Errorf("got %+v %v, %v; want %+v", rot, found, err, want)
	}
	for _, end := range []func() error{r.disk.Close, r.store.Close} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
}
