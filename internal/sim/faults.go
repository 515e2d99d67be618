package sim

import (
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
)

// trouble lets things go wrong until the given moment.
func (w *World) trouble(until time.Duration) {
	w.nowAndThen(w.options.Cuts, until, func() {
		l := w.links[w.chance.IntN(len(w.links))]
		l.cut()
		w.after(w.between(0, 20*time.Second), l.restore)
	})
	w.nowAndThen(w.options.Partitions, until, func() {
		w.partition()
		w.after(w.between(time.Second, w.options.Partitions), w.reunite)
	})
	w.nowAndThen(w.options.Crashes, until, func() {
		d := w.devices[w.chance.IntN(len(w.devices))]
		d.crash()
		w.after(w.between(10*time.Millisecond, 15*time.Second), d.start)
	})
	w.nowAndThen(w.options.Rests, until, func() {
		d := w.devices[w.chance.IntN(len(w.devices))]
		d.rest(node.PauseChanged{All: true})
		rate := pace.Rate(1_000_000 * (1 + w.chance.Int64N(20)))
		w.after(w.between(time.Second, 20*time.Second), func() {
			d.rest(node.PauseChanged{})
			d.limit(rate)
		})
	})
	w.nowAndThen(w.options.Losses, until, func() {
		d := w.devices[w.chance.IntN(len(w.devices))]
		d.crash()
		d.loseIndex()
		w.after(w.between(10*time.Millisecond, 5*time.Second), d.start)
	})
	w.nowAndThen(w.options.Restores, until, func() {
		w.putBack(w.devices[w.chance.IntN(len(w.devices))])
	})
}

// putBack puts back the copy of a device's index that was made the last time, and makes
// one for the next time. Sometimes its whole disk is as old, as of a virtual machine.
func (w *World) putBack(d *device) {
	old, now := d.saved, d.backUp()
	d.saved = now
	if old == nil {
		return
	}
	d.crash()
	d.restoreIndex(old.index)
	if w.likely(0.5) {
		d.restoreDisk(old)
		d.saved = nil // of a time that this disk has not seen
	}
	w.after(w.between(10*time.Millisecond, time.Second), d.start)
}

// limit lets a device's folder ask for no more than may come at a rate.
func (d *device) limit(rate pace.Rate) {
	if d.running() {
		d.handle(swarm.RateLimited{Rate: rate})
	}
}

// rest lets a device's folder rest, or go on.
func (d *device) rest(with node.PauseChanged) {
	if d.running() {
		d.handle(with)
	}
}

func (w *World) nowAndThen(every, until time.Duration, do func()) {
	if every == 0 {
		return
	}
	w.after(w.between(0, 2*every), func() {
		if time.Duration(w.now) < until {
			do()
			w.nowAndThen(every, until, do)
		}
	})
}

// partition divides the devices into two groups that cannot hear one another.
func (w *World) partition() {
	for _, d := range w.devices {
		d.far = w.likely(0.5)
	}
	for _, l := range w.links {
		if w.isCut(l) {
			l.cut()
		} else {
			l.raise()
		}
	}
}

func (w *World) isCut(l *link) bool { return l.ends[0].device.far != l.ends[1].device.far }

func (w *World) reunite() {
	for _, d := range w.devices {
		d.far = false
	}
	for _, l := range w.links {
		w.after(w.between(0, time.Second), l.restore)
	}
}

// heal ends all faults. What was cut or crashed comes back within seconds.
func (w *World) heal() {
	w.healed = true
	for _, d := range w.devices {
		w.after(w.between(0, time.Second), d.start)
	}
	w.reunite()
	// Whoever starts raises the links of its own again a second later; once more for those
	// whose other side was not there yet.
	w.run(3 * time.Second)
	for _, l := range w.links {
		l.restore()
	}
}

// claims reports whether a device says that it is equal to every member.
func (d *device) claims() bool {
	if !d.running() {
		return false
	}
	s := d.core.Snapshot()
	for _, m := range s.Members {
		if !m.Equal {
			return false
		}
	}
	return !s.Folder.Scanning && s.Folder.Totals.Needs == 0 && s.Folder.Locals == 0 && len(s.Held) == 0
}

// watchClaims looks now and then whether what devices say of themselves is true.
func (w *World) watchClaims(until time.Duration) {
	w.nowAndThen(w.options.Busy/50, until, w.checkClaims)
}

// checkClaims: a device that says everybody is equal is right, but for what no look has
// covered yet and for what has not reached it yet (P35).
func (w *World) checkClaims() {
	for _, d := range w.devices {
		if w.failed == nil && d.quietFor(time.Second) && d.claims() {
			w.checkClaim(d)
		}
	}
}

func (w *World) checkClaim(d *device) {
	for _, m := range d.core.Snapshot().Members {
		e := d.ends[m.Device]
		other := e.other.device
		if !e.alive() || !e.other.alive() || !other.quietFor(time.Second) {
			continue
		}
		now := other.core.Snapshot()
		if now.Folder.Root != m.Theirs.Root || now.Folder.Totals.Needs != 0 || now.Folder.Scanning ||
			now.Folder.Locals > 0 || len(now.Held) > 0 {
			continue // it has news that are still on their way
		}
		if diff := difference(d, other); diff != "" {
			w.fail("who says equal is equal (P35)", "%s says so: %s%s", d.name, diff, rulesText(d, other))
			return
		}
	}
}

// quietFor reports whether nobody touched a disk for a while and all of it was looked at.
func (d *device) quietFor(least time.Duration) bool {
	return d.running() && d.look == nil && len(d.unseen) == 0 && len(d.touched) == 0 &&
		d.batch == nil && d.world.now.Since(d.lastChange) >= least
}

func entryText(e *tree.Entry) string {
	var b strings.Builder
	writeEntry(&b, e)
	return b.String()
}
