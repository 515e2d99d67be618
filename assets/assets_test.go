package assets

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
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

func TestIconIsACopy(t *testing.T) {
	Icon()[0] = 'x'
	if Icon()[0] != '<' {
		t.Fatal("a caller changed the icon for everybody")
	}
}
