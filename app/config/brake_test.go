package config

import "testing"

func TestBrakeOf(t *testing.T) {
	for _, c := range []struct {
		text           string
		off            bool
		files, percent int64
		wrong          bool
	}{
		{text: ""}, {text: "on"}, {text: "off", off: true}, {text: "1", files: 1},
		{text: "500", files: 500}, {text: "20%", percent: 20}, {text: "100 %", percent: 100},
		{text: "0", wrong: true}, {text: "-3", wrong: true}, {text: "0%", wrong: true},
		{text: "101%", wrong: true}, {text: "many", wrong: true}, {text: "%", wrong: true},
		{text: "99999999999999999999", wrong: true},
	} {
		off, files, percent, err := BrakeOf(c.text)
		if off != c.off || files != c.files || percent != c.percent || (err != nil) != c.wrong {
			t.Errorf("%q means %v, %d, %d %%, %v", c.text, off, files, percent, err)
		}
	}
	f := Folder{ID: photos, Name: "n", Path: t.TempDir(), Brake: "sometimes"}
	if f.check() == nil {
		t.Error("a folder with a meaningless brake is accepted")
	}
}
