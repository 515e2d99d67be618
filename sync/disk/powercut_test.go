package disk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/powercut"
)

// cutsEnv says how often the power is cut, where the usual is not enough.
const cutsEnv = "SHOAL_POWERCUTS"

// cuts returns how often the power is cut, and the first seed.
func cuts(t *testing.T, usual int) (n int, seed uint64) {
	t.Helper()
	if powercut.Refusal != "" {
		t.Skip("SKIPPED:", powercut.Refusal)
	}
	text := os.Getenv(cutsEnv)
	if text == "" {
		return usual, rand.Uint64()
	}
	count, first, given := strings.Cut(text, ":")
	n, err := strconv.Atoi(count)
	if given && err == nil {
		seed, err = strconv.ParseUint(first, 10, 64)
	} else {
		seed = rand.Uint64()
	}
	if err != nil {
		t.Fatalf("%s must be COUNT or COUNT:SEED: %v", cutsEnv, err)
	}
	return n, seed
}

// TestPowerCutInAStorm takes the power from a process that rewrites files, again and again.
// Whatever of its unsynced changes is lost: every file is whole, what was reported as done
// is done, no version that was ever seen at rest is lost, and nothing is left half done.
func TestPowerCutInAStorm(t *testing.T) {
	n, seed := cuts(t, 8)
	usual := stormFiles
	defer func() { stormFiles = usual }()
	for round := range uint64(n) {
		random := rand.New(rand.NewPCG(seed+round, 1))
		stormFiles = []int{usual, manyFiles / 3}[random.IntN(2)]
		r := newRealIn(t, t.TempDir()+"/folder", Limits{})
		next, everWas := 2, map[string]bool{}
		for life := range 3 {
			before := stormNow(t, r)
			for i, n := range before {
				everWas[fmt.Sprint(i, n)] = true
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			cut := powercut.Cut{Roots: []string{r.dir}, At: 1 + random.IntN(20*stormFiles), Seed: random.Uint64()}
			acked, said := stormCut(t, r, next, cut, everWas)
			r = r.reopen(t)
			if acked >= next {
				checkStorm(t, r, acked, everWas)
			} else {
				checkOneOf(t, r, before, next, everWas)
			}
			if t.Failed() {
				t.Fatalf("%s=1:%d, in life %d: %s", cutsEnv, seed+round, life, said)
			}
			next = acked + 2
		}
	}
}

// stormNow returns which version each file shows.
func stormNow(t *testing.T, r real) map[int]int {
	t.Helper()
	now := map[int]int{}
	for i := range stormFiles {
		content, err := r.Read(strconv.Itoa(i))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		n := 0
		if err == nil {
			n, err = whichVersion(i, content)
		}
		if err != nil {
			t.Error(err)
		}
		now[i] = n
	}
	return now
}

// checkOneOf demands that each file is as it was, or as a batch that was not reported as
// done would leave it.
func checkOneOf(t *testing.T, r real, before map[int]int, batch int, everWas map[string]bool) {
	t.Helper()
	now, is := stormNow(t, r), map[string]bool{}
	for i := range stormFiles {
		was, existed := before[i]
		n, exists := now[i]
		removed := !exists && batch%2 == 1 && i%3 == 0
		if !(exists == existed && n == was) && !(exists && n == batch) && !removed {
			t.Errorf("file %d shows version %d (%v), had %d (%v); batch %d was begun",
				i, n, exists, was, existed, batch)
		}
		is[fmt.Sprint(i, n)] = true
	}
	checkKept(t, r, is, everWas)
}

// stormCut is stormOnce with a power cut at its end.
func stormCut(t *testing.T, r real, first int, cut powercut.Cut, everWas map[string]bool) (acked int, said string) {
	t.Helper()
	child := cut.Command(os.Args[0])
	child.Env = append(child.Env, stormEnv+"="+r.dir, tokenEnv+"="+r.token.String(),
		firstEnv+"="+strconv.Itoa(first), filesEnv+"="+strconv.Itoa(stormFiles))
	errs := &strings.Builder{}
	child.Stderr = errs
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acked = first - 1
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if acked, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Wait(); err == nil || child.ProcessState.Exited() {
		t.Fatalf("the power was not cut: %v\n%s", err, errs)
	}
	for n := first; n <= acked; n++ {
		for i := range stormFiles {
			if n%2 == 0 || i%3 != 0 {
				everWas[fmt.Sprint(i, n)] = true
			}
		}
	}
	return acked, errs.String()
}
