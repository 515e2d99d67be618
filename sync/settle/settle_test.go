package settle

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/names"
)

const ms = step.Instant(time.Millisecond)

// bench drives a core and answers for the scanner.
type bench struct {
	t    *testing.T
	core *Core
	now  step.Instant
	look step.Ticket
}

// newBench returns a core whose first scan is over.
func newBench(t *testing.T) *bench {
	b := &bench{t: t, core: New(rand.New(rand.NewPCG(1, 2)), names.Volume{})}
	b.want(b.tick(0), "folder")
	b.want(b.finish(0, LookFinished{}), "")
	return b
}

func (b *bench) show(effects []Effect) string {
	var parts []string
	for _, f := range effects {
		switch e := f.(type) {
		case ScanFolder:
			b.look = e.Ticket
			parts = append(parts, "folder")
		case ScanNames:
			b.look = e.Ticket
			parts = append(parts, "names "+strings.Join(e.Paths, " "))
		}
	}
	return strings.Join(parts, "; ")
}

func (b *bench) handle(now step.Instant, e Event) string {
	b.now = now
	return b.show(b.core.Handle(now, e))
}

func (b *bench) tick(now step.Instant) string {
	b.now = now
	return b.show(b.core.Tick(now))
}

func (b *bench) touch(now step.Instant, paths ...string) string {
	return b.handle(now, NamesTouched{paths})
}

func (b *bench) finish(now step.Instant, e LookFinished) string {
	e.Ticket = b.look
	return b.handle(now, e)
}

// next goes from deadline to deadline until there is a look.
func (b *bench) next() (step.Instant, string) {
	b.t.Helper()
	for {
		at := b.core.Deadline()
		if at == step.Never || at < b.now {
			b.t.Fatalf("deadline %d at %d", at, b.now)
		}
		if early := b.tick(at - 1); early != "" {
			b.t.Fatalf("looked before the deadline: %s", early)
		}
		if got := b.tick(at); got != "" {
			return at, got
		}
	}
}

func (b *bench) want(got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Fatalf("at %v: got %q, want %q", time.Duration(b.now), got, want)
	}
}

func TestFirstTickScansTheFolder(t *testing.T) {
	b := &bench{t: t, core: New(rand.New(rand.NewPCG(1, 2)), names.Volume{})}
	b.want(b.tick(0), "folder")
	b.want(b.tick(5*ms), "")
	if at := b.core.Deadline(); at != step.Never {
		t.Errorf("deadline %d while a look is under way", at)
	}
}

func TestALoneTouchIsLookedAtAfter20ms(t *testing.T) {
	b := newBench(t)
	b.want(b.touch(100*ms, "a"), "")
	at, got := b.next()
	b.want(got, "names a")
	if at != 120*ms {
		t.Errorf("looked at %v", time.Duration(at))
	}
}

func TestTouchesOfOneSaveAreOneLook(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "a")
	b.touch(105*ms, "a", "b")
	b.touch(107*ms, "a")
	_, got := b.next()
	b.want(got, "names b")
	b.want(b.finish(126*ms, LookFinished{}), "")
	at, got := b.next()
	b.want(got, "names a")
	if at != 127*ms {
		t.Errorf("a was looked at %v, 20 ms after its last touch is 127ms", time.Duration(at))
	}
}

// A file written for half a second is looked at about as long after its last change.
func TestRestGrowsWithTheTimeOfWriting(t *testing.T) {
	b := newBench(t)
	last := 600 * ms
	for now := 100 * ms; now <= last; now += 5 * ms {
		b.want(b.touch(now, "big"), "")
	}
	at, got := b.next()
	b.want(got, "names big")
	if rest := at - last; rest < 250*ms || rest > 1000*ms {
		t.Errorf("looked at %v after the last touch", time.Duration(rest))
	}
}

func TestEachSaveShortlyAfterDoublesTheWait(t *testing.T) {
	b := newBench(t)
	now := step.Instant(0)
	want := []time.Duration{20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10000, 10000}
	for i, w := range want {
		now += step.Instant(11 * time.Second)
		b.touch(now, "a")
		at, got := b.next()
		b.want(got, "names a")
		if at.Since(now) != w*time.Millisecond {
			t.Errorf("save %d: looked after %v, want %v ms", i, at.Since(now), w)
		}
		b.finish(at, LookFinished{})
	}
	now += step.Instant(forgetAfter) + 11*step.Instant(time.Second)
	b.tick(now)
	b.touch(now, "a")
	if at, _ := b.next(); at.Since(now) != loneWait {
		t.Errorf("after a quiet minute: looked after %v", at.Since(now))
	}
}

