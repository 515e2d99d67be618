package swarmsim

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Row is a world of the table in docs/simulation.md.
type Row struct {
	Name   string
	Change func(*Options)
}

// Rows are the worlds that are compared, each as the one before it says or as the first.
func Rows() []Row {
	return []Row{
		{"10 links each", func(*Options) {}},
		{"20 links each", func(o *Options) { o.Degree = 20 }},
		{"10 % leave a minute, 30 % behind NATs", func(o *Options) { o.Churn, o.NATed = 0.1, 0.3 }},
		{"10 % send wrong bytes", func(o *Options) { o.Liars = 0.1 }},
		{"10 % claim all and never answer", func(o *Options) { o.Stallers = 0.1 }},
		{"10 % never send the last pieces", func(o *Options) { o.LastStall = 0.1 }},
		{"tit for tat, nobody a freeloader", func(o *Options) { o.TitForTat, o.Rate = true, o.Rate/10 }},
		{"tit for tat, 20 % freeloaders", func(o *Options) {
			o.TitForTat, o.Rate, o.Freeloaders = true, o.Rate/10, 0.2
		}},
	}
}

// Table runs every row with several seeds and writes a table: of each figure the middle one
// of the seeds, and the worst where it differs in the third place.
func Table(out io.Writer, base Options, rows []Row, seeds int) error {
	_, err := fmt.Fprintf(out, "%d devices, %d pieces, %d seeds from %d on\n\n"+
		"| world | half | 99 %% | last | freeloaders, half | source copies | waste | bans | words a device |\n"+
		"|---|---|---|---|---|---|---|---|---|\n", base.Nodes, base.Pieces, seeds, base.Seed)
	for _, row := range rows {
		if err != nil {
			return err
		}
		var all []Result
		for i := range seeds {
			o := base
			row.Change(&o)
			o.Seed += uint64(i)
			r := Run(o)
			if r.Lacking > 0 {
				return fmt.Errorf("%s, seed %d: %d devices do not have the file after %s", row.Name, o.Seed, r.Lacking, o.Limit)
			}
			all = append(all, r)
		}
		figure := func(of func(Result) float64, form string) string { return figureOf(all, of, form) }
		_, err = fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", row.Name,
			figure(func(r Result) float64 { return r.P50 }, "%.3f"),
			figure(func(r Result) float64 { return r.P99 }, "%.3f"),
			figure(func(r Result) float64 { return r.Makespan }, "%.3f"),
			figure(func(r Result) float64 { return r.FreeP50 }, "%.3f"),
			figure(func(r Result) float64 { return r.Source }, "%.3f"),
			figure(func(r Result) float64 { return 100 * r.Waste }, "%.1f %%"),
			figure(func(r Result) float64 { return float64(r.Bans) }, "%.0f"),
			figure(func(r Result) float64 { return float64(r.ControlBytes) / float64(r.Nodes) / 1000 }, "%.0f kB"))
	}
	return err
}

// figureOf writes the middle one of some results' figures, and the worst in brackets; a
// figure that is zero everywhere is a dash.
func figureOf(all []Result, of func(Result) float64, form string) string {
	var values []float64
	for _, r := range all {
		values = append(values, of(r))
	}
	slices.Sort(values)
	worst := values[len(values)-1]
	if worst == 0 {
		return "-"
	}
	middle, last := fmt.Sprintf(form, values[(len(values)-1)/2]), fmt.Sprintf(form, worst)
	if middle == last {
		return middle
	}
	return middle + " (" + last + ")"
}

// Ordinary is the world that the others differ from: 10 links each, 100 Mbit/s, up to 20 ms.
func Ordinary() Options {
	return Options{
		Nodes: 1000, Degree: 10, Pieces: 1000, Seed: 1, PieceSize: 256 << 10, Rate: 12_500_000,
		Delay: 20 * time.Millisecond, Limit: time.Hour, Spread: 1, Shape: Random, Thin: 1_250_000,
	}
}
