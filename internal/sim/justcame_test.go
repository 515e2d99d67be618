package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// A person puts a file in place of a directory in which a file has come a moment ago, and
// the news of that comes after: it is deleted with the directory, and does not come back.
func TestWhatHadJustComeGoesWithItsDirectory(t *testing.T) {
	for seed := range uint64(8) {
		o := Calm(seed)
		o.Name, o.Files, o.Busy, o.Pause = "just came", 0, 0, 100*time.Millisecond
		w := newWorld(o)
		a, b := w.devices[0], w.devices[1]
		for _, d := range w.devices {
			d.start()
		}
		a.disk.mkdir("dir")
		a.saves("dir/first")
		w.until(t, time.Minute, func() bool { return w.same(true) })
		a.saves("dir/second")
		w.closely(t, func() bool { return b.disk.at("dir/second") != nil })
		second := b.disk.at("dir/second").content
		for _, path := range []string{"dir/first", "dir/second", "dir"} {
			if b.disk.at(path).kind == tree.File {
				b.witness().remove(b, path)
			}
			b.disk.remove(path)
			b.noteUnseen(path)
		}
		b.saves("dir")
		w.rest()
		w.sound(t)
		for _, d := range w.devices {
			d.disk.walk(func(path string, f *file) {
				if f.content == second {
					t.Errorf("seed %d: %s shows at %q what was deleted", seed, d.name, path)
				}
			})
		}
	}
}
