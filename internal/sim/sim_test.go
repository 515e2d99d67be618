package sim

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// usual is a pair of devices in a good network.
func usual(seed uint64) Options {
	return Options{
		Name: "pair", Seed: seed, Nodes: 2, Delay: 40 * time.Millisecond,
		Pause: 5 * time.Millisecond, CommitDelay: 20 * time.Millisecond,
		LossNotice: 10 * time.Second, EncodeEvery: 3, Pauses: 5 * time.Second,
	}
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
		{"both empty", func(o *Options) {}},
		{"equal trees", func(o *Options) { o.Files, o.Alike, o.Owners = 30, 1, 2 }},
		{"one empty", func(o *Options) { o.Files, o.Owners = 30, 1 }},
		{"different trees", func(o *Options) { o.Files, o.Owners = 30, 2 }},
		{"half the same", func(o *Options) { o.Files, o.Alike, o.Owners = 30, 0.5, 2 }},
		{"one edits", func(o *Options) { o.Files, o.Owners, o.People, o.Busy = 20, 1, 1, time.Minute }},
		{"both edit", func(o *Options) { o.Files, o.Owners, o.People, o.Busy = 20, 1, 2, time.Minute }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := usual(1)
			c.change(&o)
			report := live(t, o)
			t.Logf("%+v", report)
		})
	}
}

func envUint(t *testing.T, name string) (uint64, bool) {
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
