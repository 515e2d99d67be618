package sim

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pageOf is how many seeds one line of the ledger is about: a hunt that is ended in the
// middle loses no more than that.
const pageOf = 100

// allKinds are the kinds of worlds that "all" stands for: those in which most goes wrong.
var allKinds = []string{"mixed", "forget", "putback", "volumes", "readers", "removal", "roles", "collect", "part", "slow", "told"}

// hunt runs many seeds of a kind of world, or of all, and writes down what came of them,
// where SHOAL_SIM_LEDGER says. SHOAL_SIM_COMMIT is what they were run with.
func hunt(t *testing.T, kind string, from, count uint64) {
	kinds := []string{kind}
	if kind == "all" {
		kinds = allKinds
	}
	broken := map[string]int{}
	for next := from; next < from+count; next += pageOf {
		for _, kind := range kinds {
			huntPage(t, kind, next, min(next+pageOf, from+count), broken)
		}
	}
	t.Logf("%d worlds of kind %s from seed %d; broken rules: %v", count, kind, from, broken)
}

func huntPage(t *testing.T, kind string, from, end uint64, broken map[string]int) {
	page := entry{kind: kind, from: from, upto: end - 1, commit: os.Getenv("SHOAL_SIM_COMMIT"), broke: map[uint64]string{}}
	for seed := from; seed < end; seed++ {
		if _, err := Hunt(Named(kind, seed)); err != nil {
			t.Errorf("%v", err)
			page.broke[seed] = rule(err)
			broken[rule(err)]++
		}
	}
	page.write(t)
}

// entry is a line of the ledger.
type entry struct {
	kind, commit string
	from, upto   uint64
	broke        map[uint64]string // rules, by seed
}

func (e *entry) String() string {
	line := fmt.Sprintf("%s %d..%d %s", e.kind, e.from, e.upto, e.commit)
	if len(e.broke) == 0 {
		return line + " all hold"
	}
	for i, seed := range slices.Sorted(maps.Keys(e.broke)) {
		sep := map[bool]string{true: ":", false: ";"}[i == 0]
		line += fmt.Sprintf("%s %d %s", sep, seed, e.broke[seed])
	}
	return line
}

func (e *entry) write(t *testing.T) {
	name := os.Getenv("SHOAL_SIM_LEDGER")
	if name == "" {
		return
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = fmt.Fprintln(file, e); err == nil {
		err = file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// readEntry understands a line that was written by a hunt. It knows which rules were broken
// only by their number.
func readEntry(line string) (e entry, broken int, err error) {
	head, _, ok := strings.Cut(line, " all hold")
	if !ok {
		var rest string
		head, rest, ok = strings.Cut(line, ": ")
		broken = strings.Count(rest, "; ") + 1
	}
	words := strings.Fields(head)
	if !ok || len(words) != 3 {
		return e, 0, fmt.Errorf("%q is no line of a ledger", line)
	}
	from, upto, _ := strings.Cut(words[1], "..")
	e.kind, e.commit = words[0], words[2]
	if e.from, err = strconv.ParseUint(from, 10, 64); err == nil {
		e.upto, err = strconv.ParseUint(upto, 10, 64)
	}
	if err == nil && e.upto < e.from {
		err = fmt.Errorf("%q ends before it begins", line)
	}
	return e, broken, err
}

// TestLedger sums up what is written in the ledger, and finds a line nobody can read.
func TestLedger(t *testing.T) {
	file, err := os.Open("testdata/ledger.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	seeds, broken := map[string]uint64{}, map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") || lines.Text() == "" {
			continue
		}
		e, n, err := readEntry(lines.Text())
		if err != nil {
			t.Error(err)
			continue
		}
		seeds[e.kind] += e.upto - e.from + 1
		broken[e.kind] += n
	}
	for _, kind := range slices.Sorted(maps.Keys(seeds)) {
		t.Logf("%-10s %6d seeds, %d broke a rule", kind, seeds[kind], broken[kind])
	}
}

func TestLedgerLines(t *testing.T) {
	for _, e := range []entry{
		{kind: "mixed", commit: "abc1234", from: 0, upto: 99},
		{kind: "forget", commit: "abc1234", from: 7, upto: 7, broke: map[uint64]string{7: "no content is lost (P2)"}},
		{kind: "mixed", commit: "x", from: 1, upto: 9, broke: map[uint64]string{3: "a", 2: "b"}},
	} {
		got, broken, err := readEntry(e.String())
		if err != nil || got.kind != e.kind || got.from != e.from || got.upto != e.upto || got.commit != e.commit || broken != len(e.broke) {
			t.Errorf("%q was read as %+v, %d broken, %v", &e, got, broken, err)
		}
	}
	for _, line := range []string{"mixed", "mixed 1..2 x", "mixed 5..2 x all hold", "mixed a..b x all hold"} {
		if _, _, err := readEntry(line); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
}
