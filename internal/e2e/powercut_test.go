//go:build unix

package e2e

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/shoal-sync/shoal/internal/powercut"
)

// TestPowerCut takes the power from a receiver, which has own changes to tell as well,
// anywhere in its work, and with it whatever it had not made durable, in its folder and in
// its home. After the next start both devices hold what both people left, each once.
func TestPowerCut(t *testing.T) {
	if powercut.Refusal != "" || withRace {
		t.Skip("SKIPPED: the program cannot be watched here:", powercut.Refusal)
	}
	t.Parallel()
	a, b := pair(t)
	rounds, seed := 6, rand.Uint64()
	if text := os.Getenv("SHOAL_POWERCUTS"); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		rounds = n
	}
	for _, device := range []*agent{a, b} {
		// So many deletes in a minute would wait for a yes.
		device.command("folder", "set", shared, "brake", "off").done(t)
	}
	f := faultStory{a: a, b: b}
	f.edit(0)
	settle(a, b)
	random := rand.New(rand.NewPCG(seed, 1))
	for round := range rounds {
		b.stop()
		f.edit(round + 1)
		cut := powercut.Cut{Roots: []string{b.root, b.home}, At: 1 + random.IntN(changesOfARound),
			Seed: random.Uint64()}
		program := agentProgram
		b.binary, b.env = os.Args[0], cut.Env(program)
		at := "change " + strconv.Itoa(cut.At)
		b.dies(at)
		b.binary, b.env = "", nil
		b.start()
		settle(a, b)
		f.check(round+1, at)
		noConflicts(t, a, b)
		if t.Failed() {
			t.Fatalf("seed %d, round %d: %s", seed, round, last(b.logs, 5))
		}
	}
}

// changesOfARound is how often an agent that starts and takes in one round of edits
// changes its disk, at least.
const changesOfARound = 500