// A file that never rests is still looked at.
func TestAFileThatNeverRestsIsReadEvery10Seconds(t *testing.T) {
	b := newBench(t)
	looks := 0
	for now := 100 * ms; now < 100_000*ms; now += 5 * ms {
		if b.touch(now, "log") != "" {
			looks++
			b.finish(now+ms, LookFinished{})
		}
	}
	if looks < 9 || looks > 12 {
		t.Errorf("%d looks in 100 s", looks)
	}
}

func TestSlowHashingIsNotDoneInVainMostOfTheTime(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "disk.img")
	at, _ := b.next()
	b.finish(at, LookFinished{Slow: []Slow{{"disk.img", 20 * time.Second}}})
	now := at + 5000*ms
	b.touch(now, "disk.img")
	at, got := b.next()
	b.want(got, "names disk.img")
	if at.Since(now) != 40*time.Second {
		t.Errorf("looked after %v, hashing takes 20 s", at.Since(now))
	}
}

func TestOneLookAtATime(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "a")
	_, got := b.next()
	b.want(got, "names a")
	b.touch(130*ms, "b")
	b.want(b.tick(500*ms), "")
	b.want(b.handle(501*ms, LookFinished{Ticket: b.look + 7}), "")
	b.want(b.finish(502*ms, LookFinished{}), "names b")
	b.want(b.handle(503*ms, RescanAsked{}), "")
	b.want(b.finish(504*ms, LookFinished{}), "folder")
	b.want(b.handle(505*ms, RescanAsked{}), "")
	b.want(b.finish(600*ms, LookFinished{}), "folder")
}

func TestANameTouchedWhileLookedAtIsLookedAtAgain(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "a")
	b.next()
	b.touch(125*ms, "a")
	b.want(b.finish(130*ms, LookFinished{}), "")
	at, got := b.next()
	b.want(got, "names a")
	if at != 165*ms {
		t.Errorf("looked again at %v, the wait has doubled to 40 ms", time.Duration(at))
	}
}

func TestAgainAndRacy(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "a", "b")
	b.next()
	b.want(b.finish(130*ms, LookFinished{Again: []string{"a"}, Racy: []string{"b"}}), "")
	at, got := b.next()
	b.want(got, "names a")
	if at != 170*ms {
		t.Errorf("changed while read: looked again at %v", time.Duration(at))
	}
	b.finish(171*ms, LookFinished{})
	at, got = b.next()
	b.want(got, "names b")
	if at != 2230*ms {
		t.Errorf("racy: looked again at %v", time.Duration(at))
	}
}

// A look meets new files in a directory that Shoal moves meanwhile. Nobody else knows of
// them, so they are looked at where they are now.
func TestWhatALookMetIsFollowed(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "a")
	b.next()
	b.want(b.handle(130*ms, NameMoved{From: "a/b", To: "parked"}), "")
	b.want(b.handle(131*ms, NameMoved{From: "c", To: "a/b"}), "")
	b.want(b.handle(132*ms, NameMoved{From: "parked", To: "c"}), "")
	b.want(b.handle(133*ms, LookAsked{Paths: []string{"a/b/overtaken"}}), "")
	b.want(b.finish(135*ms, LookFinished{Again: []string{"a/b/new", "a/other"}}),
		"names a/b/overtaken c/overtaken")
	b.finish(136*ms, LookFinished{})
	_, got := b.next()
	b.want(got, "names a/b/new c/new a/other")
}

// What a person did in a directory just before Shoal moved that may be told of after it.
func TestWhatIsToldOfAfterAMoveIsFollowed(t *testing.T) {
	b := newBench(t)
	b.want(b.handle(100*ms, NameMoved{From: "a", To: "b/c"}), "")
	b.want(b.handle(101*ms, NameMoved{From: "b", To: "d"}), "")
	b.touch(105*ms, "a/old", "a/new", "ab")
	_, got := b.next()
	b.want(got, "names a/old d/c/old a/new d/c/new ab")
	b.finish(130*ms, LookFinished{})
	b.want(b.handle(10200*ms, NameMoved{From: "x", To: "y"}), "")
	b.touch(10300*ms, "a/again", "x/late")
	_, got = b.next()
	b.want(got, "names a/again x/late y/late")
	b.finish(10400*ms, LookFinished{})

	for n := range 3 * movesMax {
		b.handle(11000*ms, NameMoved{From: "of/many", To: strconv.Itoa(n)})
	}
	b.want(b.tick(11000*ms), "")
	if n := len(b.core.moves); n != movesMax {
		t.Errorf("%d moves are remembered", n)
	}
}

