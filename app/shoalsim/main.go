// Command shoalsim lets the cores of shoal run in worlds of thousands of devices, and says
// what came of it: how long a file took to reach everybody, beside the shortest time in
// which it can. It also plays what `shoal --nogui --record` wrote: the very events of a real
// device, told to the same cores, must bring the same orders.
//
// It knows flags and what a person or a script gets to read; the worlds are in
// internal/swarmsim, the player is in internal/sim. The same flags, the seed among them,
// always give the same outcome.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/shoal-sync/shoal/internal/swarmsim"
)

const usage = `shoalsim runs the cores of shoal in simulated worlds.

  shoalsim swarm [flags]   one device gives a file to all others
  shoalsim table [flags]   several such worlds, as the table of docs/simulation.md
  shoalsim replay FILE     what a device recorded, played again

"shoalsim swarm -h" and "shoalsim table -h" list the flags.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run carries out one command line. It returns 0 when every device that stayed has the
// file, or a recording came out the same; 1 when not; 2 when the command line cannot be
// understood.
func run(args []string, out, errs io.Writer) int {
	switch {
	case len(args) > 0 && args[0] == "swarm":
		return swarm(args[1:], out, errs)
	case len(args) > 0 && args[0] == "table":
		return table(args[1:], out, errs)
	case len(args) > 0 && args[0] == "replay":
		return replay(args[1:], out, errs)
	}
	fmt.Fprint(errs, usage)
	return 2
}

func swarm(args []string, out, errs io.Writer) int {
	o, asJSON, err := parseSwarm(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errs, "shoalsim:", err)
		return 2
	}
	r := swarmsim.Run(o)
	if asJSON {
		err = json.NewEncoder(out).Encode(r)
	} else {
		_, err = fmt.Fprint(out, r)
	}
	switch {
	case err != nil:
		fmt.Fprintln(errs, "shoalsim:", err)
		return 1
	case r.Lacking > 0:
		fmt.Fprintf(errs, "shoalsim: %d devices do not have the file after %s\n", r.Lacking, o.Limit)
		return 1
	}
	return 0
}

// parseSwarm reads the flags of a swarm.
func parseSwarm(args []string, errs io.Writer) (o swarmsim.Options, asJSON bool, err error) {
	f := flag.NewFlagSet("shoalsim swarm", flag.ContinueOnError)
	f.SetOutput(errs)
	f.IntVar(&o.Nodes, "nodes", 1000, "devices that want the file")
	f.IntVar(&o.Degree, "degree", 10, "links of a device")
	f.IntVar(&o.Pieces, "pieces", 1000, "pieces of the file")
	f.Uint64Var(&o.Seed, "seed", 1, "what chance begins with")
	size := f.Int64("piece-size", 256<<10, "bytes of a piece")
	rate := f.Float64("mbit", 100, "Mbit/s up and down of every device")
	f.DurationVar(&o.Delay, "delay", 20*time.Millisecond, "of a link, one way; links have half of it to all of it")
	f.Float64Var(&o.Churn, "churn", 0, "part of the devices that goes in a minute, and is back after 30 s")
	f.Float64Var(&o.NATed, "nated", 0, "part that cannot be linked to one another")
	f.Float64Var(&o.Freeloaders, "freeloaders", 0, "part that gives nothing")
	f.Float64Var(&o.Hoarders, "hoarders", 0, "part that gives nothing and tells nobody what it has")
	f.Float64Var(&o.Liars, "liars", 0, "part that claims to have all and sends wrong bytes")
	f.Float64Var(&o.Stallers, "stallers", 0, "part that claims to have all and never answers")
	f.Float64Var(&o.LastStall, "last-stallers", 0, "part that never sends anybody its last three pieces")
	f.BoolVar(&o.TitForTat, "tit-for-tat", false, "give first to those who give")
	f.BoolVar(&o.Small, "small", false, "each piece is a file of its own")
	f.BoolVar(&o.InOrder, "in-order", false, "ask for pieces in order: the classic mistake")
	f.Float64Var(&o.Spread, "spread", 1, "rates of devices differ by up to this factor")
	shape := f.String("shape", "random", "random, star, line, cliques, lans or door")
	thin := f.Float64("thin-mbit", 10, "Mbit/s between the two networks of the shape lans")
	f.DurationVar(&o.Limit, "limit", time.Hour, "of virtual time")
	f.BoolVar(&asJSON, "json", false, "print a JSON document")
	if err := f.Parse(args); err != nil {
		return o, false, err
	}
	if f.NArg() > 0 {
		return o, false, fmt.Errorf("%q means nothing here", f.Arg(0))
	}
	o.Thin = int64(*thin * 125_000)
	o.PieceSize, o.Rate, o.Shape = *size, int64(*rate*125_000), swarmsim.Shape(*shape)
	return o, asJSON, o.Check()
}
