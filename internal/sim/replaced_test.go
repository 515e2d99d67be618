package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// where returns the paths at which a disk shows a content.
func (d *device) where(c *content) (out []string) {
	d.disk.walk(func(path string, f *file) {
		if f.kind == tree.File && f.content == c {
			out = append(out, path)
		}
	})
	return out
}

// unwanted fails when a device shows, or waits for, a content that was done without.
func (w *World) unwanted(t *testing.T, c *content) {
	t.Helper()
	w.run(time.Minute)
	for _, d := range w.devices {
		if at := d.where(c); len(at) > 0 {
			t.Errorf("%s shows at %q what was done without knowingly", d.name, at)
		}
		if n := d.core.Snapshot().Folder.Totals.Needs; n != 0 {
			t.Errorf("%s waits for %d", d.name, n)
		}
	}
}

// An edit that somebody has seen, and edited again or deleted, is done without. That stays
// so when what was done to it loses to what a third person did, apart from both: who meets
// the first edit and the third person's work keeps the edit beside that, and the copy ends.
func TestACopyOfWhatWasDoneWithoutEnds(t *testing.T) {
	const path = "old0.txt"
	for _, then := range []string{"edited", "deleted"} {
		kept := 0
		for seed := range uint64(8) {
			t.Run(fmt.Sprint(then, seed), func(t *testing.T) {
				w := kin(t, seed, 4)
				a, b, c, d := w.devices[0], w.devices[1], w.devices[2], w.devices[3]
				w.away(c, true)
				a.write(path)
				w.run(10 * time.Second)
				edit := a.disk.at(path).content
				w.away(d, true)
				var again *content
				if c.write(path); then == "edited" {
					b.write(path)
					again = b.disk.at(path).content
					c.write(path)
				} else {
					b.delete(path)
					c.delete(path)
				}
				w.run(10 * time.Second)
				c.far, d.far = false, false
				for _, e := range c.order {
					e.link.raise() // what the third person did is told to all at once
				}
				w.run(400 * time.Millisecond)
				for _, r := range d.index.live.entries {
					if r.Entry.IsConflict() && r.Entry.Content.ID == edit.id {
						kept++
					}
				}
				for _, e := range d.order {
					e.link.restore()
				}
				w.unwanted(t, edit)
				if again != nil && len(a.where(again)) != 1 {
					t.Error("the second edit is not kept")
				}
				w.sound(t)
			})
		}
		if kept == 0 {
			t.Errorf("nobody kept what was %s", then)
		}
	}
}

// shuffle lets directories of a device that does not run take one another's places: d0/e
// that of d3, which goes where d0/e was, and with d0 into what is d3 now.
func (d *device) shuffle() {
	d.crash()
	for _, m := range [][2]string{{"d0/e", "swap"}, {"d3", "d0/e"}, {"swap", "d3"}, {"d0", "d3/f"}} {
		d.witness().move(d, m[0], m[1])
		d.disk.rename(m[0], m[1])
		d.noteUnseen(m[1])
	}
	d.start()
}

// By the time it is looked at what became of a directory, it is gone.
func TestADirectoryInThePlaceOfOneThatIsGone(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := family(t, seed)
			a := w.devices[0]
			a.shuffle()
			w.run(time.Duration(seed) * 10 * time.Millisecond)
			a.witness().remove(a, "d3/f/e")
			a.disk.remove("d3/f/e")
			a.saves("d3/f/e")
			w.rest()
			w.sound(t)
		})
	}
}

// Directories that take one another's places stay what they are, whatever the parts in which
// a look tells of them.
func TestDirectoriesInPlacesOfOthersStayWhatTheyAre(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := family(t, seed)
			a := w.devices[0]
			x := &a.index.live
			was := map[string]ident.EntryID{"d3/f": x.baseAt(ident.Root, "d0")[0].Entry, "d3/f/e": x.baseAt(ident.Root, "d3")[0].Entry}
			was["d3"] = x.baseAt(was["d3/f"], "e")[0].Entry
			a.shuffle()
			w.rest()
			w.sound(t)
			for path, id := range was {
				if at, _ := a.index.live.pathOf(id); at != path {
					t.Errorf("what is at %q is known to be at %q", path, at)
				}
			}
		})
	}
}
