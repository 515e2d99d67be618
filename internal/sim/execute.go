package sim

import (
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// batch is a list of orders that is being carried out, as sync/disk does it: everything
// that is to be installed is built first, then the orders take effect one by one.
type batch struct {
	disk     *disk
	orders   []tree.Order
	outcomes []tree.Outcome
	built    []*content
	next     int
}

// begin builds what the orders install. The library knows what contents look like.
func (d *disk) begin(orders []tree.Order, known map[ident.ContentID]*content) *batch {
	b := &batch{
		disk: d, orders: orders,
		outcomes: make([]tree.Outcome, len(orders)), built: make([]*content, len(orders)),
	}
	wanted := map[ident.ContentID]int{}
	for i := range orders {
		b.outcomes[i].Ticket = orders[i].Ticket
		if why := check(&orders[i]); why != tree.Done {
			b.refuse(i, why)
		} else if orders[i].Op == tree.InstallFile && orders[i].Copy == "" {
			wanted[orders[i].Content]++
		}
	}
	for i := range orders {
		if o := &orders[i]; b.outcomes[i].Refusal == tree.Done && o.Op == tree.InstallFile {
			b.build(i, wanted, known[o.Content])
		}
	}
	return b
}

func (b *batch) build(i int, wanted map[ident.ContentID]int, c *content) {
	o, d := &b.orders[i], b.disk
	if o.Copy != "" {
		from := d.at(o.Copy)
		if from == nil || !from.stat().SameContent(o.CopyStat) || from.contentID() != o.Content {
			b.refuse(i, tree.ContentGone)
			return
		}
		c = from.content
	} else {
		wanted[o.Content]--
		s := d.stages[o.Content]
		if s == nil || !s.whole || s.size != o.Size || c == nil {
			b.refuse(i, tree.ContentGone)
			return
		}
		if wanted[o.Content] == 0 {
			delete(d.stages, o.Content)
		}
	}
	if c.size != o.Size {
		b.refuse(i, tree.ContentGone)
		return
	}
	b.built[i] = c
}

// step lets the next order take effect. False: there is none left.
func (b *batch) step() bool {
	if b.next == len(b.orders) {
		return false
	}
	i := b.next
	b.next++
	if b.outcomes[i].Refusal != tree.Done {
		return true
	}
	if b.disk.fault != nil {
		if why := b.disk.fault(); why != tree.Done {
			b.refuse(i, why)
			b.putBack(i)
			return true
		}
	}
	if why := b.act(i); why != tree.Done {
		b.refuse(i, why)
		b.putBack(i)
	}
	return true
}

// abandon is what a crash does: of what was built but not installed the bytes remain.
func (b *batch) abandon() {
	for ; b.next < len(b.orders); b.next++ {
		b.putBack(b.next)
	}
}

func (b *batch) putBack(i int) {
	if c := b.built[i]; c != nil && b.orders[i].Copy == "" {
		b.disk.stages[c.id] = &stage{size: c.size, whole: true}
	}
	b.built[i] = nil
}

func (b *batch) refuse(i int, why tree.Refusal) {
	b.outcomes[i].Refusal = why
	b.outcomes[i].Detail = "refused by the simulated disk: " + b.orders[i].Path
}

// check refuses what no disk need be asked about.
func check(o *tree.Order) tree.Refusal {
	if !legalPath(o.Path) || o.Op == tree.Move && !legalPath(o.To) {
		return tree.NameRefused
	}
	switch o.Op {
	case tree.InstallFile, tree.InstallLink:
		if o.Victim != nil && o.Victim.Kind == tree.Dir {
			return tree.Occupied
		}
	case tree.MakeDir:
	case tree.Move, tree.Remove, tree.SetAttributes:
		if o.Victim == nil {
			return tree.Changed
		}
	default:
		return tree.Unsupported
	}
	return tree.Done
}

func legalPath(path string) bool {
	path = strings.TrimPrefix(path, parkingPrefix)
	for i, part := range strings.Split(path, "/") {
		if tree.CheckName(part) != nil || i == 0 && tree.Reserved(ident.Root, part) {
			return false
		}
	}
	return true
}

func (b *batch) act(i int) tree.Refusal {
	o, d := &b.orders[i], b.disk
	in, name, ok := d.where(o.Path)
	if !ok {
		return tree.Missing
	}
	if o.Op != tree.Move && d.isOther(o.Path, o.Into) {
		return tree.Changed
	}
	is := in.at(name)
	if why := meets(is, o.Victim); why != tree.Done {
		return why
	}
	if why := d.refuses(o, name); is == nil && why != tree.Done {
		return why
	}
	var made *file
	switch o.Op {
	case tree.MakeDir:
		made = d.make(tree.Dir, o.Mode)
	case tree.InstallFile:
		made = d.make(tree.File, o.Mode&0o777)
		made.content, made.mtime, made.came = b.built[i], o.Mtime, true
		b.built[i] = nil
	case tree.InstallLink:
		made = d.make(tree.Link, 0o777)
		made.target, made.mtime = o.Target, o.Mtime
	case tree.Move:
		return b.move(i, in, name)
	case tree.Remove:
		if is.kind == tree.Dir && len(is.names()) > 0 {
			return tree.NotEmpty
		}
		if kept := d.at(o.Copy); o.Copy != "" && (kept == nil || !kept.stat().SameContent(o.CopyStat)) {
			return tree.ContentGone
		}
		in.drop(name)
	case tree.SetAttributes:
		if is.kind != tree.Link && !d.rules.NoModes {
			is.mode, is.changed = o.Mode&0o777, d.clock()
		}
		if is.kind == tree.File {
			is.mtime = o.Mtime
		}
		b.outcomes[i].Stat = is.stat()
		d.change(o.Path)
		return tree.Done
	}
	if is != nil && is.kind != tree.Dir {
		d.trash = append(d.trash, trashed{o.Path, is.contentID()})
	}
	if made != nil {
		in.put(name, made)
		b.outcomes[i].Stat = made.stat()
	}
	d.change(o.Path)
	return tree.Done
}

// isOther reports whether the directory of a path is not the one an order was decided about.
func (d *disk) isOther(path string, into tree.FileID) bool {
	return !into.IsZero() && d.at(parentPath(path)).id != into
}

// meets compares what is at a path with what an order was decided about.
func meets(is *file, victim *tree.Stat) tree.Refusal {
	switch {
	case victim == nil && is != nil:
		return tree.Occupied
	case victim != nil && is == nil:
		return tree.Missing
	case victim != nil && !is.stat().SameContent(*victim):
		return tree.Changed
	}
	return tree.Done
}

// refuses says whether the volume refuses what an order is to put under a name.
func (d *disk) refuses(o *tree.Order, name string) tree.Refusal {
	switch {
	case o.Op == tree.InstallLink && d.rules.NoLinks:
		return tree.Unsupported
	case d.rules.Refusal(name) != "":
		return tree.NameRefused
	}
	return tree.Done
}

func (b *batch) move(i int, in *shelf, name string) tree.Refusal {
	o, d := &b.orders[i], b.disk
	to, newName, ok := d.where(o.To)
	switch {
	case !ok:
		return tree.Missing
	case d.isOther(o.To, o.Into):
		return tree.Changed
	case to.at(newName) != nil:
		return tree.Occupied
	case strings.HasPrefix(o.To+"/", o.Path+"/"):
		return tree.OtherFailure
	case d.refuses(o, newName) != tree.Done:
		return d.refuses(o, newName)
	}
	to.put(newName, in.at(name))
	in.drop(name)
	b.outcomes[i].Stat = to.at(newName).stat()
	d.change(o.Path)
	d.change(o.To)
	return tree.Done
}
