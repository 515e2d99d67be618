package sim

import (
	"fmt"
	"testing"
	"time"
)

// What a first scan finds in a directory is hidden by the memory of its delete in another
// one of that name. So it is also where that delete is told of before a directory above
// both: a person has moved them into that one, and renamed it last of all.
func TestADeleteToldBeforeADirectoryAbove(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o := Calm(seed)
			o.Files = 0
			w := newWorld(o)
			a, b := w.devices[0], w.devices[1]
			a.furnish("d/old.txt", w.contents.small(100))
			for _, d := range w.devices {
				d.start()
			}
			w.rest()
			a.disk.mkdir("d/e") // after the first scan, so that b cannot derive its identity
			a.saves("d/e/a.txt")
			a.saves("d/e/b.txt")
			w.rest()
			w.away(b, true)
			b.crash()
			b.loseIndex()
			a.disk.mkdir("x")
			a.noteUnseen("x")
			w.run(5 * time.Second)
			a.moves("d", "x/d")
			w.run(5 * time.Second)
			a.delete("x/d/e/a.txt")
			a.moves("x", "y")
			w.run(5 * time.Second)
			b.start()
			w.away(b, false)
			for _, d := range w.devices {
				if d.disk.at("y/d/e/a.txt") != nil {
					t.Errorf("%s shows what was deleted", d.name)
				}
			}
			w.rest()
			w.sound(t)
		})
	}
}
