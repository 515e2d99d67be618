package sim

import (
	"strings"
	"testing"
	"time"
)

// A person rejects deletes of which nobody else has some: these are not wanted for ever, and
// not shown as on their way, but wait for a device that has them, or for a yes after all.
func TestRejectedAndNowhere(t *testing.T) {
	for _, end := range []string{"a yes", "a device that has it", "a yes after a restart"} {
		t.Run(end, func(t *testing.T) {
			w := braked(t, 3)
			a, b, c := w.devices[0], w.devices[1], w.devices[2]
			b.crash()
			a.saves("d1/rare.txt")
			w.run(20 * time.Second)
			if c.disk.at("d1/rare.txt") == nil {
				t.Fatal("c has not got it")
			}
			c.crash() // from now on the only one that has it
			w.run(time.Second)
			b.start()
			w.run(20 * time.Second)
			b.crash()
			w.run(time.Second)
			a.wipe(0, "d0", "d1", "d2", "d3", "d4", "d5")
			w.run(20 * time.Second)
			if a.heldFiles() == 0 {
				t.Fatal("nothing is held")
			}
			a.answer(false)
			w.run(4 * time.Minute)
			s := a.core.Snapshot()
			if a.heldFiles() == 0 || !s.Held[0].Lost || s.Folder.Totals.NeedFiles != 0 {
				t.Fatalf("held are %+v, %d files are needed", s.Held, s.Folder.Totals.NeedFiles)
			}
			for _, trouble := range s.Troubles {
				if strings.Contains(trouble.Path, "rare") {
					t.Errorf("it is a trouble too: %+v", trouble)
				}
			}
			switch end {
			case "a device that has it":
				c.start()
				w.run(30 * time.Second)
				if a.disk.at("d1/rare.txt") == nil || a.heldFiles() != 0 {
					t.Errorf("it has not come back; %d files are held", a.heldFiles())
				}
				return
			case "a yes after a restart":
				a.crash()
				w.run(time.Second)
				a.start()
				w.run(20 * time.Second)
			}
			a.answer(true)
			w.run(20 * time.Second)
			if s := a.core.Snapshot(); a.heldFiles() != 0 || s.Folder.Totals.Needs != 0 || len(s.Troubles) != 0 {
				t.Errorf("after the yes %d files are held, %d names needed: %v", a.heldFiles(), s.Folder.Totals.Needs, s.Troubles)
			}
		})
	}
}
