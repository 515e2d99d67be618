package sim

import (
	"crypto/ed25519"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// device is one computer with its copy of the folder. It plays the host of its node.
type device struct {
	world  *World
	number int
	id     ident.DeviceID
	name   string
	offset time.Duration // of its wall clock
	ends   map[ident.DeviceID]*end
	order  []*end
	uplink int64 // bytes per second, for all links together

	brake   folder.Brake
	disk    *disk
	keeper  tree.Keeper // as noted on the disk
	saved   *backup
	index   *index
	recipes map[ident.ContentID]bool
	unseen  map[string]step.Instant // what people changed and no look has covered since
	far     bool                    // on the other side of a partition
	key     ed25519.PrivateKey      // in worlds that have owners
	roll    []byte                  // what it has kept of the owners' word
	rolls   *members.Map            // the same, judged anew for the checker
	judged  int                     // length of the roll when that was done
	wrote   bool                    // its node may have written, for all it was told

	recorder *recorder // nil unless it is recorded

	// says lets a test hear, and change, what the device says to another one; one that lies
	// may break the protocol.
	says func(to *device, m wire.Message) wire.Message
	lies bool

	// lastChange is when the disk last changed, or a look last found something.
	lastChange step.Instant

	// Everything below is lost in a crash.
	core      *node.Folder
	machine   step.Machine[node.FolderEvent, node.FolderEffect] // the same, perhaps recorded
	life      int                                               // counts starts; what an earlier one began comes to nothing
	wakeAt    step.Instant
	commitDue bool
	batch     *batch       // orders being carried out
	waiting   []tree.Order // for the disk
	look      *underWay
	onCommit  func() // a look that waits to begin
	touched   []string
	asks      map[uint64]asked // pieces on their way, by ticket
	hopes     hopes
	free      step.Instant // when the uplink has sent what it was given
}

func newDevice(w *World, number int) *device {
	d := &device{
		world: w, number: number, name: fmt.Sprintf("n%d", number),
		ends:    map[ident.DeviceID]*end{},
		recipes: map[ident.ContentID]bool{}, unseen: map[string]step.Instant{},
	}
	d.id = hashOf("device", uint64(number))
	if w.options.ClockOffset > 0 {
		d.offset = w.between(-w.options.ClockOffset, w.options.ClockOffset)
	}
	d.uplink = 1<<20 + w.chance.Int64N(100<<20)
	d.disk = newDisk(uint64(number)+1, w.rules(number), d.wall)
	d.disk.touched = d.noteTouched
	d.beginIndex()
	d.recorder = w.newRecorder(number)
	return d
}

// wall is the device's wall clock in unix nanoseconds.
func (d *device) wall() int64 { return epoch + int64(d.world.now) + int64(d.offset) }

func (d *device) running() bool { return d.core != nil }

// after lets something happen on the device, unless it crashes before.
func (d *device) after(wait time.Duration, do func()) {
	life := d.life
	d.world.after(wait, func() {
		if d.life == life && d.running() {
			do()
		}
	})
}

// start begins a life: the core of what the index holds.
func (d *device) start() {
	if d.running() {
		return
	}
	if d.keeper.Outlived(d.index.kept.state) {
		d.loseIndex()
	}
	d.unpark()
	rows := &d.index.kept
	rows.state.Life++
	rows.state.Lives = rows.state.Lives.Begin(d.world.chance.Uint64()|1, rows.state.Head)
	d.index.live.state = rows.state
	d.keeper = tree.Keeper{Log: rows.state.Log, Life: rows.state.Life}
	sums, gone, totals := rows.summarize()
	cfg := folder.Config{
		Folder: d.world.folder, Device: d.id, Index: d.index, State: rows.state,
		Totals: totals, Summary: sums, Gone: gone, Replicas: sortedReplicas(rows.replicas),
		Cursors: sortedCursors(rows.cursors), Intents: sortedIntents(rows.intents),
		Notes: sortedNotes(rows.notes), Conflicts: rows.conflicts(), Brake: d.brake,
		Collect: d.world.options.Collect,
		Volume:  d.disk.rules,
	}
	d.life++
	d.wakeAt, d.commitDue, d.look, d.touched = step.Never, false, nil, nil
	d.batch, d.waiting, d.onCommit = nil, nil, nil
	d.asks, d.hopes = map[uint64]asked{}, newHopes()
	d.free = d.world.now
	if err := d.makeCore(cfg, d.who(), [2]uint64{d.world.chance.Uint64(), uint64(d.life)}); err != nil {
		panic("bug: what the index kept cannot be understood: " + err.Error())
	}
	standing := d.core.Standing()
	d.wrote = standing.Own != members.Reader
	d.world.trace.note(d, "starts")
	d.guard(func() { d.carry(d.machine.Tick(d.world.now)) })
	for _, e := range d.order {
		d.world.after(d.world.between(0, time.Second), e.link.restore)
	}
}

// restore brings a link back up unless it is cut on purpose.
func (l *link) restore() {
	if !l.world.isCut(l) {
		l.raise()
	}
}

// crash ends a life as a power switch does. An order that was under way was carried out
// or was not; a commit that was under way likewise.
func (d *device) crash() {
	if !d.running() {
		return
	}
	w := d.world
	w.trace.note(d, "crashes")
	if d.commitDue && w.likely(0.3) {
		d.index.commit()
	}
	if b := d.batch; b != nil && len(b.orders) > 0 {
		for n := w.chance.IntN(len(b.orders) + 1); n > 0 && b.step(); n-- {
			continue
		}
		b.abandon()
	}
	for _, content := range sortedContents(d.disk.stages) {
		if s := d.disk.stages[content]; s.have == nil && w.likely(0.3) {
			delete(d.disk.stages, content)
		} else if n := len(s.have); n > 0 && w.likely(0.3) {
			s.have[w.chance.IntN(n)], s.whole = false, false
		}
		if deed := w.witness.saved[content]; deed != nil && deed.staged && !w.kept(content) {
			deed.released = true
		}
	}
	d.index.rollBack()
	d.core = nil
	d.life++
	for _, e := range d.order {
		e.link.cut()
		e.number, e.held = 0, nil
	}
}

func sortedContents(m map[ident.ContentID]*stage) []ident.ContentID {
	out := make([]ident.ContentID, 0, len(m))
	for c := range m {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b ident.ContentID) int { return slices.Compare(a[:], b[:]) })
	return out
}

