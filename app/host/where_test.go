package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Lists show paths as they are in their folder; people give them from where they are.
func TestAPathIsMeantAsListsShowItToo(t *testing.T) {
	root := t.TempDir()
	work, play := filepath.Join(root, "work"), filepath.Join(root, "play")
	if err := os.MkdirAll(filepath.Join(work, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sees", "dir/sees", "dir/again"} {
		if err := os.WriteFile(filepath.Join(work, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	view := status.View{Folders: []status.Folder{
		{ID: ident.FolderID{1}, Name: "work", Path: work}, {ID: ident.FolderID{2}, Name: "play", Path: play},
	}}
	there := map[string]bool{
		"work:a": true, "work:dir/a": true, "work:dir/b": true, "work:c": true,
		"play:c": true, "play:d": true, "play:both": true, "work:..e": true,
		"play:sees": true, "work:again": true, "work:dir/again": true,
	}
	known := func(f status.Folder, path string) (bool, error) { return there[f.Name+":"+path], nil }
	for _, c := range []struct{ stands, gives, want string }{
		{work, "a", "work:a"},
		{filepath.Join(work, "dir"), "b", "work:dir/b"},
		{filepath.Join(work, "dir"), "dir/b", "work:dir/b"}, // as it is listed
		{filepath.Join(work, "dir"), "c", "work:c"},
		{filepath.Join(work, "dir"), "a", "!dir/a"}, // or the other one
		{root, "d", "play:d"},
		{work, "d", "play:d"}, // of another folder, when this one has nothing like it
		{work, "c", "work:c"},
		{root, "c", "!--folder"},
		{root, "none", "!no folder kept here"},
		{work, "none", "work:none"},
		{root, "work/a", "work:a"},
		{filepath.Join(work, "dir"), "..", "work:."},
		{filepath.Join(work, "dir"), ".", "work:dir"},
		{filepath.Join(work, "dir"), "../a", "work:a"},
		{root, "..e", "work:..e"},
		// What is seen before one is meant, not a namesake of which more is known.
		{work, "sees", "work:sees"},
		{filepath.Join(work, "dir"), "sees", "work:dir/sees"},
		{root, "sees", "play:sees"},
		{filepath.Join(work, "dir"), "again", "!dir/again"},
	} {
		w := api.Where{Path: filepath.Join(c.stands, filepath.FromSlash(c.gives)), Listed: c.gives}
		f, path, err := meant(view, w, known)
		got := f.Name + ":" + path
		if err != nil {
			got = "!" + err.Error()
		}
		refused := strings.HasPrefix(c.want, "!") && err != nil && strings.Contains(got, c.want[1:])
		if got != c.want && !refused {
			t.Errorf("who stands in %s and gives %s means %s, want %s", c.stands, c.gives, got, c.want)
		}
	}
	// A full path, or one of a folder, says what it means.
	if _, _, err := meant(view, api.Where{Path: filepath.Join(root, "c")}, known); err == nil {
		t.Error("a full path outside of all folders means something")
	}
	if f, path, err := meant(view, api.Where{Folder: "work", Path: "d", Listed: "d"}, known); err != nil || f.Name != "work" || path != "d" {
		t.Errorf("with a folder: %s:%s, %v", f.Name, path, err)
	}
}
