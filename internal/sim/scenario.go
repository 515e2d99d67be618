package sim

import (
	"fmt"
	"io"
	"time"

	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Options make a world. The zero value of a fault means that it does not happen.
type Options struct {
	Name   string
	Seed   uint64
	Nodes  int
	Degree int // links of a device on average; 0: everybody with everybody
	People int // how many devices have a person
	// Pauses is the longest pause a person makes.
	Pauses time.Duration
	Files  int     // files that exist in the beginning, on each device that has some
	Alike  float64 // part of those that all devices have
	Owners int     // devices that have files in the beginning
	Pieces int     // of one large file that the first device has besides
	Busy   time.Duration
	Rounds int // of work and rest

	Delay       time.Duration // most that a message takes
	Pause       time.Duration // most that a small thing takes a host
	CommitDelay time.Duration
	LossNotice  time.Duration // most that passes until a lost link is noticed
	EncodeEvery int           // of so many messages, one goes through its encoding

	Cuts        time.Duration // links are cut about this often
	Partitions  time.Duration // the world falls into two parts about this often
	Crashes     time.Duration // a device crashes about this often
	Rests       time.Duration // a device's folder is paused, then limited, about this often
	Losses      time.Duration // a device loses its index about this often
	Restores    time.Duration // a device has an old copy of it put back about this often
	Collect     time.Duration // how often deleted entries are looked through; 0: seldom
	ClockOffset time.Duration // most that a clock is wrong
	Overflow    float64       // part of the watcher's news that is lost
	DiskFaults  float64       // part of the orders that the disk refuses
	Corrupt     float64       // part of the pieces that come wrong
	Brake       folder.Brake  // how many deletes wait for a person
	Approve     bool          // whether people say yes to them when all is over
	// Founded makes the first device the folder's owner; the last Readers of them may only
	// read. Decisions is how often the owner ends a membership or changes a role.
	Founded   bool
	Readers   int
	Decisions time.Duration
	Volumes   bool  // all but the first device have volumes with rules of their own for names
	Recases   bool  // people change the case of names, and nothing else of them
	Reading   int64 // bytes of a file that are read in a second; 0: very many
	Prospects bool  // others are told of large files while they are read
	Quiet     bool  // no trace, and big steps: for worlds of a thousand

	Silent bool // no story is kept; the same happens, and the digest is empty

	Trace func(string) // hears every line of the story

	// Record takes in a recording of the last device. It panics when it cannot be written.
	Record io.Writer
}

// Report is what a world that broke no rule was like.
type Report struct {
	Digest  uint64
	Events  int
	Orders  int
	Words   int
	Time    time.Duration // virtual
	Settled time.Duration // that the last rest took to become calm
	Shown   int           // names in the end
}

// convergeMax is how long a world may take to agree once nothing stands in its way. A
// refused order is tried again after a minute at most, a look waits 10 s at most.
const convergeMax = 6 * time.Minute

// Hunt is Run for seeds by the thousand: the story is told only of a world that broke a
// rule, which lives once more for it.
func Hunt(o Options) (Report, error) {
	o.Silent = true
	report, err := Run(o)
	if err == nil {
		return report, nil
	}
	o.Silent = false
	told, again := Run(o)
	if again == nil {
		return told, fmt.Errorf("it does not happen when the story is told: %w", err)
	}
	return told, again
}

// Run lets a world live and returns the first rule it broke.
func Run(o Options) (Report, error) {
	w := newWorld(o)
	w.trace.full = o.Trace
	w.furnish()
	for i, d := range w.devices {
		d.disk.fault = w.diskFault
		if i == 0 {
			d.start()
		} else {
			w.after(w.between(0, 2*time.Second), d.start)
		}
	}
	var settled time.Duration
	for range max(1, o.Rounds) {
		w.healed = false
		end := time.Duration(w.now) + o.Busy
		w.employ(end)
		w.trouble(end)
		w.decide(end)
		w.watchClaims(end)
		w.run(o.Busy)
		settled = w.rest()
	}
	return Report{
		Digest: w.trace.digest, Events: w.handled, Orders: w.orders, Words: w.words,
		Time: time.Duration(w.now), Settled: settled, Shown: len(list(w.devices[0].disk)),
	}, w.failed
}

// furnish puts files on disks before anything is started.
func (w *World) furnish() {
	o := w.options
	type piece struct {
		path string
		c    *content
	}
	var common []piece
	for i := range int(float64(o.Files) * o.Alike) {
		common = append(common, piece{furniture(i), w.contents.some()})
	}
	for _, d := range w.devices[:min(o.Owners, o.Nodes)] {
		for _, p := range common {
			d.furnish(p.path, p.c)
		}
		for i := len(common); i < o.Files; i++ {
			d.furnish(furniture(i), w.contents.some())
		}
	}
	if o.Pieces > 0 {
		w.devices[0].furnish("large.bin", w.contents.large(o.Pieces))
	}
	for _, l := range w.witness.files {
		l.contested = true
	}
}

func furniture(i int) string {
	switch i % 4 {
	case 0:
		return fmt.Sprintf("old%d.txt", i)
	case 1:
		return fmt.Sprintf("d%d/old%d", i%8, i)
	default:
		return fmt.Sprintf("d%d/e/old%d", i%6, i)
	}
}

func (d *device) furnish(path string, c *content) {
	for i, r := range path {
		if r == '/' && d.disk.at(path[:i]) == nil {
			d.disk.mkdir(path[:i])
		}
	}
	d.witness().save(d, path, c)
	d.disk.save(path, c)
	// Old files have old times, the same wherever they are.
	d.disk.setTime(path, epoch-int64(d.world.options.Seed%1000+1)*int64(time.Hour))
}

func (w *World) diskFault() tree.Refusal {
	if w.healed || !w.likely(w.options.DiskFaults) {
		return tree.Done
	}
	return []tree.Refusal{tree.NoSpace, tree.Denied, tree.OtherFailure, tree.Changed}[w.chance.IntN(4)]
}

// rest lets the world heal and agree, and tells how long that took. Then it must be calm.
func (w *World) rest() time.Duration {
	w.heal()
	w.restoreRoles()
	took := w.agree()
	for tries := 0; w.failed == nil && w.giveUp(); tries++ {
		if tries == 10 {
			w.fail("what was given up is over (P34)", "%s", w.disagreement())
		}
		took = max(took, w.agree())
	}
	if w.failed == nil {
		w.checkCalm()
	}
	if w.failed == nil {
		w.witness.check()
		w.witness.settle(w.devices[0])
	}
	return took
}

// agree lets the world come to rest, and tells how long that took.
func (w *World) agree() time.Duration {
	began := w.now
	const glance = 500 * time.Millisecond
	for w.failed == nil && !w.agreed() {
		if w.now.Since(began) > convergeMax {
			w.fail("the devices agree (P1)", "%s", w.disagreement())
			return 0
		}
		w.run(glance)
		w.checkClaims()
		w.approve()
		w.revert()
	}
	return w.now.Since(began)
}

// approve lets people say yes to the deletes that wait for them.
func (w *World) approve() {
	for _, d := range w.devices {
		if w.options.Approve && d.running() && len(d.core.Snapshot().Held) > 0 {
			d.handle(folder.HeldAnswered{Approve: true, Wall: d.wall() / 1e6})
		}
	}
}

// agreed reports whether all devices have come to the same and know it.
func (w *World) agreed() bool {
	first := w.devices[0]
	if !first.atRest() {
		return false
	}
	root := first.core.Snapshot().Folder.Root
	for _, d := range w.devices[1:] {
		if !d.atRest() || d.core.Snapshot().Folder.Root != root {
			return false
		}
	}
	lost := w.lostPaths()
	for _, d := range w.devices[1:] {
		if differenceBut(first, d, lost) != "" {
			return false
		}
	}
	return true
}

func (d *device) atRest() bool {
	if !d.running() || d.look != nil || len(d.unseen) > 0 || d.batch != nil || d.index.dirty {
		return false
	}
	s := d.core.Snapshot()
	if s.Folder.Scanning || s.Folder.Locals > 0 {
		return false
	}
	return d.missing() == 0 && d.claims() || d.needsOnlyLost()
}

// disagreement says why the world has not come to rest.
func (w *World) disagreement() string {
	out := ""
	for _, d := range w.devices {
		s := d.core.Snapshot()
		out += fmt.Sprintf("%s: root %x needs %d scanning %v unseen %d claims %v", d.name,
			s.Folder.Root[:3], s.Folder.Totals.Needs, s.Folder.Scanning, len(d.unseen), d.claims())
		for _, t := range s.Troubles {
			out += fmt.Sprintf(" trouble %q %s %s", t.Path, t.Kind, t.Reason)
		}
		for _, r := range d.index.live.needed(0, 60) {
			out += " needs" + entryText(&r.Entry)
		}
		if diff := difference(w.devices[0], d); diff != "" {
			out += "; " + diff
		}
		out += recordsApart(w.devices[0], d)
		out += "\n"
	}
	return out
}

// checkCalm looks at a world in which nothing happens any more: no orders, few words; and
// a look at everything changes nothing (P6).
func (w *World) checkCalm() {
	w.run(15 * time.Second)
	orders, words := w.orders, w.words
	for _, d := range w.devices {
		d.handle(settle.RescanAsked{})
	}
	w.run(30 * time.Second)
	if w.orders != orders {
		w.fail("the world becomes calm (P6)", "%d orders after everybody agreed", w.orders-orders)
	}
	if most := 8 * len(w.links); w.words-words > most {
		w.fail("the world becomes calm (P6)", "%d messages after everybody agreed", w.words-words)
	}
	if w.failed == nil && !w.agreed() {
		w.fail("the devices agree (P1)", "no longer: %s", w.disagreement())
	}
}
