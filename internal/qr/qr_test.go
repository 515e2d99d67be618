package qr

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestFinderPatterns: three corners hold the squares that cameras look for, and the whole
// has a size that exists.
func TestFinderPatterns(t *testing.T) {
	rows, err := Squares("SHOAL://LINK/" + strings.Repeat("A2", 60))
	if err != nil {
		t.Fatal(err)
	}
	size := len(rows)
	if size%4 != 1 || size < 21 || size > 41 {
		t.Errorf("%d squares a side", size)
	}
	for _, corner := range [][2]int{{0, 0}, {size - 7, 0}, {0, size - 7}} {
		var got []string
		for y := range 7 {
			line := ""
			for x := range 7 {
				line += map[bool]string{true: "#", false: "."}[rows[corner[1]+y][corner[0]+x]]
			}
			got = append(got, line)
		}
		want := "#######\n#.....#\n#.###.#\n#.###.#\n#.###.#\n#.....#\n#######"
		if strings.Join(got, "\n") != want {
			t.Errorf("corner %v is\n%s", corner, strings.Join(got, "\n"))
		}
	}
	if _, err := Squares(strings.Repeat("a", 5000)); err == nil {
		t.Error("a text of 5,000 characters was drawn")
	}
}

// TestLinesShowEverySquare reads the squares back from the characters.
func TestLinesShowEverySquare(t *testing.T) {
	rows, err := Squares("SHOAL")
	if err != nil {
		t.Fatal(err)
	}
	for _, colours := range []bool{false, true} {
		lines := Lines(rows, colours)
		for i, line := range lines {
			line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[30;107m"), "\x1b[0m")
			if utf8.RuneCountInString(line) != len(rows)+2*Quiet {
				t.Fatalf("line %d has %d characters", i, utf8.RuneCountInString(line))
			}
			for x, r := range []rune(line) {
				for half := range 2 {
					y := 2*i + half - Quiet
					drawn := r == '█' || r == '▀' && half == 0 || r == '▄' && half == 1
					inside := y >= 0 && y < len(rows) && x-Quiet >= 0 && x-Quiet < len(rows)
					want := inside && rows[y][x-Quiet]
					if y < len(rows)+Quiet && (drawn == colours) != want {
						t.Fatalf("colours %v: square %d, %d is wrong", colours, x-Quiet, y)
					}
				}
			}
		}
	}
}
