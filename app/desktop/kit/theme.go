//go:build !darwin || cgo

// Package kit is what the window is made of: its theme, its icons, and the few widgets
// that the toolkit lacks or draws otherwise than we want.
//
// It knows colours, sizes and gestures, and nothing of folders or devices; package desktop
// puts it together into pages. It needs neither a display nor cgo, so that pages can be
// drawn in tests. Everything here is called on the window's one thread.
package kit

import (
	"embed"
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

//go:embed fonts/*.otf icons/*.svg
var files embed.FS

// Sizes of text.
const (
	Title   fyne.ThemeSizeName = "shoalTitle"   // of a page
	Heading fyne.ThemeSizeName = "shoalHeading" // of a card or a dialog
	Name    fyne.ThemeSizeName = "shoalName"    // of a thing in a list
	Body                       = theme.SizeNameText
	Small                      = theme.SizeNameCaptionText
	Tiny    fyne.ThemeSizeName = "shoalTiny" // in badges
)

// Appearance is light, dark, or as the system has it.
type Appearance string

// The appearances.
const (
	FollowSystem Appearance = "system"
	Light        Appearance = "light"
	Dark         Appearance = "dark"
)

// Theme is how everything looks. It is replaced, not changed.
type Theme struct {
	appearance Appearance
	scale      float32
	regular    fyne.Resource
	strong     fyne.Resource
}

// NewTheme returns the theme in an appearance, its text scaled by percent of the usual
// size; 100 is as designed.
func NewTheme(appearance Appearance, percent int) *Theme {
	return &Theme{
		appearance: appearance, scale: float32(percent) / 100,
		regular: resource("fonts/Inter-Regular.otf"), strong: resource("fonts/Inter-SemiBold.otf"),
	}
}

func resource(name string) *fyne.StaticResource {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("bug: %v", err))
	}
	return fyne.NewStaticResource(name, content)
}

// Color implements fyne.Theme.
func (t *Theme) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	switch t.appearance {
	case Light:
		variant = theme.VariantLight
	case Dark:
		variant = theme.VariantDark
	}
	palette := light
	if variant == theme.VariantDark {
		palette = dark
	}
	if c, ok := palette[name]; ok {
		return c
	}
	return theme.DefaultTheme().Color(name, variant)
}

// Font implements fyne.Theme. Bold is drawn half bold: beside each other the two weights
// read calmer.
func (t *Theme) Font(style fyne.TextStyle) fyne.Resource {
	switch {
	case style.Monospace, style.Symbol, style.Italic:
		return theme.DefaultTheme().Font(style)
	case style.Bold:
		return t.strong
	}
	return t.regular
}

// Icon implements fyne.Theme.
func (t *Theme) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

// sizes are those of the design at 100 %, in the toolkit's units.
var sizes = map[fyne.ThemeSizeName]float32{
	theme.SizeNamePadding:            4,
	theme.SizeNameInnerPadding:       9,
	theme.SizeNameInputRadius:        8,
	theme.SizeNameSelectionRadius:    8,
	theme.SizeNameInputBorder:        1,
	theme.SizeNameScrollBarSmall:     4,
	theme.SizeNameScrollBar:          10,
	theme.SizeNameInlineIcon:         18,
	theme.SizeNameSeparatorThickness: 1,
}

var textSizes = map[fyne.ThemeSizeName]float32{
	Title: 24, Heading: 17, Name: 14.5, Body: 13.5, Small: 12, Tiny: 11,
	theme.SizeNameHeadingText: 24, theme.SizeNameSubHeadingText: 17,
}

// Size implements fyne.Theme.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	if size, ok := textSizes[name]; ok {
		return size * t.scale
	}
	if size, ok := sizes[name]; ok {
		return size
	}
	return theme.DefaultTheme().Size(name)
}

// icon returns one of the pictures beside this file, by its name, in a colour of the theme.
func icon(name string, ink fyne.ThemeColorName) fyne.Resource {
	return theme.NewColoredResource(resource("icons/"+name+".svg"), ink)
}
