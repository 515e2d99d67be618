//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestChaos mixes everything: random edits on three devices, kills, restarts and lost
// indexes, each at a bad moment. Now and then everybody comes to rest, and must agree. It
// lasts a few seconds, or as long as SHOAL_E2E_CHAOS says ("10m").
func TestChaos(t *testing.T) {
	t.Parallel()
	lasts := 4 * time.Second
	if text := os.Getenv("SHOAL_E2E_CHAOS"); text != "" {
		var err error
		lasts, err = time.ParseDuration(text)
		must(t, err)
	} else {
		long(t)
	}
	all := []*agent{newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")}
	startAll(all...)
	keep(all[0], all[1:]...)
	for i, a := range all {
		for _, b := range all[i+1:] {
			link(a, b)
			share(a, b)
		}
	}
	settleAll(all...)
	seed := rand.Uint64()
	chance := rand.New(rand.NewPCG(seed, 2))
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		var did []string
		for range 3 + chance.IntN(8) {
			did = append(did, all[chance.IntN(3)].upset(chance))
		}
		t.Logf("%s %q", time.Now().UTC().Format("05.000"), did)
		for _, a := range all {
			if a.process == nil {
				a.start()
			}
		}
		settleAll(all...)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// upset does something bad, or just an edit, and says what.
func (a *agent) upset(chance *rand.Rand) string {
	a.t.Helper()
	switch kind := chance.IntN(20); {
	case kind == 0 && a.process != nil:
		a.kill()
		return a.name + " is killed"
	case kind == 1 && a.process != nil:
		a.stop()
		return a.name + " stops"
	case kind == 2 && a.process == nil && chance.IntN(2) == 0:
		a.loseIndex()
		return a.name + " loses its index"
	case kind <= 4 && a.process == nil:
		a.start()
		return a.name + " starts"
	case kind == 5 && a.process != nil:
		a.signal(syscall.SIGSTOP)
		edit := a.edit(chance)
		a.signal(syscall.SIGCONT)
		return edit + " while it stood still"
	case kind == 6:
		name := fmt.Sprintf("big %d", chance.IntN(3))
		a.drop(name, 1+chance.IntN(12<<20))
		return a.name + " drops " + name
	}
	return a.edit(chance)
}
