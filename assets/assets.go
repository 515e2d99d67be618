// Package assets holds the pictures and words that are built into the program.
//
// It knows only the files beside it. The window, the tray and the web page ask it for
// pictures, and package pairing for words; they decide what to do with them.
package assets

import (
	"embed"
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

// pictures holds the icon of 256 pixels and, for the tray, one of 44 for each state. They
// are drawn from the SVG documents beside them, by a browser.
//
//go:embed icon.png tray/*.png
var pictures embed.FS

// TrayStates are the states the tray has a picture for.
func TrayStates() []string { return []string{"idle", "syncing", "paused", "needs-you", "offline"} }

// Tray returns the picture for a state of the tray as PNG, 44 pixels wide and high.
func Tray(state string) []byte { return picture("tray/" + state + ".png") }

// IconPicture returns the program's icon as PNG, 256 pixels wide and high.
func IconPicture() []byte { return picture("icon.png") }

func picture(name string) []byte {
	data, err := pictures.ReadFile(name)
	if err != nil {
		panic("bug: no picture " + name)
	}
	return data
}

// Icon returns the program's icon as an SVG document, a copy the caller may keep.
func Icon() []byte { return []byte(icon) }

// Words returns the 2,048 words that codes are made of, a copy the caller may keep.
func Words() []string { return strings.Fields(words) }
