package pairing

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shoal-sync/shoal/assets"
)

// Code is what one person reads out and the other types, such as 4829-otter-maple.
type Code struct {
	// Slot finds the device that shows the code. It is public: 0 to 9999.
	Slot uint16
	// Words are the secret: numbers of words, 0 to 2047 each, 22 bits together. They are
	// never sent, they only enter the PAKE.
	Words [2]uint16
}

// codeTextMax is far above what a person types for a code.
const codeTextMax = 200

var list = assets.Words()

// DrawCode makes a code from eight random bytes. Its slot has no leading zero, which
// people leave out.
func DrawCode(chance [8]byte) Code {
	n := binary.BigEndian.Uint64(chance[:])
	return Code{
		Slot:  1000 + uint16(n>>32%9000),
		Words: [2]uint16{uint16(n % 2048), uint16(n >> 11 % 2048)},
	}
}

// String returns the code as it is shown.
func (c Code) String() string {
	return fmt.Sprintf("%04d-%s-%s", c.Slot, list[c.Words[0]], list[c.Words[1]])
}

// secret is what enters the PAKE.
func (c Code) secret() []byte { return []byte(c.String()) }

// ParseCode reads a code as people type it: case, spaces and dashes do not matter, and of
// each word the first four letters are enough. The error says what is wrong in a person's
// words and suggests what may have been meant.
func ParseCode(text string) (c Code, err error) {
	if len(text) > codeTextMax {
		return c, fmt.Errorf("the code is %d bytes long: it looks like 4829-otter-maple", len(text))
	}
	parts := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !('a' <= r && r <= 'z') && !('0' <= r && r <= '9')
	})
	digits, letters := splitDigits(parts)
	if len(digits) != 4 {
		return c, fmt.Errorf("the code %q must begin with four digits: it looks like 4829-otter-maple", text)
	}
	slot, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return c, fmt.Errorf("the code %q must begin with four digits: it looks like 4829-otter-maple", text)
	}
	c.Slot = uint16(slot)
	if len(letters) == 1 {
		letters = splitWords(letters[0])
	}
	if len(letters) != 2 {
		return c, fmt.Errorf("the code %q must end with two words: it looks like 4829-otter-maple", text)
	}
	for i, w := range letters {
		n, ok := wordNumber(w)
		if !ok {
			return c, unknownWord(w)
		}
		c.Words[i] = n
	}
	return c, nil
}

// splitDigits takes the digits off the front, however they were grouped.
func splitDigits(parts []string) (digits string, rest []string) {
	for i, p := range parts {
		letters := strings.TrimLeft(p, "0123456789")
		digits += p[:len(p)-len(letters)]
		if letters != "" {
			return digits, append([]string{letters}, parts[i+1:]...)
		}
	}
	return digits, nil
}

// splitWords parts two words that were typed without anything between them. Where that
// can be done in several ways it is not done.
func splitWords(both string) []string {
	var found []string
	for i := 3; i < len(both)-2; i++ {
		_, first := slices.BinarySearch(list, both[:i])
		_, second := slices.BinarySearch(list, both[i:])
		if first && second {
			if found != nil {
				return []string{both}
			}
			found = []string{both[:i], both[i:]}
		}
	}
	if found == nil {
		return []string{both}
	}
	return found
}

// wordNumber finds a word by itself or by at least its first four letters.
func wordNumber(word string) (uint16, bool) {
	at, exact := slices.BinarySearch(list, word)
	if exact {
		return uint16(at), true
	}
	if len(word) >= 4 && at < len(list) && strings.HasPrefix(list[at], word) {
		return uint16(at), true
	}
	return 0, false
}

func unknownWord(word string) error {
	best, least := "", 3
	for _, w := range list {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	if best == "" {
		return fmt.Errorf("no code has the word %q: read it again from the other screen", word)
	}
	return fmt.Errorf("no code has the word %q: did you mean %q?", word, best)
}

// distance is how many letters must be added, left out, replaced or swapped with their
// neighbour to make one word of the other; more than three is as far as it gets.
func distance(a, b string) int {
	if len(a)-len(b) > 3 || len(b)-len(a) > 3 {
		return 4
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// wordsOf turns the first 33 bits of a hash into three words.
func wordsOf(hash []byte) string {
	n := binary.BigEndian.Uint64(hash)
	return list[n>>53] + " " + list[n>>42%2048] + " " + list[n>>31%2048]
}
