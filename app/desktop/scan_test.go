//go:build !darwin || cgo

package desktop

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/qr"
)

// photo is a noisy, slanted picture of a code on a table, as a phone takes it.
func photo(t *testing.T, text string) []byte {
	t.Helper()
	rows, err := qr.Squares(text)
	if err != nil {
		t.Fatal(err)
	}
	chance := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
	const module = 9
	for y := range 1200 {
		for x := range 1600 {
			shade := 120 + chance.IntN(30)
			// Turned by a few degrees.
			c, r := (x-500+y/12)/module, (y-300-x/12)/module
			if x-500+y/12 >= -4*module && y-300-x/12 >= -4*module && c < len(rows)+4 && r < len(rows)+4 {
				shade = 190 + chance.IntN(40)
				if x-500+y/12 >= 0 && y-300-x/12 >= 0 && r < len(rows) && c < len(rows) && rows[r][c] {
					shade = 20 + chance.IntN(50)
				}
			}
			img.Set(x, y, color.RGBA{uint8(shade), uint8(shade), uint8(shade - 10), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 70}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func linkOfOther() string {
	return pairing.Link{Device: deviceID(7), Slot: 4829, Secret: [16]byte{1, 2, 3}}.String()
}

// A code is read from a photo that is dropped on the window, and only one of ours.
func TestCodeIsReadFromAPicture(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.linking = nil
	dir := t.TempDir()
	put := func(name string, text []byte) fyne.URI {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return storage.NewFileURI(path)
	}
	s.dropped(fyne.Position{}, []fyne.URI{put("phone.JPG", photo(t, linkOfOther()))})
	s.until("the device is linked", func() bool {
		s.agent.mu.Lock()
		defer s.agent.mu.Unlock()
		for _, r := range s.agent.linked {
			if r.Code == linkOfOther() {
				return true
			}
		}
		return false
	})
	s.linking.sheet.Close()
	var plain bytes.Buffer
	if err := png.Encode(&plain, image.NewGray(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"other.jpg": photo(t, "HTTPS://EXAMPLE.ORG"), "plain.png": plain.Bytes(),
		"torn.png": plain.Bytes()[:30], "text.png": []byte("text")} {
		s.dropped(fyne.Position{}, []fyne.URI{put(name, text)})
		s.until("it is said that there is none in "+name, func() bool { return s.shows("There is no code of Shoal in this picture.") })
		s.press("Close")
	}
}

// Pasted is what the clipboard holds: a link, or a picture of one.
func TestCodeIsPasted(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/x"}}
	s.Link()
	s.until("the code is shown", func() bool { return s.shows("4829-otter-maple") })
	t.Setenv("PATH", t.TempDir()) // nothing there reads pictures
	fyne.CurrentApp().Clipboard().SetContent("a poem")
	s.press("Paste")
	s.until("it is said that it is none", func() bool { return s.shows("The clipboard holds neither a code nor a link.") })
	fyne.CurrentApp().Clipboard().SetContent(" " + linkOfOther() + "\n")
	s.press("Paste")
	s.until("it is used", func() bool {
		s.agent.mu.Lock()
		defer s.agent.mu.Unlock()
		return s.agent.linked[len(s.agent.linked)-1].Code == linkOfOther()
	})
}

func FuzzCodeInPicture(f *testing.F) {
	var plain bytes.Buffer
	if err := png.Encode(&plain, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Add([]byte("GIF89a"))
	f.Fuzz(func(t *testing.T, picture []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(picture)); err == nil && c.Width*c.Height > 1<<20 {
			return // large ones only take long
		}
		if code, err := codeIn(picture); err == nil {
			if _, err := pairing.ParseEntry(code); err != nil {
				t.Errorf("%q is no code", code)
			}
		}
	})
}