// A volume tells of names with other letters than those that are recorded, which orders use.
// What it takes for one is one here.
func TestNamesAreFollowedHoweverTheyAreSpelled(t *testing.T) {
	volume := names.Volume{Case: names.CaseSimple, Forms: true}
	b := &bench{t: t, core: New(rand.New(rand.NewPCG(1, 2)), volume)}
	b.tick(0)
	b.finish(0, LookFinished{})
	b.touch(100*ms, "in/Cafe\u0301/new", "in/cafes/other", "IN")
	b.want(b.handle(101*ms, NameMoved{From: "In/Caf\u00e9", To: "parked"}), "")
	b.want(b.tick(125*ms), "names in/Cafe\u0301/new in/cafes/other IN parked/new")
	b.finish(126*ms, LookFinished{})

	b.want(b.handle(130*ms, NamePlaced{"in/caf\u00e9/NEW"}), "")
	b.want(b.handle(130*ms, NamePlaced{"in/caf\u00e9/others"}), "")
	b.want(b.tick(150*ms), "names in/caf\u00e9/NEW")
	b.finish(151*ms, LookFinished{})
	b.tick(30 * ms * 1000)
	b.tick(200 * ms * 1000)
	if len(b.core.names)+len(b.core.keys) > 0 {
		t.Errorf("%d names and %d keys are remembered for ever", len(b.core.names), len(b.core.keys))
	}
}

// A look comes after an order and before the news of it: what a person deleted in between
// it takes for something that never was.
func TestWhatWasPlacedAfterALookIsLookedAtAgain(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "a", "b")
	b.next()
	b.want(b.handle(125*ms, NamePlaced{"a"}), "")
	b.want(b.handle(126*ms, NamePlaced{"c"}), "")
	b.want(b.finish(130*ms, LookFinished{}), "")
	at, got := b.next()
	b.want(got, "names a")
	if at != 145*ms {
		t.Errorf("looked again at %v", time.Duration(at))
	}
	b.finish(146*ms, LookFinished{})
	b.want(b.handle(200*ms, NamePlaced{"b"}), "")
	at, got = b.next()
	b.want(got, "names b")
	if at != 220*ms {
		t.Errorf("a name that was looked at before is looked at again at %v", time.Duration(at))
	}
	b.finish(221*ms, LookFinished{})
	b.touch(300*ms, "c")
	b.want(b.handle(301*ms, NamePlaced{"c"}), "")
	at, got = b.next()
	b.want(got, "names c")
	if at != 320*ms {
		t.Errorf("a name that is to be looked at waits for %v", time.Duration(at))
	}
}

func TestLookAskedNeverDelays(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "a")
	b.handle(101*ms, LookAsked{Paths: []string{"a", "b"}, After: time.Second})
	at, got := b.next()
	b.want(got, "names a")
	if at != 120*ms {
		t.Errorf("looked at %v", time.Duration(at))
	}
	b.finish(121*ms, LookFinished{})
	b.want(b.handle(122*ms, LookAsked{Paths: []string{"b"}}), "names b")
}

func TestTooManyNamesBecomeAScan(t *testing.T) {
	b := newBench(t)
	paths := make([]string, namesMax+1)
	for i := range paths {
		paths[i] = fmt.Sprint("file ", i)
	}
	b.want(b.touch(100*ms, paths[:namesMax]...), "")
	b.want(b.touch(101*ms, paths[namesMax]), "folder")
	if n := len(b.core.names); n > 1 {
		t.Errorf("%d names still held", n)
	}
	b.want(b.finish(200*ms, LookFinished{}), "")
	// What is quiet gives way first.
	b.touch(1000*ms, paths[:namesMax]...)
	b.next()
	b.finish(1100*ms, LookFinished{})
	b.want(b.touch(1101*ms, paths[namesMax]), "")
	_, got := b.next()
	b.want(got, "names "+paths[namesMax])
}

func TestOverflowScansOnceTheStormIsOver(t *testing.T) {
	b := newBench(t)
	b.want(b.handle(100*ms, WatchOverflowed{}), "")
	b.handle(200*ms, WatchOverflowed{})
	at, got := b.next()
	b.want(got, "folder")
	if at != 1100*ms {
		t.Errorf("scanned at %v", time.Duration(at))
	}
	// The scan took 10 s; another overflow may not scan again for 20 s.
	b.handle(9000*ms, WatchOverflowed{})
	b.want(b.finish(11100*ms, LookFinished{}), "")
	b.handle(11200*ms, WatchOverflowed{})
	at, got = b.next()
	b.want(got, "folder")
	if at != 31100*ms {
		t.Errorf("scanned again at %v", time.Duration(at))
	}
}

