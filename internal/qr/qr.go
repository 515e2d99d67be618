// Package qr draws a text as a QR code, for a camera to read.
//
// It knows squares, and how a terminal shows two of them in one character. Which text it
// is, and on which screen it is drawn, is the caller's matter: the command line today.
package qr

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// Quiet is how many light squares surround a code: cameras need them to find its edge.
const Quiet = 4

// Squares returns the rows of the code of a text, true for a dark square, without the
// quiet zone. Only digits, capital letters and " $%*+-./:" make a small code. The error
// says that the text is too long.
func Squares(text string) ([][]bool, error) {
	code, err := qr.Encode(text, qr.L, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw a code of %d characters: %w", len(text), err)
	}
	size := code.Bounds().Dx()
	rows := make([][]bool, size)
	for y := range rows {
		rows[y] = make([]bool, size)
		for x := range rows[y] {
			r, _, _, _ := code.At(x, y).RGBA()
			rows[y][x] = r == 0
		}
	}
	return rows, nil
}

// Lines draws squares for a terminal, two rows in a line, with the quiet zone. Colours
// makes dark dark and light light whatever the terminal's colours are; without, the light
// squares are the drawn ones, as most terminals are dark.
func Lines(rows [][]bool, colours bool) []string {
	size := len(rows)
	dark := func(x, y int) bool { return y >= 0 && y < size && x >= 0 && x < size && rows[y][x] }
	var lines []string
	for y := -Quiet; y < size+Quiet; y += 2 {
		var b strings.Builder
		if colours {
			b.WriteString("\x1b[30;107m") // black on bright white
		}
		for x := -Quiet; x < size+Quiet; x++ {
			upper, lower := dark(x, y), dark(x, y+1)
			if !colours {
				upper, lower = !upper, !lower && y+1 < size+Quiet
			}
			b.WriteString(halves[[2]bool{upper, lower}])
		}
		if colours {
			b.WriteString("\x1b[0m")
		}
		lines = append(lines, b.String())
	}
	return lines
}

// halves are the characters by which halves are drawn, the upper one first.
var halves = map[[2]bool]string{
	{false, false}: " ", {true, false}: "▀", {false, true}: "▄", {true, true}: "█",
}
