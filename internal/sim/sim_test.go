package sim

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the tests collect garbage less often: a world is a few MiB that are soon
// forgotten, and collecting was a third of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// live runs a world twice and checks that it did the same both times.
func live(t *testing.T, o Options) Report {
	t.Helper()
	report, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Run(o)
	if err != nil || again != report {
		t.Fatalf("seed %d is not repeatable: %+v, then %+v, %v", o.Seed, report, again, err)
	}
	return report
}

func TestPair(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
	}{
		{"both empty", func(o *Options) { o.Files = 0 }},
		{"equal trees", func(o *Options) { o.Files, o.Alike, o.Owners = 30, 1, 2 }},
		{"one empty", func(o *Options) { o.Files, o.Owners = 30, 1 }},
		{"different trees", func(o *Options) { o.Files, o.Alike, o.Owners = 30, 0, 2 }},
		{"half the same", func(o *Options) { o.Files, o.Owners = 30, 2 }},
		{"one edits", func(o *Options) { o.People, o.Busy = 1, time.Minute }},
		{"both edit", func(o *Options) { o.People, o.Busy = 2, time.Minute }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Calm(1)
			o.Rounds, o.Busy = 1, 0
			c.change(&o)
			t.Logf("%+v", live(t, o))
		})
	}
}

// TestEqualTreesNeedNoFiles: devices that hold the same already agree without a transfer.
func TestEqualTreesNeedNoFiles(t *testing.T) {
	o := Calm(1)
	o.Files, o.Alike, o.Owners, o.Rounds, o.Busy = 50, 1, 2, 1, 0
	if report := live(t, o); report.Orders != 0 || report.Words > 40 {
		t.Errorf("equal trees took %d orders and %d messages", report.Orders, report.Words)
	}
}

func TestFifty(t *testing.T) {
	for _, degree := range []int{0, 4} {
		t.Run(fmt.Sprintf("degree %d", degree), func(t *testing.T) {
			o := Calm(2)
			o.Nodes, o.Degree, o.Files, o.Owners, o.Rounds, o.Quiet = 50, degree, 20, 1, 1, true
			o.People, o.Busy = 1, 10*time.Second
			t.Logf("%+v", live(t, o))
		})
	}
}

// TestRests: pauses come and go while people work, links break and devices crash, and
// nothing is lost by them.
func TestRests(t *testing.T) {
	for seed := range uint64(3) {
		o := Calm(seed)
		o.Name, o.Nodes, o.People = "rests", 3, 2
		o.Rests, o.Cuts, o.Crashes = 6*time.Second, 15*time.Second, 40*time.Second
		live(t, o)
	}
}

// TestSeeds runs small worlds in which everything goes wrong. SEEDS says how many, FROM
// where to begin, SHOAL_SIM_WORLD which kind; SHOAL_SIM_SEED runs one seed alone, and
// SHOAL_SIM_TRACE writes its whole story to a file. Of all kinds a seed is run in each, and
// no story is written: the failure says which kind it is of.
func TestSeeds(t *testing.T) {
	kind := os.Getenv("SHOAL_SIM_WORLD")
	if kind == "" {
		kind = "mixed"
	}
	if seed, ok := number(t, "SHOAL_SIM_SEED"); ok && kind == "all" {
		for _, kind := range allKinds {
			t.Run(kind, func(t *testing.T) { alone(t, Named(kind, seed)) })
		}
		return
	} else if ok {
		o := Named(kind, seed)
		o.Trace = tracer(t)
		alone(t, o)
		return
	}
	from, _ := number(t, "FROM")
	count, many := number(t, "SEEDS")
	if !many {
		count = 20
	}
	if many {
		hunt(t, kind, from, count)
		return
	}
	for seed := from; seed < from+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { live(t, Named(kind, seed)) })
	}
}

// alone runs one world.
func alone(t *testing.T, o Options) {
	t.Helper()
	report, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", report)
}

// rule names what a world broke.
func rule(err error) string {
	var broken *Broken
	if !errors.As(err, &broken) {
		return err.Error()
	}
	return broken.Rule
}

// TestMembers runs worlds in which some may only read, and memberships end and begin again:
// what readers change reaches nobody, and nobody serves those who are no members.
func TestMembers(t *testing.T) {
	for _, kind := range []string{"readers", "roles", "removal"} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(kind, " ", seed), func(t *testing.T) { live(t, Named(kind, seed)) })
		}
	}
}

// TestVolumes runs worlds whose devices have volumes that refuse names, take several for
// one, or show others than they were given.
func TestVolumes(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { live(t, Named("volumes", seed)) })
	}
}

// TestKeptSeeds runs what once went wrong.
func TestKeptSeeds(t *testing.T) {
	file, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] == "#" {
			continue
		}
		t.Run(words[0]+" "+words[1], func(t *testing.T) {
			seed, err := strconv.ParseUint(words[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Hunt(Named(words[0], seed)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLarge is a world of a thousand devices, each linked to about eight others. One of
// them has fifty small files and one of 64 pieces; everybody gets them.
func TestLarge(t *testing.T) {
	if os.Getenv("SHOAL_SIM_LARGE") == "" {
		t.Skip("SHOAL_SIM_LARGE is not set")
	}
	o := Calm(3)
	o.Name, o.Nodes, o.Degree, o.Files, o.Owners = "large", 1000, 8, 50, 1
	o.Pieces, o.Rounds, o.Busy, o.Quiet, o.EncodeEvery = 64, 1, 0, true, 100
	start := time.Now()
	report, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("%+v in %v, %d MiB taken from the system", report, took, memory.Sys>>20)
	if took > time.Minute {
		t.Errorf("a thousand devices took %v", took)
	}
}

func tracer(t *testing.T) func(string) {
	name := os.Getenv("SHOAL_SIM_TRACE")
	if name == "" {
		return nil
	}
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(line string) {
		if _, err := file.WriteString(line); err != nil {
			t.Fatal(err)
		}
	}
}

func number(t *testing.T, name string) (uint64, bool) {
	text := os.Getenv(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q: %v", name, text, err)
	}
	return n, true
}
