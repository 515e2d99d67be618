// Package assets holds the pictures that are built into the program.
//
// It knows only the files beside it. Whoever draws (the window and the tray, once they
// come) asks it for bytes and decides what to do with them.
package assets

import _ "embed"

//go:embed icon.svg
var icon string

// Icon returns the program's icon as an SVG document, a copy the caller may keep.
func Icon() []byte { return []byte(icon) }
