package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Calm is two devices in a good network, with some files on one of them.
func Calm(seed uint64) Options {
	return Options{
		Name: "calm", Seed: seed, Nodes: 2, Delay: 40 * time.Millisecond,
		Pause: 5 * time.Millisecond, CommitDelay: 20 * time.Millisecond,
		LossNotice: 10 * time.Second, EncodeEvery: 3, Pauses: 5 * time.Second,
		Files: 15, Alike: 0.5, Owners: 1, Busy: time.Minute, Rounds: 2, Approve: true,
	}
}

// Named returns the options of a kind of world, as failures name it. An unknown kind is a
// mistake of the caller.
func Named(kind string, seed uint64) Options {
	o := Calm(seed)
	switch kind {
	case "calm":
	case "one":
		o.People = 1
	case "pair":
		o.People = 2
	case "cut":
		o.People, o.Cuts = 2, 4*time.Second
	case "crash":
		o.People, o.Crashes = 2, 8*time.Second
	case "three":
		o.Nodes, o.People = 3, 3
	case "line":
		o.Nodes, o.People, o.Degree = 5, 2, 2
	case "part":
		o.Nodes, o.People, o.Owners, o.Partitions, o.Cuts = 4, 4, 2, 15*time.Second, 5*time.Second
	case "forget":
		o.Nodes, o.People, o.Losses, o.Cuts, o.Collect = 3, 2, 15*time.Second, 10*time.Second, time.Second
	case "putback":
		o.Nodes, o.People, o.Restores, o.Cuts, o.Collect = 3, 2, 8*time.Second, 10*time.Second, time.Second
	case "collect":
		o.Nodes, o.People, o.Partitions, o.Crashes, o.Collect = 4, 3, 20*time.Second, 20*time.Second, time.Second
	case "readers":
		o.Nodes, o.People, o.Founded, o.Readers, o.Cuts = 4, 4, true, 2, 8*time.Second
		o.Crashes, o.Owners = 15*time.Second, 2
	case "removal":
		o.Nodes, o.People, o.Founded, o.Decisions, o.Cuts = 4, 4, true, 5*time.Second, 8*time.Second
		o.Crashes = 20 * time.Second
	case "roles":
		o.Nodes, o.People, o.Founded, o.Decisions, o.Crashes = 5, 2, true, 4*time.Second, 15*time.Second
		o.Readers = 1
	case "volumes":
		o.Nodes, o.People, o.Owners, o.Volumes = 3, 3, 2, true
		o.Cuts, o.Crashes = 8*time.Second, 15*time.Second
	case "prospects":
		o.Nodes, o.People, o.Prospects, o.Reading = 4, 3, true, 16<<20
		o.Cuts, o.Crashes = 8*time.Second, 15*time.Second
	case "slow", "told": // as on disks that spin, or are busy
		o.Nodes, o.People, o.Prospects, o.Reading = 4, 3, kind == "told", 2<<20
		o.Cuts, o.Crashes = 8*time.Second, 15*time.Second
	case "mixed":
		o = Mixed(seed)
	default:
		panic(fmt.Sprintf("bug: sim knows no world %q", kind))
	}
	o.Name = kind
	if seed >= smallFrom {
		o.shrink(rand.New(rand.NewPCG(seed, 0x5a11)))
	}
	return o
}

// wideFrom is the first seed whose mixed world also draws volumes with rules of their own
// for names, renames that change nothing but case, and pauses. The worlds below are as they
// were when some of them were kept for what they broke (testdata/seeds.txt).
const wideFrom = 100_000

// smallFrom is the first seed whose worlds are small, whatever their kind: what goes wrong
// between devices needs few of them and few acts, so many small worlds find more in the
// same time than few large ones. One in twenty is left as large as it was.
const smallFrom = 200_000

