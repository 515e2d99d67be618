//go:build !darwin || cgo

package kit

import (
	"image"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
)

// Outlined signs cover a small part of their square. One whose outline the toolkit cannot
// read comes out as a blot, or not at all.
func TestIconsAreDrawn(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(NewTheme(Light, 100))
	list, err := files.ReadDir("icons")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		name, ok := strings.CutSuffix(f.Name(), ".svg")
		if !ok {
			continue
		}
		c := software.NewCanvas()
		c.SetPadded(false)
		c.SetContent(NewIcon(name, Ink, 28))
		c.Resize(fyne.NewSquareSize(28))
		if part := covered(c.Capture()); part < 0.03 || part > 0.42 {
			t.Errorf("%s covers %.0f %% of its square", name, part*100)
		}
	}
}

func covered(img image.Image) float64 {
	dark, all := 0.0, 0.0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			_, g, _, _ := img.At(x, y).RGBA()
			dark += 1 - float64(g)/0xFFFF
			all++
		}
	}
	return dark / all
}
