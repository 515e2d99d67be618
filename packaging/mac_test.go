package main

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBundle: the application holds what a Mac looks for, in the form it wants. It is made
// around any file here: that a Mac opens it only a Mac can tell.
func TestBundle(t *testing.T) {
	source, err := filepath.Abs("..")
	must(t, err)
	r := release{source: source, version: "v1.2.3-4-gabcdef1", when: time.Unix(1_790_000_000, 0).UTC()}
	program := program{"darwin", "arm64", filepath.Join(t.TempDir(), "shoal"), true}
	must(t, os.WriteFile(program.path, []byte("a program"), 0o755))
	items, err := r.bundle(program, texts{licences: []byte("licences")})
	must(t, err)
	files := map[string]item{}
	for _, i := range items {
		files[strings.TrimPrefix(i.path, "Shoal.app/Contents/")] = i
	}
	if exe := files["MacOS/shoal"]; exe.mode != 0o755 || string(exe.content) != "a program" {
		t.Errorf("the program in it is %o, %q", exe.mode, exe.content)
	}
	var words []string
	for d := xml.NewDecoder(bytes.NewReader(files["Info.plist"].content)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			words = append(words, string(text))
		}
	}
	list := strings.Join(words, "|")
	for _, part := range []string{"CFBundleExecutable|shoal|", "CFBundleIconFile|shoal|", "CFBundleIdentifier|app.shoal.Shoal|",
		"CFBundleShortVersionString|1.2.3|CFBundleVersion|1.2.3.1790000000|"} {
		if !strings.Contains(list, part) {
			t.Errorf("Info.plist does not say %s: %s", part, list)
		}
	}
	if agent := string(files["Resources/app.shoal.agent.plist"].content); !strings.Contains(agent,
		"<string>/Applications/Shoal.app/Contents/MacOS/shoal</string>") {
		t.Errorf("what starts the agent does not find it: %s", agent)
	}
	icon := files["Resources/shoal.icns"].content
	if string(icon[:4]) != "icns" || int(binary.BigEndian.Uint32(icon[4:])) != len(icon) {
		t.Fatalf("the icon begins with %x", icon[:8])
	}
	for rest, n := icon[8:], 0; len(rest) > 0; n++ {
		size := binary.BigEndian.Uint32(rest[4:])
		picture, err := png.Decode(bytes.NewReader(rest[8:size]))
		must(t, err)
		if want := icnsSizes[n]; string(rest[:4]) != want.kind || picture.Bounds().Dx() != want.side {
			t.Errorf("picture %d is %s of %v", n, rest[:4], picture.Bounds())
		}
		rest = rest[size:]
	}
	t.Setenv("SHOAL_SIGN_MAC", "")
	t.Setenv("SHOAL_NOTARIZE_MAC", "somebody")
	if err := r.notarize("x.dmg"); err == nil || !strings.Contains(err.Error(), "SHOAL_SIGN_MAC") {
		t.Errorf("what nobody signed is notarized: %v", err)
	}
}
