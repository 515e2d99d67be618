// Package settle turns a storm of file events into "look at these names now".
//
// It knows which names were touched and when, how often of late, and how long hashing
// them took. From that it decides when a name has settled enough to be worth reading, and
// when only a scan of the whole folder will do. It leaves to others what a look finds:
// the host carries out looks with package scan, and package folder judges the findings.
// Called by the node.
//
// A name is in one of three states:
//
//	          touched                due, no look under way
//	unknown ───────────▶ pending ────────────────────────▶ quiet
//	   ▲                    ▲                                │ │
//	   │                    └──────── touched again ─────────┘ │
//	   └────────────────── not touched for a minute ───────────┘
//
// One look is under way at a time; names touched meanwhile wait. A lone change is looked
// at after 20 ms. While changes go on, the wait doubles each time it has run its length
// without the name coming to rest, so the rest that is asked for grows with the time that
// writing has lasted: a file copied in half a second is read half a second later, and a
// log that never rests is read every 10 s.
package settle

import (
	"math/rand/v2"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/names"
)

const (
	// loneWait is the wait for a first touch: long enough for the two or three events of
	// one save to be one look, too short for a person to notice.
	loneWait = 20 * time.Millisecond
	// waitMax is where doubling ends. A file that is always being written is read this
	// often, unless hashing it takes longer.
	waitMax = 10 * time.Second
	// forgetAfter is how long a name must be left alone to count as new again.
	forgetAfter = time.Minute
	// racyWait is a little more than the 2 s within which the scanner calls content racy,
	// so that the second look settles it.
	racyWait = 2100 * time.Millisecond
	// namesMax is how many names are held. Looking at more one by one costs as much as a
	// walk of the folder, so a walk it is.
	namesMax = 10_000
	// rescanEvery finds what the system did not tell; systems do forget to tell.
	rescanEvery = time.Hour
	// rescanUnwatched is the same for folders that could not be watched completely.
	rescanUnwatched = time.Minute
	// calmAfterOverflow lets the storm that overflowed the watcher blow over: a rescan in
	// the middle of it would only overflow again.
	calmAfterOverflow = time.Second
	// calmMax bounds the pause after a scan during a storm. Up to here it is twice as long
	// as the scan was, so that a long storm does not keep the disk busy all the time.
	calmMax = time.Minute
	// retryAfter is the wait after a look that could not be done at all.
	retryAfter = 30 * time.Second
)

// Event is something that happened to a folder.
type Event interface{ event() }

// NamesTouched tells of names that changed, appeared or vanished.
type NamesTouched struct{ Paths []string }

// WatchOverflowed tells that events were lost.
type WatchOverflowed struct{}

// WatchLimited tells that changes below Path cannot be heard.
type WatchLimited struct{ Path string }

// RescanAsked asks for a scan of the whole folder that begins after this event.
type RescanAsked struct{}

// LookAsked asks for a look at names after a while, or sooner if they are due sooner.
type LookAsked struct {
	Paths []string
	After time.Duration
}

// Slow names a file whose hashing took long enough to matter.
type Slow struct {
	Path string
	Took time.Duration
}

// LookFinished answers ScanNames and ScanFolder.
type LookFinished struct {
	Ticket step.Ticket
	// Again are names that changed while they were read, and so were not reported.
	Again []string
	// Racy are names that were reported, but changed so shortly before that a later
	// change may show the same time.
	Racy []string
	// Slow are the files whose hashing took longest.
	Slow []Slow
	// Failed tells that the look was broken off and says nothing about what is on disk.
	Failed bool
}

func (NamesTouched) event()    {}
func (WatchOverflowed) event() {}
func (WatchLimited) event()    {}
func (RescanAsked) event()     {}
func (LookAsked) event()       {}
func (LookFinished) event()    {}

// Effect is an order to the scanner.
type Effect interface{ effect() }

// ScanNames orders a look at these names. Answered by LookFinished.
type ScanNames struct {
	Ticket step.Ticket
	Paths  []string
}

// ScanFolder orders a walk of the whole folder. Answered by LookFinished.
type ScanFolder struct{ Ticket step.Ticket }

func (ScanNames) effect()  {}
func (ScanFolder) effect() {}