func TestPeriodicScans(t *testing.T) {
	spread := make(map[step.Instant]bool)
	for seed := range uint64(20) {
		b := &bench{t: t, core: New(rand.New(rand.NewPCG(seed, 0)), names.Volume{})}
		b.tick(0)
		b.finish(0, LookFinished{})
		at, got := b.next()
		b.want(got, "folder")
		if d := time.Duration(at); d < 54*time.Minute || d > 66*time.Minute {
			t.Errorf("seed %d: next scan after %v", seed, d)
		}
		spread[at] = true
	}
	if len(spread) < 10 {
		t.Errorf("20 seeds gave only %d different times", len(spread))
	}
	b := newBench(t)
	b.handle(0, WatchLimited{"deep"})
	for range 3 {
		before := b.now
		at, got := b.next()
		b.want(got, "folder")
		if d := at.Since(before); d < 54*time.Second || d > 66*time.Second {
			t.Errorf("unwatched: next scan after %v", d)
		}
		b.finish(at, LookFinished{})
	}
}

func TestAFailedLookIsRepeated(t *testing.T) {
	b := newBench(t)
	b.touch(100*ms, "a")
	b.next()
	b.want(b.finish(130*ms, LookFinished{Failed: true}), "")
	at, got := b.next()
	b.want(got, "names a")
	if at != 30130*ms {
		t.Errorf("looked again at %v", time.Duration(at))
	}
	b.finish(at, LookFinished{})
	b.want(b.handle(at, RescanAsked{}), "folder")
	b.finish(at, LookFinished{Failed: true})
	if next, got := b.next(); got != "folder" || next.Since(at) != retryAfter {
		t.Errorf("%q after %v", got, next.Since(at))
	}
}

// Whatever happens in whatever order: no name is lost, names are few, the deadline is
// honest, and the same seed gives the same looks.
func TestRandomStorms(t *testing.T) {
	for seed := range uint64(50) {
		if a, b := storm(t, seed), storm(t, seed); a != b {
			t.Fatalf("seed %d: two runs differ", seed)
		}
	}
}

func storm(t *testing.T, seed uint64) string {
	chance := rand.New(rand.NewPCG(seed, 99))
	b := &bench{t: t, core: New(rand.New(rand.NewPCG(seed, 1)), names.Volume{})}
	unseen := make(map[string]bool) // touched and not looked at since
	var trace strings.Builder
	var under []string
	busy := false
	see := func(effects []Effect) {
		for _, f := range effects {
			if busy {
				t.Fatalf("seed %d: two looks at once", seed)
			}
			busy = true
			fmt.Fprintf(&trace, "%d %v\n", b.now, f)
			switch e := f.(type) {
			case ScanFolder:
				b.look, under = e.Ticket, nil
				clear(unseen)
			case ScanNames:
				b.look, under = e.Ticket, e.Paths
				for _, p := range e.Paths {
					delete(unseen, p)
				}
			}
		}
	}
	for range 2000 {
		b.now += step.Instant(chance.Int64N(int64(50 * time.Millisecond)))
		if d := b.core.Deadline(); d < b.now {
			b.now = d
			see(b.core.Tick(b.now))
			continue
		}
		path := fmt.Sprint("n", chance.IntN(40))
		switch k := chance.IntN(20); {
		case k < 12:
			unseen[path] = true
			see(b.core.Handle(b.now, NamesTouched{[]string{path}}))
		case k == 12:
			see(b.core.Handle(b.now, LookAsked{[]string{path}, time.Second}))
		case k < 19 && busy:
			busy = false
			e := LookFinished{Ticket: b.look, Failed: chance.IntN(20) == 0}
			if e.Failed {
				for _, p := range under {
					unseen[p] = true
				}
			}
			see(b.core.Handle(b.now, e))
		}
	}
	for range 500 {
		if busy {
			busy = false
			see(b.core.Handle(b.now, LookFinished{Ticket: b.look}))
			continue
		}
		if len(unseen) == 0 {
			break
		}
		b.now = b.core.Deadline()
		see(b.core.Tick(b.now))
	}
	if len(unseen) > 0 || len(b.core.names) > 40 {
		t.Fatalf("seed %d: %d names never looked at, %d held", seed, len(unseen), len(b.core.names))
	}
	return trace.String()
}

func BenchmarkTouch(b *testing.B) {
	c := New(rand.New(rand.NewPCG(1, 2)), names.Volume{})
	c.Tick(0)
	paths := make([]string, 5000)
	for i := range paths {
		paths[i] = fmt.Sprint("some/directory/file ", i)
	}
	event := NamesTouched{Paths: make([]string, 1)}
	now := step.Instant(0)
	for i := 0; b.Loop(); i++ {
		now += step.Instant(10 * time.Microsecond)
		event.Paths[0] = paths[i%len(paths)]
		for _, f := range c.Handle(now, event) {
			if e, ok := f.(ScanNames); ok {
				c.Handle(now, LookFinished{Ticket: e.Ticket})
			}
		}
	}
}
