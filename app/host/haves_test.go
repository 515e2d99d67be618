package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A file whose delete waits for a person is on disk by the index alone. Who is told that its
// content is here asks for it for ever, and never learns that nobody has it.
func TestWhatIsGoneIsNotHere(t *testing.T) {
	r := &folderRun{}
	root := onDisk(t, r)
	indexed(t, r)
	body := []byte("twice the same")
	content := ident.ContentID(recipe.HashChunk(body))
	for i, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(root, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
		is, _, err := r.disk.Look(name)
		if err != nil {
			t.Fatal(err)
		}
		r.store.Apply(tree.Batch{Placed: []tree.Base{{
			Entry: ident.EntryID{byte(i + 1)}, Parent: ident.Root, Name: name, Content: content, Stat: is, Rev: 1,
		}}})
	}
	if err := r.store.Commit(); err != nil {
		t.Fatal(err)
	}
	holding := func() (path string) {
		err := r.look(func(v *index.View) (err error) {
			path, _, _, err = v.HoldingPath(content, r.isThere)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for range 2 {
		at := holding()
		if at == "" {
			t.Fatal("a content is not found while a file holds it")
		}
		if err := os.Remove(filepath.Join(root, at)); err != nil {
			t.Fatal(err)
		}
	}
	if at := holding(); at != "" {
		t.Errorf("a content is said to be at %q, which is gone", at)
	}
}
