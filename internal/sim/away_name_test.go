package sim

import (
	"testing"

	"github.com/shoal-sync/shoal/sync/tree"
)

// Two directories are moved into one another, and the later move is undone: that directory
// is shown where it was, unless a file has come to its name there. When that file goes,
// those who show it under another name give it its own again, also those who were started
// anew since; and when another one comes, they take it away.
func TestADirectoryOutOfACycleFollowsWhoHasItsName(t *testing.T) {
	w := family(t, 4)
	a, b, c := w.devices[0], w.devices[1], w.devices[2]
	for _, dir := range []string{"x", "y"} {
		a.disk.mkdir(dir)
		a.noteUnseen(dir)
		a.write(dir + "/in" + dir)
	}
	w.run(30e9)
	w.away(a, true)
	a.moves("x", "y/x")
	w.run(5e9)
	b.moves("y", "x/y")
	w.run(30e9)
	w.away(b, true)
	c.write("y")
	w.away(a, false)
	shows := func(kind tree.Kind, devices ...*device) {
		t.Helper()
		w.run(60e9)
		w.sound(t)
		for _, d := range devices {
			if f := d.disk.at("y"); f == nil || f.kind != kind {
				t.Fatalf("%s shows %v", d.name, d.files())
			}
		}
	}
	shows(tree.File, a, c)
	a.crash()
	w.run(1e9)
	a.start()
	shows(tree.File, a, c)
	c.delete("y")
	shows(tree.Dir, a, c)
	b.write("y")
	w.away(b, false)
	shows(tree.File, a, b, c)
	w.rest()
	w.sound(t)
}