// shrink makes a world small: two or three devices mostly, on each of which a person does
// about five to twenty things a round, and as much trouble in that shorter time as there
// was in the longer one. What a kind of world leaves at one value is drawn, too.
func (o *Options) shrink(chance *rand.Rand) {
	if chance.IntN(20) == 0 {
		return
	}
	few := []int{2, 2, 3, 3, 3, 3, 4, 4, 5}
	o.Nodes = max(min(o.Nodes, few[chance.IntN(len(few))]), o.Readers+2)
	o.People, o.Owners = min(o.People, o.Nodes), min(o.Owners, o.Nodes)
	o.Files = min(o.Files, chance.IntN(10))
	o.Pauses = time.Second + time.Duration(chance.Int64N(int64(4*time.Second)))
	was := o.Busy
	o.Busy = 4*time.Second + time.Duration(chance.Int64N(int64(14*time.Second)))
	o.Rounds = 1 + chance.IntN(3)/2
	for _, every := range []*time.Duration{
		&o.Cuts, &o.Partitions, &o.Crashes, &o.Rests, &o.Losses, &o.Restores, &o.Decisions,
	} {
		if *every > 0 {
			*every = max(time.Second, time.Duration(float64(*every)*2*float64(o.Busy)/float64(was)))
		}
	}
	o.Delay = time.Millisecond + time.Duration(chance.Int64N(int64(150*time.Millisecond)))
	o.Pause = time.Millisecond + time.Duration(chance.Int64N(int64(30*time.Millisecond)))
	o.CommitDelay = time.Duration(chance.Int64N(int64(100 * time.Millisecond)))
	o.LossNotice = time.Duration(chance.Int64N(int64(5 * time.Second)))
}

// Mixed is a small world with everything that can go wrong, drawn from the seed.
func Mixed(seed uint64) Options {
	chance := rand.New(rand.NewPCG(seed, 0x0b7))
	some := func(most time.Duration) time.Duration {
		if chance.IntN(2) == 0 {
			return 0
		}
		return time.Second + time.Duration(chance.Int64N(int64(most)))
	}
	part := func(most float64) float64 {
		if chance.IntN(2) == 0 {
			return 0
		}
		return most * chance.Float64()
	}
	o := Options{
		Name: "mixed", Seed: seed, Nodes: 2 + chance.IntN(7),
		Pauses: time.Second + time.Duration(chance.Int64N(int64(10*time.Second))),
		Files:  chance.IntN(30), Alike: chance.Float64(),
		Busy: 20*time.Second + time.Duration(chance.Int64N(int64(time.Minute))), Rounds: 1 + chance.IntN(2),
		Delay:       time.Millisecond + time.Duration(chance.Int64N(int64(150*time.Millisecond))),
		Pause:       time.Millisecond + time.Duration(chance.Int64N(int64(30*time.Millisecond))),
		CommitDelay: time.Duration(chance.Int64N(int64(100 * time.Millisecond))),
		LossNotice:  time.Duration(chance.Int64N(int64(15 * time.Second))), EncodeEvery: 1 + chance.IntN(5),
		Cuts: some(20 * time.Second), Partitions: some(40 * time.Second), Crashes: some(20 * time.Second),
		Overflow: part(0.1), DiskFaults: part(0.05), Corrupt: 0,
	}
	o.People, o.Owners = 1+chance.IntN(o.Nodes), chance.IntN(o.Nodes+1)
	if chance.IntN(2) == 0 {
		o.Degree = 2 + chance.IntN(2)
	}
	if chance.IntN(3) == 0 {
		o.ClockOffset = 10 * 365 * 24 * time.Hour
	}
	o.Brake.Off, o.Approve = chance.IntN(4) > 0, true
	if seed >= wideFrom {
		o.Volumes, o.Recases = chance.IntN(4) == 0, chance.IntN(2) == 0
		if o.Volumes {
			o.Degree = 0 // who cannot hold a name does not fetch its content, nor passes it on
		}
		if chance.IntN(4) == 0 {
			o.Rests = 2*time.Second + time.Duration(chance.Int64N(int64(20*time.Second)))
		}
	}
	return o
}
