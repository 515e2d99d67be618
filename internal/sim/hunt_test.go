package sim

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestHunt is scratch.
func TestHunt(t *testing.T) {
	from, ok := envUint(t, "FROM")
	if !ok {
		t.Skip()
	}
	upto, _ := envUint(t, "UPTO")
	world := os.Getenv("WORLD")
	bad := map[string]int{}
	start := time.Now()
	for seed := from; seed < upto; seed++ {
		o := byName(world, seed)
		if os.Getenv("TRACE") != "" {
			f, _ := os.Create(os.Getenv("TRACE"))
			defer f.Close()
			o.Trace = func(l string) { f.WriteString(l) }
		}
		if os.Getenv("DIFF") != "" {
			o.debug = func(w *World) {
				for _, d := range w.devices {
					f, _ := os.Create("/tmp/disk-" + d.name)
					for _, s := range list(d.disk) {
						path := s.path
						fmt.Fprintln(f, s.String(), "|", whose(d, path))
					}
					f.Close()
				}
			}
		}
		r, err := Run(o)
		if err != nil {
			b := err.(*Broken)
			bad[b.Rule]++
			fmt.Printf("SEED %d %s at %v: %.600s\n", seed, b.Rule, b.At, b.What)
		} else if os.Getenv("V") != "" {
			fmt.Printf("seed %d %+v\n", seed, r)
		}
	}
	fmt.Printf("%d seeds in %v: %v\n", upto-from, time.Since(start), bad)
}

func byName(name string, seed uint64) Options {
	o := usual(seed)
	o.Name = name
	o.Files, o.Alike, o.Owners = 15, 0.5, 1
	o.Busy, o.Rounds = time.Minute, 2
	switch name {
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
	case "all":
		o = Mixed(seed)
	}
	return o
}

func whose(d *device, path string) string {
	out := ""
	for id := range d.index.live.bases {
		if p, ok := d.index.live.pathOf(id); ok && p == path {
			r := d.index.live.entries[id]
			out += entryText(&r.Entry)
		}
	}
	return out
}
