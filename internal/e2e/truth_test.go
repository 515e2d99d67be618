//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// TestStatusTruth edits at random on both sides, and compares the trees the moment `wait`
// says that they are equal.
func TestStatusTruth(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	rounds := 30
	if testing.Short() {
		rounds = 8
	}
	seed := rand.Uint64()
	chance := rand.New(rand.NewPCG(seed, 1))
	for round := range rounds {
		var did []string
		for range 1 + chance.IntN(6) {
			who := []*agent{a, b}[chance.IntN(2)]
			did = append(did, who.edit(chance))
		}
		settle(a, b)
		if t.Failed() {
			t.Fatalf("seed %d, round %d: %q", seed, round, did)
		}
	}
}

// edit does one random thing to the folder of an agent and says what. Names are few, so
// that both sides often mean the same one.
func (a *agent) edit(chance *rand.Rand) string {
	a.t.Helper()
	name := func() string {
		n := fmt.Sprintf("f%d", chance.IntN(6))
		if chance.IntN(2) == 0 {
			n = fmt.Sprintf("d%d/%s", chance.IntN(3), n)
		}
		return n
	}
	from, to := name(), name()
	body := fmt.Sprintf("%s %d", a.name, chance.Uint64())
	switch chance.IntN(8) {
	case 0:
		_ = os.RemoveAll(a.at(from))
		return a.name + " removes " + from
	case 1:
		_ = os.Rename(a.at(from), a.at(to)) // often there is nothing to rename
		return a.name + " renames " + from + " to " + to
	case 2:
		d, e := fmt.Sprintf("d%d", chance.IntN(3)), fmt.Sprintf("d%d", chance.IntN(4))
		_ = os.Rename(a.at(d), a.at(e)) // likewise
		return a.name + " renames " + d + " to " + e
	case 3:
		d := fmt.Sprintf("d%d", chance.IntN(3))
		_ = os.RemoveAll(a.at(d))
		return a.name + " removes " + d
	case 4:
		_ = os.Chmod(a.at(from), []os.FileMode{0o600, 0o644, 0o755}[chance.IntN(3)]) // likewise
		return a.name + " closes or opens " + from
	case 5:
		a.put(from+".tmp", body)
		a.move(from+".tmp", from)
		return a.name + " saves by rename " + from
	}
	a.put(from, body)
	return a.name + " writes " + from
}
