package sim

import (
	"testing"
	"time"
)

// A file is moved to where another one of its content is by then, and becomes one with it.
// Somebody who knows of neither has edited it and deleted it. Nobody has the edit, and there
// is no file to put back: what was moved lives on as the other one.
func TestWhatWasMovedIntoItsTwinIsNotWaitedFor(t *testing.T) {
	for seed := range uint64(8) {
		w := kin(t, seed, 3)
		a, b, c := w.devices[0], w.devices[1], w.devices[2]
		a.saves("x")
		same := a.disk.at("x").content
		a.witness().save(a, "y", same)
		a.disk.save("y", same)
		a.noteUnseen("y")
		w.rest()

		w.away(b, true)
		b.saves("x")
		w.run(10 * time.Second)
		edit := b.disk.at("x").content
		b.delete("x")
		w.away(c, true)
		c.moves("y", "z")
		w.run(10 * time.Second)
		a.moves("x", "z")
		w.run(10 * time.Second)
		w.away(c, false)
		w.run(10 * time.Second)
		if at := a.where(same); len(at) != 1 || at[0] != "z" {
			t.Fatalf("seed %d: the two are not one: %q", seed, at)
		}
		w.away(b, false)
		w.unwanted(t, edit)
		w.rest()
		w.sound(t)
		for _, d := range w.devices {
			if at := d.where(same); len(at) != 1 || at[0] != "z" {
				t.Errorf("seed %d: %s shows what was moved at %q", seed, d.name, at)
			}
		}
	}
}
