// Package assets holds the pictures and words that are built into the program.
//
// It knows only the files beside it. Whoever draws (the window and the tray, once they
// come) asks it for pictures, and package pairing for words; they decide what to do with
// them.
package assets

import (
	_ "embed"
	"strings"
)

//go:embed icon.svg
var icon string

// words are easy English words of three to eight letters, in order. No two share their
// first four letters. They are part of what devices say to each other: a word that is
// replaced or moved makes the codes of old and new programs differ.
//
//go:embed words.txt
var words string

// Icon returns the program's icon as an SVG document, a copy the caller may keep.
func Icon() []byte { return []byte(icon) }

// Words returns the 2,048 words that codes are made of, a copy the caller may keep.
func Words() []string { return strings.Fields(words) }