// Core decides when to look. Make one with New. It implements step.Machine.
type Core struct {
	chance *rand.Rand
	volume names.Volume
	names  map[string]*name
	keys   map[string]int // how many of names the volume takes for one; unless it is exact
	queue  queue          // every name of names, by the instant at which something is due

	look    step.Ticket // last ticket given out
	busy    bool        // look has not been answered
	full    bool        // the look under way is a ScanFolder
	looking []string    // names of the look under way, to be repeated should it fail
	began   step.Instant
	moves   []made // since it began, and of late

	scanAt  step.Instant // when a ScanFolder is due, asked for or periodic
	stormAt step.Instant // when one is due because names were lost in a storm
	calm    step.Instant // stormAt counts from here on only
	limited bool         // the watcher does not see all of the folder
	doubts  doubts
	out     []Effect
}

// New returns a core whose first Tick orders a scan of the folder, which is on the given
// volume. Chance spreads the periodic scans, so that many folders do not scan at the same
// moment.
func New(chance *rand.Rand, volume names.Volume) *Core {
	return &Core{
		chance: chance, volume: volume, stormAt: step.Never,
		names: make(map[string]*name), keys: make(map[string]int),
	}
}

// Handle takes in an event and returns the looks that are due.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	switch e := event.(type) {
	case NamesTouched:
		for _, path := range c.places(e.Paths) {
			c.touch(now, path)
		}
	case WatchOverflowed:
		c.stormAt = min(c.stormAt, now.Add(calmAfterOverflow))
	case WatchLimited:
		c.limited = true
		c.orderScan(now.Add(rescanUnwatched))
	case RescanAsked:
		c.orderScan(now)
	case LookAsked:
		paths := c.places(e.Paths)
		c.ask(now.Add(max(0, e.After)), paths)
		c.doubt(paths...)
	case NameMoved:
		c.moved(now, e)
	case NamePlaced:
		c.placed(now, e.Path)
	case LookFinished:
		c.finished(now, e)
	}
	return c.Tick(now)
}

// Tick orders what is due. At most one look is under way.
func (c *Core) Tick(now step.Instant) []Effect {
	c.out = c.out[:0]
	if c.busy {
		return nil
	}
	if c.scanDue() <= now {
		c.begin(now, nil)
		c.out = append(c.out, ScanFolder{Ticket: c.look})
		return c.out
	}
	if paths := c.due(now); len(paths) > 0 {
		c.begin(now, paths)
		c.out = append(c.out, ScanNames{Ticket: c.look, Paths: paths})
	}
	return c.out
}

// Deadline is when the next look is due; never while one is under way, since nothing can
// be ordered before it is answered.
func (c *Core) Deadline() step.Instant {
	if c.busy {
		return step.Never
	}
	return step.Earliest(c.scanDue(), c.queue.first())
}

func (c *Core) begin(now step.Instant, paths []string) {
	c.look++
	c.busy, c.full, c.looking, c.began = true, paths == nil, paths, now
	if c.full {
		c.scanAt, c.stormAt = step.Never, step.Never
		c.doubts.looking, c.doubts.lost = c.doubts.lost, false
	}
}

func (c *Core) finished(now step.Instant, e LookFinished) {
	if !c.busy || e.Ticket != c.look {
		return
	}
	c.busy = false
	if c.full {
		c.calm = now.Add(min(2*now.Since(c.began), calmMax))
		c.orderScan(now.Add(c.period()))
	}
	if e.Failed {
		if c.full {
			c.orderScan(now.Add(retryAfter))
		}
		c.ask(now.Add(retryAfter), c.looking)
		c.doubtAgain()
	}
	c.looking, c.doubts.looking = nil, false
	for _, s := range e.Slow {
		c.hashed(now, s)
	}
	for _, path := range c.places(e.Again) {
		c.touch(now, path)
		c.doubt(path)
	}
	c.ask(now.Add(racyWait), c.places(e.Racy))
}

// period is the time to the next scan that nobody asked for, a tenth more or less.
func (c *Core) period() time.Duration {
	every := rescanEvery
	if c.limited {
		every = rescanUnwatched
	}
	return every - every/10 + time.Duration(c.chance.Int64N(int64(every/5)))
}

// scanDue is when the next scan of the folder is to begin.
func (c *Core) scanDue() step.Instant {
	return step.Earliest(c.scanAt, max(c.stormAt, c.calm))
}

// orderScan sets a scan of the folder for the given instant, unless one comes sooner.
func (c *Core) orderScan(at step.Instant) { c.scanAt = min(c.scanAt, at) }
