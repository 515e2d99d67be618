package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// An order moves a file just before a crash, and its outcome is not recorded. A person edits
// the file in its new place, or renames it there, and deletes it, or all of the directory,
// before the agent runs again: it is deleted everywhere.
func TestWhatWasMovedJustBeforeACrashAndDeletedStaysDeleted(t *testing.T) {
	for name, act := range map[string]func(d *device){
		"edited": func(d *device) {
			d.write("d/new")
			d.delete("d/new")
		},
		"renamed, with its directory": func(d *device) {
			d.moves("d/new", "d/newer")
			for _, path := range []string{"d/newer", "d"} {
				d.delete(path)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := family(t, 3)
			a, b := w.devices[0], w.devices[1]
			a.disk.mkdir("d")
			a.noteUnseen("d")
			a.write("d/old")
			w.rest()
			a.moves("d/old", "d/new")
			w.closely(t, func() bool { return b.disk.at("d/new") != nil })
			for id := range b.index.kept.bases {
				if at, _ := b.index.kept.pathOf(id); at == "d/new" {
					t.Fatal("it is another story: the move is recorded")
				}
			}
			b.crash()
			act(b)
			b.start()
			w.run(time.Minute)
			w.rest()
			w.sound(t)
			for _, d := range w.devices {
				d.disk.walk(func(path string, f *file) {
					if f.kind == tree.File && (path == "d/new" || path == "d/old" || path == "d/newer") {
						t.Errorf("%s shows %q, which was deleted", d.name, path)
					}
				})
			}
		})
	}
}
