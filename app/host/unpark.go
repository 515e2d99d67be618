package host

import (
	"errors"
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/tree"
)

// unpark puts back what an earlier run moved to the parking place without living to
// record it. Left there, its old name would look as if a person had deleted it.
func (r *folderRun) unpark() error {
	names, err := r.disk.Parked()
	if err != nil {
		return err
	}
	var orders []tree.Order
	for _, name := range names {
		o, needed, err := r.unparkOrder(name, step.Ticket(len(orders)+1))
		if err != nil {
			return fmt.Errorf("put back %q: %w", name, err)
		}
		if needed {
			orders = append(orders, o)
		}
	}
	var again []tree.Order
	var errs []error
	for i, o := range r.disk.Execute(orders) {
		switch {
		case o.Refusal == tree.Occupied && orders[i].To != "":
			// Another file took the name before the crash. This one comes back beside it, as
			// a new file: nothing may keep a folder from starting.
			orders[i].To += " (put back " + orders[i].Path[len(tree.ParkingDir)+1:][:8] + ")"
			again = append(again, orders[i])
		case o.Refusal != tree.Done:
			errs = append(errs, errors.New(o.Detail))
		}
	}
	for _, o := range r.disk.Execute(again) {
		if o.Refusal != tree.Done {
			errs = append(errs, errors.New(o.Detail))
		}
	}
	return errors.Join(errs...)
}

// unparkOrder moves a parked file back to where the index has it. One the index has
// nowhere goes to the trash, and one it knows to be parked stays.
func (r *folderRun) unparkOrder(name string, ticket step.Ticket) (o tree.Order, needed bool, err error) {
	parked := tree.ParkingDir + "/" + name
	stat, there, err := r.disk.Look(parked)
	if err != nil || !there {
		return o, false, err
	}
	o = tree.Order{Ticket: ticket, Op: tree.Remove, Path: parked, Victim: &stat}
	id, err := ident.ParseEntry(name)
	if err != nil {
		return o, true, nil // nothing of ours; the trash keeps it
	}
	err = r.look(func(v *index.View) error {
		base, known, err := v.Base(id)
		if err != nil || !known {
			return err
		}
		if base.Parent == tree.Parking {
			o.Op = 0
			return nil
		}
		path, ok, err := v.Path(id)
		if ok {
			o.Op, o.To = tree.Move, path
		}
		return err
	})
	return o, o.Op != 0, err
}
