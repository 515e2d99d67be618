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

// A file gives its name up to a directory that was moved beside it. That move turns out to
// be one of a cycle, and is undone: the file has its name again, on those too who had given
// it another one.
func TestAFileHasItsNameAgainWhenADirectoryIsShownElsewhere(t *testing.T) {
	w := kin(t, 4, 4)
	a, b, c, d := w.devices[0], w.devices[1], w.devices[2], w.devices[3]
	for _, dir := range []string{"x", "n"} {
		a.disk.mkdir(dir)
		a.noteUnseen(dir)
		a.write(dir + "/in" + dir)
	}
	w.run(30e9)
	w.away(a, true)
	w.away(c, true)
	a.moves("x", "n/x")
	w.run(5e9)
	c.moves("n", "x/n")
	w.run(5e9)
	d.write("x/n")
	w.run(30e9)
	w.away(d, true)
	w.away(c, false)
	w.run(30e9)
	if f := b.disk.at("x/n"); f == nil || f.kind != tree.Dir {
		t.Fatalf("it is another story: b shows %v", b.files())
	}
	w.away(a, false)
	w.run(60e9)
	w.sound(t)
	for _, o := range []*device{a, b, c} {
		if f := o.disk.at("n/x/n"); f == nil || f.kind != tree.File {
			t.Errorf("%s shows %v", o.name, o.files())
		}
	}
}
