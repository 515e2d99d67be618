package assets

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"
)

func TestIconIsOneSVGDocument(t *testing.T) {
	d := xml.NewDecoder(bytes.NewReader(Icon()))
	var roots []string
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots = append(roots, e.Name.Local)
			}
		case xml.EndElement:
			depth--
		}
	}
	if len(roots) != 1 || roots[0] != "svg" {
		t.Fatalf("the icon's outermost elements are %v, want one svg", roots)
	}
}

func TestPictures(t *testing.T) {
	seen := map[string]bool{}
	for _, state := range TrayStates() {
		img, err := png.Decode(bytes.NewReader(Tray(state)))
		if err != nil || img.Bounds().Dx() != 44 || img.Bounds().Dy() != 44 {
			t.Errorf("%s: %v, %v", state, img, err)
		}
		if seen[string(Tray(state))] {
			t.Errorf("%s looks like another state", state)
		}
		seen[string(Tray(state))] = true
	}
	if img, err := png.Decode(bytes.NewReader(IconPicture())); err != nil || img.Bounds().Dx() != 256 {
		t.Errorf("the icon: %v, %v", img, err)
	}
}

func TestIconIsACopy(t *testing.T) {
	Icon()[0] = 'x'
	if Icon()[0] != '<' {
		t.Fatal("a caller changed the icon for everybody")
	}
}

func TestWordsCanBeToldApart(t *testing.T) {
	words := Words()
	if len(words) != 2048 {
		t.Fatalf("%d words, want 2048: 11 bits each", len(words))
	}
	first := map[string]string{}
	for i, w := range words {
		if len(w) < 3 || len(w) > 8 || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("%q is no short word", w)
		}
		if i > 0 && words[i-1] >= w {
			t.Errorf("%q does not come behind %q", w, words[i-1])
		}
		start := w[:min(4, len(w))]
		if other, taken := first[start]; taken {
			t.Errorf("%q begins as %q does", w, other)
		}
		first[start] = w
	}
}
