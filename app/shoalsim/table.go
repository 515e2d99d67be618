package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/shoal-sync/shoal/internal/swarmsim"
)

// table carries out "shoalsim table"; what it returns is as run says.
func table(args []string, out, errs io.Writer) int {
	o := swarmsim.Ordinary()
	f := flag.NewFlagSet("shoalsim table", flag.ContinueOnError)
	f.SetOutput(errs)
	f.IntVar(&o.Nodes, "nodes", 300, "devices that want the file")
	f.IntVar(&o.Pieces, "pieces", 300, "pieces of the file")
	f.DurationVar(&o.Delay, "delay", o.Delay, "of a link, one way, at most")
	f.Uint64Var(&o.Seed, "seed", 1, "the first seed")
	seeds := f.Int("seeds", 3, "how many seeds")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err == nil && (*seeds < 1 || *seeds > 1000):
		err = fmt.Errorf("%d seeds: want 1 to 1000", *seeds)
	case err == nil && f.NArg() > 0:
		err = fmt.Errorf("%q means nothing here", f.Arg(0))
	case err == nil:
		err = o.Check()
	}
	if err != nil {
		fmt.Fprintln(errs, "shoalsim:", err)
		return 2
	}
	if err := swarmsim.Table(out, o, swarmsim.Rows(), *seeds); err != nil {
		fmt.Fprintln(errs, "shoalsim:", err)
		return 1
	}
	return 0
}
