package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/shoal-sync/shoal/internal/sim"
)

// replay plays a recording and says whether it came out the same.
func replay(args []string, out, errs io.Writer) int {
	if len(args) != 1 || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(errs, usage)
		return 2
	}
	file, err := os.Open(args[0])
	if err != nil {
		fmt.Fprintln(errs, "shoalsim:", err)
		return 1
	}
	defer file.Close()
	r, err := sim.Replay(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		fmt.Fprintf(errs, "shoalsim: %s: %v\n", args[0], err)
		return 1
	}
	fmt.Fprint(out, r)
	if r.Same() {
		return 0
	}
	return 1
}