// handle hands an event to the node and carries out what it orders.
func (d *device) handle(event node.FolderEvent) {
	if !d.running() || d.world.failed != nil {
		return
	}
	d.world.handled++
	d.world.trace.event(d, event)
	d.guard(func() { d.carry(d.forgive(d.machine.Handle(d.world.now, event))) })
	d.checkBases()
	d.settle()
}

// forgive takes it for no broken rule when a device that lies is dropped.
func (d *device) forgive(effects []node.FolderEffect) []node.FolderEffect {
	return slices.DeleteFunc(effects, func(f node.FolderEffect) bool {
		drop, ok := f.(node.DropPeer)
		if !ok || !d.ends[drop.Device].other.device.lies {
			return false
		}
		l := d.ends[drop.Device].link
		l.cut()
		d.world.after(time.Second, l.restore)
		return true
	})
}

// checkBases: what is on disk is in a directory that is on disk, and one name leads to one
// file.
func (d *device) checkBases() {
	if d.world.options.Quiet || len(d.index.dirtyBases) == 0 {
		return
	}
	x := &d.index.live
	for id := range d.index.dirtyBases {
		b := x.bases[id]
		if below := x.listing[id]; len(below) > 0 && (b == nil || b.Stat.Kind != tree.Dir) {
			id, b = below[0].id, x.bases[below[0].id]
		}
		if b == nil || b.Parent.IsRoot() || b.Parent == tree.Parking {
			continue
		}
		if above := x.bases[b.Parent]; above == nil || above.Stat.Kind != tree.Dir {
			d.world.fail("bases have their directory", "%s: %q, base of %x, is in %x, which is not on disk",
				d.name, b.Name, id[:3], b.Parent[:3])
			return
		}
	}
}

// guard turns a panic of a core into a broken rule.
func (d *device) guard(do func()) {
	defer func() {
		if r := recover(); r != nil {
			d.world.fail("cores do not panic", "%s: %v\n%s", d.name, r, debug.Stack())
		}
	}()
	do()
}

// ticksMax is how often a deadline may lie in the past before the core is taken to spin.
const ticksMax = 10_000

// settle does what a host does between events: commit soon, wake the core in time.
func (d *device) settle() {
	w := d.world
	for ticks := 0; w.failed == nil && d.core.Deadline() <= w.now; ticks++ {
		if ticks == ticksMax {
			w.fail("cores do not spin", "%s has a deadline that stays in the past", d.name)
			return
		}
		d.guard(func() { d.carry(d.machine.Tick(w.now)) })
	}
	if d.index.dirty && !d.commitDue {
		d.commitDue = true
		d.after(w.between(0, w.options.CommitDelay), d.commit)
	}
	if w.failed != nil {
		return
	}
	if at := d.core.Deadline(); at < d.wakeAt {
		d.wakeAt = at
		d.after(at.Since(w.now), d.wake)
	}
}

func (d *device) wake() {
	if d.world.now < d.wakeAt {
		return
	}
	d.wakeAt = step.Never
	d.settle()
}

func (d *device) commit() {
	d.commitDue = false
	d.index.commit()
	d.handle(folder.Committed{})
	if begin := d.onCommit; begin != nil && d.running() && !d.index.dirty {
		d.onCommit = nil
		begin()
	}
}

// noteTouched hears what changed on the disk, by whomever. The watcher tells a moment
// later, or has lost count.
func (d *device) noteTouched(path string) {
	d.lastChange = d.world.now
	if !d.running() {
		return
	}
	d.touched = append(d.touched, path)
	if len(d.touched) > 1 {
		return
	}
	d.after(d.world.between(0, 10*time.Millisecond), func() {
		paths := d.touched
		d.touched = nil
		if !d.world.healed && d.world.likely(d.world.options.Overflow) {
			d.handle(settle.WatchOverflowed{})
			return
		}
		d.handle(settle.NamesTouched{Paths: paths})
	})
}
