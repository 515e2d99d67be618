package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/sync/tree"
)

// family is a calm world of three that have come to the same.
func family(t *testing.T, seed uint64) *World {
	t.Helper()
	return kin(t, seed, 3)
}

// kin is a family of so many.
func kin(t *testing.T, seed uint64, nodes int) *World {
	t.Helper()
	o := Calm(seed)
	o.Nodes, o.Files, o.Collect = nodes, 30, time.Second
	w := newWorld(o)
	w.furnish()
	for _, d := range w.devices {
		d.start()
	}
	w.rest()
	for i, d := range w.devices {
		d.write(furniture(i)) // so that all have heard of one another
	}
	w.rest()
	w.sound(t)
	return w
}

func (w *World) sound(t *testing.T) {
	t.Helper()
	if w.failed != nil {
		t.Fatal(w.failed)
	}
}

// away cuts a device off, and brings it back.
func (w *World) away(d *device, away bool) {
	d.far = away
	for _, e := range d.order {
		if away {
			e.link.cut()
		} else {
			e.link.restore()
		}
	}
	w.run(30 * time.Second)
}

// delete lets a person delete a file.
func (d *device) delete(path string) {
	d.witness().remove(d, path)
	d.disk.remove(path)
	d.noteUnseen(path)
	d.world.run(5 * time.Second)
}

func (d *device) write(path string) {
	c := d.world.contents.some()
	d.witness().save(d, path, c)
	d.disk.save(path, c)
	d.noteUnseen(path)
	d.world.run(5 * time.Second)
}

func (d *device) dead() int { return len(d.index.kept.deleted(0)) }

func (w *World) renewed() int { return w.renewals[node.IndexOld] + w.renewals[node.AwayTooLong] }

// The record of a delete is kept while somebody has not heard of it, and goes when all have;
// then whoever comes back is no surprise.
func TestDeletesAreForgottenWhenAllKnow(t *testing.T) {
	w := family(t, 1)
	a, b, c := w.devices[0], w.devices[1], w.devices[2]
	w.away(c, true)
	a.delete("old0.txt")
	b.delete("d1/old1")
	w.run(time.Minute)
	if a.dead() != 2 || b.dead() != 2 {
		t.Errorf("%d and %d deletes are remembered while one has not heard of them", a.dead(), b.dead())
	}
	w.away(c, false)
	w.rest()
	w.sound(t)
	w.run(time.Minute)
	for _, d := range w.devices {
		if d.dead() != 0 {
			t.Errorf("%s remembers %d deletes that all know of", d.name, d.dead())
		}
		if d.disk.at("old0.txt") != nil || d.disk.at("d1/old1") != nil {
			t.Errorf("%s has a deleted file", d.name)
		}
	}
	w.away(c, true)
	c.write("d1/old1")
	w.away(c, false)
	w.rest()
	w.sound(t)
	if a.disk.at("d1/old1") == nil || w.renewed() != 0 {
		t.Errorf("a new file of a deleted name does not arrive; %d began anew", w.renewed())
	}
}

// A device that was away for longer than deletes are remembered (P28) joins as new: nothing
// it holds is deleted, nothing it had deleted is deleted elsewhere, edits on both sides
// stay.
func TestAwayFor401Days(t *testing.T) {
	w := family(t, 2)
	a, b, c := w.devices[0], w.devices[1], w.devices[2]
	w.away(c, true)
	a.delete("old0.txt")
	b.write("old4.txt")
	c.write("d1/old1")
	c.delete("old8.txt")
	for _, d := range w.devices {
		d.offset += 401 * 24 * time.Hour
	}
	a.write("new.txt") // somebody must be told that time has passed
	w.run(time.Minute)
	if a.dead() != 0 {
		t.Fatalf("%d deletes are remembered after 401 days", a.dead())
	}
	for _, l := range w.witness.files {
		l.contested = true // nobody can tell a deleted file from one that was never seen
	}
	w.away(c, false)
	w.rest()
	w.sound(t)
	if w.renewals[node.AwayTooLong] != 1 || w.renewed() != 1 {
		t.Errorf("began anew: %v", w.renewals)
	}
	for _, path := range []string{"old0.txt", "old4.txt", "old8.txt", "d1/old1", "new.txt"} {
		if a.disk.at(path) == nil {
			t.Errorf("%q is gone", path)
		}
	}
}

// An index that is put back from a backup (R16): the replica begins anew, whether the
// folder itself tells that its index is old or a peer has to, and nothing comes back or gets
// lost.
func TestIndexPutBack(t *testing.T) {
	for _, told := range []bool{true, false} {
		w := family(t, 3)
		a, b := w.devices[0], w.devices[1]
		old := a.copyIndex()
		if told {
			a.crash()
			a.start()
			w.rest()
		}
		a.write("d1/old1")
		a.delete("old0.txt")
		a.write("new.txt")
		w.rest()
		w.sound(t)
		was := a.index.kept.state.Replica
		a.crash()
		a.restoreIndex(old)
		if !told {
			a.keeper = tree.Keeper{}
		}
		b.write("old4.txt")
		a.start()
		w.rest()
		w.sound(t)
		if told && w.renewed() != 0 || !told && w.renewals[node.IndexOld] != 1 {
			t.Errorf("the folder tells: %v, began anew because of a peer: %v", told, w.renewals)
		}
		if now := a.index.kept.state.Replica; now == was {
			t.Errorf("it goes on as replica %v", now)
		}
		if a.disk.at("old0.txt") != nil {
			t.Error("a deleted file came back")
		}
		for _, d := range w.devices {
			if s := d.core.Snapshot(); s.Folder.Totals.Conflicts != 0 {
				t.Errorf("%s shows %d conflicts", d.name, s.Folder.Totals.Conflicts)
			}
		}
	}
}

// Rows that an index has lost by some fault, behind everybody's back, are found by an audit.
func TestLostRowsAreFound(t *testing.T) {
	w := family(t, 4)
	a, b := w.devices[0], w.devices[1]
	b.crash()
	for _, path := range []string{"old0.txt", "d1/old1"} {
		for entry := range b.index.kept.bases {
			if at, _ := b.index.kept.pathOf(entry); at == path {
				b.index.live.dropRow(entry)
				b.index.kept.dropRow(entry)
				b.index.live.clearBase(entry)
				b.index.kept.clearBase(entry)
				b.disk.remove(path)
				break
			}
		}
	}
	b.start()
	w.rest()
	w.sound(t)
	if a.disk.at("old0.txt") == nil || b.disk.at("d1/old1") == nil {
		t.Error("what one had lost is gone, or did not come back")
	}
}

// TestWorldsThatForget runs worlds in which deletes are forgotten as soon as they may be,
// through crashes and partitions.
func TestWorldsThatForget(t *testing.T) {
	for seed := range uint64(6) {
		live(t, Named("collect", seed))
	}
}
