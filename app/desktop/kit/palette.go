//go:build !darwin || cgo

package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Colours that the toolkit has no name for.
const (
	Sidebar   fyne.ThemeColorName = "shoalSidebar"
	CardFill  fyne.ThemeColorName = "shoalCard"
	Border    fyne.ThemeColorName = "shoalBorder"
	Muted     fyne.ThemeColorName = "shoalMuted"
	Track     fyne.ThemeColorName = "shoalTrack"
	TintBusy  fyne.ThemeColorName = "shoalTintBusy"
	TintGood  fyne.ThemeColorName = "shoalTintGood"
	TintWarn  fyne.ThemeColorName = "shoalTintWarn"
	TintBad   fyne.ThemeColorName = "shoalTintBad"
	TintQuiet fyne.ThemeColorName = "shoalTintQuiet"
	Scrim     fyne.ThemeColorName = "shoalScrim"
	Ring      fyne.ThemeColorName = "shoalRing"
)

// Short names for the toolkit's own colours.
const (
	Ink       = theme.ColorNameForeground
	Primary   = theme.ColorNamePrimary
	OnPrimary = theme.ColorNameForegroundOnPrimary
	Good      = theme.ColorNameSuccess
	Warn      = theme.ColorNameWarning
	Bad       = theme.ColorNameError
	Paper     = theme.ColorNameBackground
)

// Tone is what a colour says about the thing it is on.
type Tone int

// The tones.
const (
	Quiet Tone = iota // nothing to say
	Busy              // at work
	Fine              // as it should be
	Care              // a person should look
	Wrong             // something does not work
)

// Ink returns the colour for words and signs of this tone.
func (t Tone) Ink() fyne.ThemeColorName {
	return [...]fyne.ThemeColorName{Muted, Primary, Good, Warn, Bad}[t]
}

// Tint returns the colour for the ground below them.
func (t Tone) Tint() fyne.ThemeColorName {
	return [...]fyne.ThemeColorName{TintQuiet, TintBusy, TintGood, TintWarn, TintBad}[t]
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

func veil(v uint32, alpha uint8) color.NRGBA {
	c := rgb(v)
	c.A = alpha
	return c
}

// The pairs of ink and ground that words stand in keep a contrast of 4.5 to 1 (WCAG 2.1,
// success criterion 1.4.3); TestContrast lists them.
var light = map[fyne.ThemeColorName]color.Color{
	theme.ColorNameBackground:          rgb(0xF6F8F9),
	theme.ColorNameForeground:          rgb(0x13202A),
	theme.ColorNamePrimary:             rgb(0x0B6A80),
	theme.ColorNameForegroundOnPrimary: rgb(0xFFFFFF),
	theme.ColorNameHyperlink:           rgb(0x0B6A80),
	theme.ColorNameButton:              rgb(0xFFFFFF),
	theme.ColorNameDisabledButton:      rgb(0xEDF0F2),
	theme.ColorNameDisabled:            rgb(0x8A97A1),
	theme.ColorNameInputBackground:     rgb(0xFFFFFF),
	theme.ColorNameInputBorder:         rgb(0xC6D0D6),
	theme.ColorNameHover:               veil(0x13202A, 13),
	theme.ColorNamePressed:             veil(0x13202A, 26),
	theme.ColorNameSeparator:           rgb(0xE3E8EB),
	theme.ColorNamePlaceHolder:         rgb(0x5C6B76),
	theme.ColorNameOverlayBackground:   rgb(0xFFFFFF),
	theme.ColorNameMenuBackground:      rgb(0xFFFFFF),
	theme.ColorNameSuccess:             rgb(0x157347),
	theme.ColorNameWarning:             rgb(0x9A4B06),
	theme.ColorNameError:               rgb(0xB3261E),
	theme.ColorNameScrollBar:           veil(0x13202A, 70),
	theme.ColorNameScrollBarBackground: veil(0x13202A, 0),
	theme.ColorNameFocus:               veil(0x0B6A80, 60),
	theme.ColorNameSelection:           veil(0x0B6A80, 40),
	theme.ColorNameShadow:              veil(0x0B2530, 30),
	theme.ColorNameHeaderBackground:    rgb(0xF6F8F9),

	Sidebar: rgb(0xEAEFF2), CardFill: rgb(0xFFFFFF), Border: rgb(0xDFE6EA),
	Muted: rgb(0x586874), Track: rgb(0xE1E8EC), Scrim: veil(0x0B1C24, 110), Ring: rgb(0x0B6A80),
	TintBusy: rgb(0xDCF0F5), TintGood: rgb(0xDFF3E8), TintWarn: rgb(0xFCEDD6),
	TintBad: rgb(0xFBE4E2), TintQuiet: rgb(0xECF0F3),
}

var dark = map[fyne.ThemeColorName]color.Color{
	theme.ColorNameBackground:          rgb(0x0E1419),
	theme.ColorNameForeground:          rgb(0xE6ECF0),
	theme.ColorNamePrimary:             rgb(0x35BFD3),
	theme.ColorNameForegroundOnPrimary: rgb(0x04222A),
	theme.ColorNameHyperlink:           rgb(0x35BFD3),
	theme.ColorNameButton:              rgb(0x202A33),
	theme.ColorNameDisabledButton:      rgb(0x1A222A),
	theme.ColorNameDisabled:            rgb(0x5F6E7A),
	theme.ColorNameInputBackground:     rgb(0x111920),
	theme.ColorNameInputBorder:         rgb(0x36434F),
	theme.ColorNameHover:               veil(0xFFFFFF, 14),
	theme.ColorNamePressed:             veil(0xFFFFFF, 28),
	theme.ColorNameSeparator:           rgb(0x232D36),
	theme.ColorNamePlaceHolder:         rgb(0x8C9AA6),
	theme.ColorNameOverlayBackground:   rgb(0x19222A),
	theme.ColorNameMenuBackground:      rgb(0x1C262F),
	theme.ColorNameSuccess:             rgb(0x4CD08A),
	theme.ColorNameWarning:             rgb(0xF2B441),
	theme.ColorNameError:               rgb(0xFF8A80),
	theme.ColorNameScrollBar:           veil(0xFFFFFF, 70),
	theme.ColorNameScrollBarBackground: veil(0xFFFFFF, 0),
	theme.ColorNameFocus:               veil(0x35BFD3, 70),
	theme.ColorNameSelection:           veil(0x35BFD3, 50),
	theme.ColorNameShadow:              veil(0x000000, 110),
	theme.ColorNameHeaderBackground:    rgb(0x0E1419),

	Sidebar: rgb(0x0A0F13), CardFill: rgb(0x161E25), Border: rgb(0x252F38),
	Muted: rgb(0x93A1AD), Track: rgb(0x2A353F), Scrim: veil(0x000000, 150), Ring: rgb(0x35BFD3),
	TintBusy: rgb(0x0F323B), TintGood: rgb(0x11321F), TintWarn: rgb(0x39290A),
	TintBad: rgb(0x421B1A), TintQuiet: rgb(0x222C35),
}
