package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Trash says how long and how much the trash keeps; zero fields mean what is usual.
type Trash struct {
	Off                  bool
	Days, Percent, Bytes int64
}

// TrashOf reads what the trash keeps: "on" or nothing (30 days, 10 % of the volume),
// "off", or how long and how much, such as "14d", "5%", "20GB", or "14d 20GB".
func TrashOf(text string) (t Trash, err error) {
	switch text {
	case "", "on":
		return t, nil
	case "off":
		return Trash{Off: true}, nil
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	for _, word := range words {
		if !t.take(word) {
			return Trash{}, badTrash(text)
		}
	}
	if len(words) == 0 || t.Percent > 0 && t.Bytes > 0 {
		return Trash{}, badTrash(text)
	}
	return t, nil
}

func badTrash(text string) error {
	return fmt.Errorf("trash %q: want on, off, or how long and how much deleted files are kept, "+
		"such as 14d, 5%%, 20GB or \"14d 20GB\"", text)
}

// take reads one word; false when it is none, or says something for the second time.
func (t *Trash) take(word string) bool {
	for _, unit := range []struct {
		suffix string
		into   *int64
		factor int64
		most   int64
	}{
		{"d", &t.Days, 1, 3650}, {"%", &t.Percent, 1, 90},
		{"TB", &t.Bytes, 1 << 40, 1 << 20}, {"GB", &t.Bytes, 1 << 30, 1 << 30}, {"MB", &t.Bytes, 1 << 20, 1 << 40},
	} {
		number, ok := strings.CutSuffix(word, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 || n > unit.most || n > math.MaxInt64/unit.factor || *unit.into != 0 {
			return false
		}
		*unit.into = n * unit.factor
		return true
	}
	return false
}
