package sim

import (
	"testing"
	"time"
)

// A device that has lost its index finds a file anew, a person moves that and saves another
// one over it, and between the look that met it in its new place and the next one the entry
// that the others have for the file takes it over. It is not where that entry has it, and a
// look at the name tells so.
func TestAFileThatMovedJustBeforeAnotherEntryTookIt(t *testing.T) {
	for wait := 60 * time.Millisecond; wait < 160*time.Millisecond; wait += 2 * time.Millisecond {
		w := family(t, 3)
		a := w.devices[0]
		a.disk.mkdir("d")
		a.noteUnseen("d")
		for _, name := range []string{"d/x", "d/z"} {
			c := w.contents.small(1000)
			a.witness().save(a, name, c)
			a.disk.save(name, c)
			a.noteUnseen(name)
		}
		w.rest()
		w.away(a, true)
		a.crash()
		a.loseIndex()
		a.start()
		w.run(30e9)
		a.far = false
		for _, e := range a.order {
			e.link.restore()
		}
		w.run(wait)
		a.moves("d/x", "d/y")
		w.run(30 * time.Millisecond)
		a.moves("d/z", "d/y")
		w.rest()
		if w.failed != nil {
			t.Fatalf("after %v: %v", wait, w.failed)
		}
	}
}
