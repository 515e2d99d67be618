// Package sim is a world of many devices in one process: virtual time, links, disks,
// people and failures, made from one seed. The devices run the very cores that people
// run (app/node); only what stands around those is a model.
//
//	people ──▶ disks ──▶ looks ──┐             ┌──▶ orders ──▶ disks
//	                             ├──▶ nodes ──▶┤
//	faults ──▶ links ──▶ words ──┘             └──▶ words, pieces ──▶ links
//
// One heap holds everything that is going to happen, on all devices. There is no clock,
// no goroutine and no chance but the seed: a world that is run twice does the same thing
// twice, and its digest proves it. What the models stand for (SQLite, file systems, the
// scanner, TLS) is tested beside the real things; the models are held to the same suites
// where there is one. The checkers know nothing of what the cores think: they look at
// disks, and at what people did.
//
// Tests call it, and a command line that runs seeds by the thousand.
package sim

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// World is a set of devices that share one folder.
type World struct {
	options          Options
	chance           *rand.Rand
	now              step.Instant
	queue            happenings
	order            uint64
	devices          []*device
	links            []*link
	contents         *library
	folder           ident.FolderID
	trace            trace
	witness          *witness
	failed           error
	healed           bool // no more faults
	handled          int  // events handed to nodes
	hoped, inherited int  // pieces staged of prospects, and those that contents went on with

	renewals map[node.RenewReason]int // of replicas
	orders   int                      // orders given to disks
	words    int                      // messages sent
	wishes   step.Ticket              // of people about members
}

// epoch is the wall clock at the beginning of every world, in unix nanoseconds.
const epoch = 1_800_000_000_000_000_000

// happening is something that is going to happen.
type happening struct {
	at    step.Instant
	order uint64 // of making; settles equal instants
	do    func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *happenings) Push(x any) { *h = append(*h, x.(happening)) }

// Pop implements heap.Interface.
func (h *happenings) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = happening{}
	*h = (*h)[:last]
	return x
}

// newWorld makes a world whose devices are not started yet.
func newWorld(o Options) *World {
	w := &World{options: o, renewals: map[node.RenewReason]int{}, chance: rand.New(rand.NewPCG(o.Seed, 0x5ea)), trace: newTrace(o)}
	w.contents = newLibrary(w.split())
	w.witness = newWitness(w)
	id := hashOf("folder", o.Seed)
	w.folder = ident.FolderID(id[:16])
	for i := range o.Nodes {
		w.devices = append(w.devices, newDevice(w, i))
	}
	w.found()
	w.connect()
	return w
}

func hashOf(what string, n uint64) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte(what), n))
}

// split makes a source of chance of its own, so that one user's needs do not change what
// another one draws.
func (w *World) split() *rand.Rand {
	return rand.New(rand.NewPCG(w.chance.Uint64(), w.chance.Uint64()))
}

// after lets something happen after a while.
func (w *World) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, happening{w.now.Add(max(0, d)), w.order, do})
}

// between draws a duration.
func (w *World) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(w.chance.Int64N(int64(most-least)))
}

// likely draws true with the given chance.
func (w *World) likely(p float64) bool { return p > 0 && w.chance.Float64() < p }

// run lets everything happen that happens within a while.
func (w *World) run(d time.Duration) {
	end := w.now.Add(d)
	for w.failed == nil && len(w.queue) > 0 && w.queue[0].at <= end {
		h := heap.Pop(&w.queue).(happening)
		w.now = h.at
		h.do()
	}
	if w.failed == nil {
		w.now = end
	}
}

// fail ends the world. The first reason counts.
func (w *World) fail(rule, format string, args ...any) {
	if w.failed == nil {
		w.failed = &Broken{
			Seed: w.options.Seed, Name: w.options.Name, Rule: rule,
			What: fmt.Sprintf(format, args...), At: time.Duration(w.now), trace: &w.trace,
		}
	}
}

// Broken is a rule that a world broke.
type Broken struct {
	Seed  uint64
	Name  string // of the options
	Rule  string
	What  string
	At    time.Duration
	trace *trace
}

// Error shows the rule and the end of the story.
func (b *Broken) Error() string {
	return fmt.Sprintf("seed %d (%s) broke %q after %v: %s\n%srun it alone: "+
		"SHOAL_SIM_SEED=%d SHOAL_SIM_WORLD=%s go test ./internal/sim -run TestSeeds",
		b.Seed, b.Name, b.Rule, b.At, b.What, b.trace.last(), b.Seed, b.Name)
}
