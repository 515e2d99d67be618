package sim

import (
	"fmt"
	"maps"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// beginIndex begins an index that knows nothing: the device is a replica that is new.
func (d *device) beginIndex() {
	d.index = newIndex()
	state := tree.State{
		Replica: ident.ReplicaID(d.world.chance.Uint64() | 1), Log: ident.LogID(d.world.chance.Uint64() | 1),
	}
	me := tree.Replica{ID: state.Replica, Device: d.id, Name: d.name}
	d.index.Apply(tree.Batch{State: &state, Replicas: []tree.Replica{me}})
	d.index.commit()
}

// renew begins the device's index anew, as a host does when its node says so.
func (d *device) renew(why node.RenewReason) {
	d.world.renewals[why]++
	d.crash()
	d.loseIndex()
	d.world.after(d.pause(), d.start)
}

// loseIndex deletes the index of a device that does not run. What its person did that
// nobody had heard of is forgotten with it, so nobody can tell what is to be seen of any
// file in the end, but that nothing is lost.
func (d *device) loseIndex() {
	d.world.trace.note(d, "loses its index")
	d.beginIndex()
	for _, l := range d.world.witness.files {
		l.contested = true
	}
}

// copyIndex returns what is durable in an index, to be put back later.
func (d *device) copyIndex() rows {
	x := &d.index.kept
	out := newRows()
	for _, r := range x.entries {
		out.putRow(r)
	}
	for _, b := range x.bases {
		out.putBase(b)
	}
	out.replicas, out.cursors = maps.Clone(x.replicas), maps.Clone(x.cursors)
	out.intents, out.notes = maps.Clone(x.intents), maps.Clone(x.notes)
	out.state = x.state
	return out
}

// restoreIndex puts an old index back, as a backup does, on a device that does not run.
func (d *device) restoreIndex(old rows) {
	d.world.trace.note(d, "has its index restored")
	d.index = newIndex()
	d.index.kept = old
	d.index.live = d.copyIndex()
	for _, l := range d.world.witness.files {
		l.contested = true
	}
}

// unpark puts back what rests in the parking place and the index knows nothing of, as a
// host does when it opens a folder.
func (d *device) unpark() {
	x := &d.index.kept
	orders, err := folder.ParkedByOrders(sortedIntents(x.intents))
	if err != nil {
		panic("bug: what the index kept cannot be understood: " + err.Error())
	}
	parked, top := d.disk.parked, d.disk.root.children
	for _, name := range parked.names() {
		if orders[name] || len(x.baseAt(tree.Parking, name)) > 0 {
			continue
		}
		to := "recovered " + name
		for n := 2; top.at(to) != nil; n++ {
			to = fmt.Sprintf("recovered %s %d", name, n)
		}
		top.put(to, parked.at(name))
		parked.drop(name)
		d.disk.change(to)
	}
}

// loadDead reads the deleted entries as the core sees them.
func (d *device) loadDead(f folder.LoadDead) {
	rows := d.index.live.deleted(f.After)
	end := len(rows) <= f.Limit
	if !end {
		rows = rows[:f.Limit]
	}
	d.handle(folder.DeadLoaded{Rows: rows, End: end, Wall: d.wall() / 1e6})
}

// loadDeleted reads the deleted entries that a peer has not heard of.
func (d *device) loadDeleted(f folder.LoadDeleted) {
	out := folder.FoundEntries{To: f.To, Repair: f.Repair}
	for _, row := range d.index.kept.deleted(f.After) {
		if len(out.Entries) == folder.FoundMax {
			out.After = row.Seq - 1
			break
		}
		if !row.Entry.KnownBy(f.Knowledge) {
			out.Entries = append(out.Entries, row.Entry)
			out.Has = append(out.Has, false)
		}
	}
	d.handle(out)
}
