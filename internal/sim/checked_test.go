package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// What was deleted while the brake was off stays unchecked over restarts, whether the brake
// is set before one or by one: whoever hears of it later holds it.
func TestUncheckedDeletesOutliveRestarts(t *testing.T) {
	for _, byRestart := range []bool{false, true} {
		t.Run(fmt.Sprint("set by a restart ", byRestart), func(t *testing.T) {
			w := braked(t, 2)
			a, b := w.devices[0], w.devices[1]
			before := len(b.files())
			b.crash()
			a.brake.Off = true
			a.handle(folder.BrakeSet{Brake: a.brake})
			a.wipe(0, "d0", "d1", "d2", "d3", "d4", "d5")
			w.run(20 * time.Second)
			a.brake.Off = false
			if !byRestart {
				a.handle(folder.BrakeSet{Brake: a.brake})
				w.run(time.Second)
			}
			a.crash()
			a.start()
			w.run(2 * time.Minute)
			a.wipe(0, a.files()[0])
			w.run(20 * time.Second)
			b.start()
			w.run(time.Minute)
			if n, held := len(b.files()), b.heldFiles(); before-n > 1 || held < 200 {
				t.Errorf("b has %d files of %d and holds %d", n, before, held)
			}
		})
	}
}

// However much is known to be meant, a person's yes is taken in, and told.
func TestYesIsTakenWhenMuchIsChecked(t *testing.T) {
	var much []tree.Range
	for i := range uint64(4000) {
		much = append(much, tree.Range{Replica: 99, From: 2*i + 1, To: 2*i + 1})
	}
	for _, off := range []bool{true, false} {
		t.Run(fmt.Sprint("brake off ", off), func(t *testing.T) {
			w := braked(t, 2)
			a, b := w.devices[0], w.devices[1]
			asked := a
			if a.brake.Off = off; off {
				asked = b
			}
			a.handle(folder.BrakeSet{Brake: a.brake})
			asked.handle(folder.CheckedHeard{Ranges: much})
			a.wipe(0, "d0", "d1", "d2", "d3", "d4", "d5")
			w.run(30 * time.Second)
			if n := asked.heldFiles(); n < 200 {
				t.Fatalf("%s holds %d files", asked.name, n)
			}
			asked.answer(true)
			w.calm(t)
			if n := len(b.files()); n != len(a.files()) || a.heldFiles()+b.heldFiles() != 0 {
				t.Errorf("after the yes a has %d files and b %d, which holds %d", len(a.files()), n, b.heldFiles())
			}
		})
	}
}

// A device whose index was made anew knows nothing of the files that it has: what others
// deleted of them with the brake off still waits for a yes.
func TestUncheckedDeletesMeetANewIndex(t *testing.T) {
	for _, approve := range []bool{true, false} {
		t.Run(fmt.Sprint("approve ", approve), func(t *testing.T) {
			w := braked(t, 2)
			a, b := w.devices[0], w.devices[1]
			// Entries that both find at first have one id; these have not.
			var fresh []string
			for i := range 300 {
				path, c := fmt.Sprintf("fresh%03d", i), w.contents.some()
				fresh = append(fresh, path)
				a.witness().save(a, path, c)
				a.disk.save(path, c)
			}
			w.calm(t)
			b.crash()
			a.brake.Off = true
			a.handle(folder.BrakeSet{Brake: a.brake})
			before := len(b.files())
			a.wipe(0, fresh...)
			w.run(20 * time.Second)
			b.loseIndex()
			b.start()
			for _, e := range b.order {
				e.link.restore()
			}
			for dead := 0; dead < 300; { // a, which would delete what b finds, is gone by then
				dead = 0
				for _, r := range b.index.live.entries {
					if !r.Entry.Live() {
						dead++
					}
				}
				w.run(time.Millisecond)
			}
			a.crash()
			w.run(time.Minute)
			if n, held := len(b.files()), b.heldFiles(); n != before || held != 300 {
				t.Fatalf("b has %d files of %d and holds %d", n, before, held)
			}
			a.start()
			want := len(a.files())
			if !approve {
				want = before
			}
			b.answer(approve)
			w.calm(t)
			for _, d := range w.devices {
				if n := len(d.files()); n != want || d.heldFiles() != 0 {
					t.Errorf("%s has %d files, want %d, and holds %d", d.name, n, want, d.heldFiles())
				}
			}
		})
	}
}
