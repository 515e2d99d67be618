//go:build !darwin || cgo

package kit

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Words keep a contrast of 4.5 to 1 on whatever they stand on, and what shows where the
// keyboard is keeps 3 to 1 (WCAG 2.1, success criteria 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	words := map[fyne.ThemeColorName][]fyne.ThemeColorName{
		Ink: {Paper, CardFill, Sidebar, TintBusy, TintGood, TintWarn, TintBad, TintQuiet,
			theme.ColorNameButton, theme.ColorNameInputBackground, theme.ColorNameMenuBackground},
		Muted:                      {Paper, CardFill, Sidebar, TintQuiet, TintBusy},
		Primary:                    {Paper, CardFill, TintBusy},
		Good:                       {CardFill, TintGood},
		Warn:                       {Paper, CardFill, TintWarn},
		Bad:                        {Paper, CardFill, TintBad, theme.ColorNameButton},
		OnPrimary:                  {Primary, Warn},
		theme.ColorNamePlaceHolder: {theme.ColorNameInputBackground},
	}
	for _, look := range []Appearance{Light, Dark} {
		shown := NewTheme(look, 100)
		check := func(ink, ground fyne.ThemeColorName, least float64) {
			if got := contrast(shown.Color(ink, 0), shown.Color(ground, 0)); got < least {
				t.Errorf("%s: %s on %s is %.2f to 1, want %.1f", look, ink, ground, got, least)
			}
		}
		for ink, grounds := range words {
			for _, ground := range grounds {
				check(ink, ground, 4.5)
			}
		}
		for _, ground := range []fyne.ThemeColorName{Paper, CardFill, Sidebar, TintBusy, TintQuiet} {
			check(Ring, ground, 3)
		}
		check(Ink, Primary, 1.5) // the ring around the main button, which also stands on Paper
	}
}

// contrast follows WCAG 2.1, "contrast ratio" and "relative luminance".
func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	line := func(v uint32) float64 {
		s := float64(v) / 0xFFFF
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*line(r) + 0.7152*line(g) + 0.0722*line(b)
}
