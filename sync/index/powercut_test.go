package index

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/powercut"
)

// cutsEnv says how often the power is cut, and optionally the first seed, as COUNT:SEED.
const cutsEnv = "SHOAL_POWERCUTS"

// TestPowerCutLosesNothing takes the power from a writer, while it makes the database,
// commits and moves pages from the log, and with it sectors of what it has not synced: what
// was acknowledged is there, what was not is there whole or not at all.
func TestPowerCutLosesNothing(t *testing.T) {
	if powercut.Refusal != "" {
		t.Skip("SKIPPED:", powercut.Refusal)
	}
	rounds, seed := 5, rand.Uint64()
	if text := os.Getenv(cutsEnv); text != "" {
		count, first, _ := strings.Cut(text, ":")
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
		if n, err := strconv.ParseUint(first, 10, 64); err == nil {
			seed = n
		}
	}
	for round := range uint64(rounds) {
		random := rand.New(rand.NewPCG(seed+round, 1))
		dir := t.TempDir()
		for life := range 3 {
			most := []int{60, 600, 2000}[random.IntN(3)] // a new database takes some 60 changes
			cut := powercut.Cut{Roots: []string{dir}, At: 1 + random.IntN(most), Seed: random.Uint64()}
			path := filepath.Join(dir, "folder.db")
			acknowledged, said := cutWriter(t, path, cut)
			checkCrashed(t, path, acknowledged)
			if t.Failed() {
				t.Fatalf("%s=1:%d, in life %d: %s", cutsEnv, seed+round, life, said)
			}
		}
	}
}

// cutWriter lets a writer commit until its power is cut, and returns the last state that it
// acknowledged.
func cutWriter(t *testing.T, path string, cut powercut.Cut) (last uint64, said string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := cut.Command(program, "-test.run=none")
	errs := &strings.Builder{}
	cmd.Stderr = errs
	last, err = writes(t, cmd, path, func(int) {})
	if err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the power was not cut: %v\n%s", err, errs)
	}
	return last, errs.String()
}
