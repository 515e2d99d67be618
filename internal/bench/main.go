// Command bench measures shoal against others, on this machine and in this run: parts of it
// against Go libraries that do the same, and the program against rsync over ssh. It prints
// one table of ratios and says of each what held it up.
//
// It knows cases, clocks and others' programs. Whether a figure is good is left to who
// reads it: the goals stand beside. It needs Linux, rsync, ssh and sshd; cases that lack
// something are left out, which it says. "make bench" calls it.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.program, "program", "bin/shoal-headless", "the program that is measured")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where files are made; best on a fresh volume")
	flag.IntVar(&o.reps, "reps", 3, "how often each case runs; medians are shown")
	flag.BoolVar(&o.full, "full", false, "sizes of the goals (20,000 files, 1 and 2 GiB) and not small ones")
	flag.StringVar(&o.only, "only", "", "cases whose name has this in it")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	program, dir, only string
	reps               int
	full               bool
}

// result is one case: a row of the table.
type result struct {
	name   string
	ours   string  // what shoal took
	peer   string  // who it is compared with, and what that took
	ratio  float64 // of the times
	cpu    float64 // of the times of the processors, 0 where it is the same
	goal   string
	binds  string // what held shoal up
	misses bool
}

func run(o options) error {
	var rows []result
	var whole wholeFolder
	defer whole.close()
	for _, c := range slices.Concat(parts(), model(o, &whole), large(o), programs(o)) {
		if !strings.Contains(c.name, o.only) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", c.name)
		r, err := c.measure()
		if err != nil {
			r = result{ours: "not measured: " + err.Error()}
		}
		r.name = c.name
		rows = append(rows, r)
	}
	fmt.Printf("%d processors, %s/%s, Go %s; fsync of a small file takes %s here.\n",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), syncTime(o.dir))
	fmt.Print("A ratio is what shoal takes divided by what the other takes: below 1 shoal is quicker.\n\n")
	fmt.Print(table(rows))
	return nil
}

// benchCase is something that is measured.
type benchCase struct {
	name    string
	measure func() (result, error)
}

// table draws rows in Markdown.
func table(rows []result) string {
	var b strings.Builder
	b.WriteString("| case | shoal | compared with | ratio | of CPU | goal | what binds |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		ratio := "-"
		if r.ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.ratio)
		}
		if r.misses {
			r.goal += " (missed)"
		}
		cpu := "-"
		if r.cpu > 0 {
			cpu = fmt.Sprintf("%.2f", r.cpu)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.name, r.ours, r.peer, ratio, cpu, r.goal, r.binds)
	}
	return b.String()
}

func median[T int | float64](of []T) T {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}
