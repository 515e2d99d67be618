package sim

import (
	"bytes"
	"testing"
)

// A device that had fetched a found content keeps it as a copy, and writes the copy's name
// down. Who found the content has deleted it meanwhile: the name makes it nobody's work.
func TestANamedCopyOfADeletedFindEnds(t *testing.T) {
	o := Calm(5)
	o.Nodes, o.Files = 3, 0
	w := newWorld(o)
	a, b, c := w.devices[0], w.devices[1], w.devices[2]
	found, other := w.contents.small(100), w.contents.small(101)
	if bytes.Compare(found.id[:], other.id[:]) < 0 {
		found, other = other, found
	}
	a.furnish("e", found)
	c.furnish("e", other)
	for _, d := range w.devices {
		d.start()
	}
	w.away(c, true)
	w.run(30e9)
	if f := b.disk.at("e"); f == nil || f.content != found {
		t.Fatal("b has not fetched what a found")
	}
	w.away(a, true)
	w.away(c, false)
	w.run(30e9)
	a.delete("e")
	w.run(30e9)
	w.away(a, false)
	w.rest()
	w.sound(t)
	for _, d := range w.devices {
		d.disk.walk(func(path string, f *file) {
			if f.content == found {
				t.Errorf("%s shows at %q what was deleted by who had found it", d.name, path)
			}
		})
	}
}
