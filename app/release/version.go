package release

import (
	"fmt"
	"strconv"
	"strings"
)

// version is what git describes a commit of a release as: 1.2.3, 1.2.3-rc1 before it, and
// 1.2.3-4-gabcdef1, four commits after it.
type version struct {
	numbers [3]uint64
	before  string // of what comes before a release; empty for one
	after   uint64 // commits
}

// CheckVersion says why a text is no version of a release; nil when it is one.
func CheckVersion(text string) error {
	_, err := parse(text)
	return err
}

// Compare returns -1, 0 or 1 as the version a is older than b, as old, or newer. Its error
// says which of them is no version of a release; builds of a tree without one have none.
func Compare(a, b string) (int, error) {
	x, err := parse(a)
	if err != nil {
		return 0, err
	}
	y, err := parse(b)
	if err != nil {
		return 0, err
	}
	for i := range x.numbers {
		if x.numbers[i] != y.numbers[i] {
			return order(x.numbers[i] < y.numbers[i]), nil
		}
	}
	switch {
	case x.before != y.before && x.before == "":
		return 1, nil
	case x.before != y.before && y.before == "":
		return -1, nil
	case x.before != y.before:
		return order(earlier(x.before, y.before)), nil
	case x.after != y.after:
		return order(x.after < y.after), nil
	}
	return 0, nil
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

// earlier orders rc2 before rc10: by the word, then by the number behind it.
func earlier(a, b string) bool {
	wordA, numberA := split(a)
	wordB, numberB := split(b)
	if wordA != wordB {
		return wordA < wordB
	}
	if numberA != numberB {
		return numberA < numberB
	}
	return a < b
}

func split(text string) (word string, number uint64) {
	word = strings.TrimRight(text, "0123456789")
	number, err := strconv.ParseUint(text[len(word):], 10, 32)
	if err != nil {
		return text, 0
	}
	return word, number
}

func parse(text string) (v version, err error) {
	no := fmt.Errorf("%q is no version of a release", text)
	rest := strings.TrimSuffix(strings.TrimPrefix(text, "v"), "-dirty")
	if len(rest) > 64 {
		return v, no
	}
	main, tail, _ := strings.Cut(rest, "-")
	parts := strings.Split(main, ".")
	if len(parts) < 2 || len(parts) > len(v.numbers) {
		return v, no
	}
	for i, part := range parts {
		if v.numbers[i], err = strconv.ParseUint(part, 10, 32); err != nil {
			return v, no
		}
	}
	if tail == "" {
		if main != rest {
			return v, no
		}
		return v, nil
	}
	pieces := strings.Split(tail, "-")
	if pieces[0] == "" || !digit(pieces[0][0]) {
		v.before, pieces = pieces[0], pieces[1:]
		if !plainName(v.before) {
			return v, no
		}
	}
	switch {
	case len(pieces) == 0:
		return v, nil
	case len(pieces) != 2 || !strings.HasPrefix(pieces[1], "g"):
		return v, no
	}
	if v.after, err = strconv.ParseUint(pieces[0], 10, 32); err != nil {
		return v, no
	}
	return v, nil
}
