package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
)

// appID names shoal to desktops; its files carry it in their names.
const appID = "app.shoal.Shoal"

// shown lists what makes shoal appear among a desktop's applications.
func (r *release) shown() ([]item, error) {
	entry, err := os.ReadFile(filepath.Join(r.source, "packaging", appID+".desktop"))
	if err != nil {
		return nil, err
	}
	about, err := os.ReadFile(filepath.Join(r.source, "packaging", appID+".metainfo.xml"))
	if err != nil {
		return nil, err
	}
	about = []byte(strings.NewReplacer("@VERSION@", packageVersion(r.version, r.when),
		"@DATE@", r.when.Format("2006-01-02")).Replace(string(about)))
	drawing, err := os.ReadFile(filepath.Join(r.source, "assets/icon.svg"))
	if err != nil {
		return nil, err
	}
	items := []item{
		{"usr/share/applications/" + appID + ".desktop", entry, 0o644},
		{"usr/share/metainfo/" + appID + ".metainfo.xml", about, 0o644},
		{"usr/share/icons/hicolor/scalable/apps/" + appID + ".svg", drawing, 0o644},
	}
	for _, size := range []int{16, 32, 48, 128, 256} {
		picture, err := raster(drawing, size)
		if err != nil {
			return nil, fmt.Errorf("the icon: %w", err)
		}
		var encoded bytes.Buffer
		if err := png.Encode(&encoded, picture); err != nil {
			return nil, err
		}
		items = append(items, item{fmt.Sprintf("usr/share/icons/hicolor/%dx%d/apps/%s.png", size, size, appID),
			encoded.Bytes(), 0o644})
	}
	return items, nil
}

// roundness matches the one radius that SVG asks of a rectangle with round corners.
var roundness = regexp.MustCompile(`<rect ([^>]*)rx="([0-9.]+)"`)

// raster draws the icon as a square of size pixels.
func raster(drawing []byte, size int) (*image.RGBA, error) {
	if !bytes.Contains(drawing, []byte(` ry="`)) {
		// The library takes a radius that is left out for 0, and not for the other one.
		drawing = roundness.ReplaceAll(drawing, []byte(`<rect ${1}rx="$2" ry="$2"`))
	}
	icon, err := oksvg.ReadIconStream(bytes.NewReader(drawing), oksvg.StrictErrorMode)
	if err != nil {
		return nil, err
	}
	icon.SetTarget(0, 0, float64(size), float64(size))
	picture := image.NewRGBA(image.Rect(0, 0, size, size))
	icon.Draw(rasterx.NewDasher(size, size, rasterx.NewScannerGV(size, size, picture, picture.Bounds())), 1)
	return picture, nil
}

// debianNames are the packages that hold the libraries a window is linked with.
var debianNames = map[string]string{
	"libGL.so.1": "libgl1", "libX11.so.6": "libx11-6", "libwayland-client.so.0": "libwayland-client0",
	"libm.so.6": "libc6", "libc.so.6": "libc6", "libdl.so.2": "libc6", "libpthread.so.0": "libc6",
}

// opened are libraries that a window looks for when it starts, and that no list in the
// program names.
var opened = []string{"libx11-6", "libxcursor1", "libxrandr2", "libxinerama1", "libxi6", "libxkbcommon0"}

// libraries says what a program cannot run without, in the words of one kind of package.
func libraries(p program, kind string) ([]string, error) {
	file, err := elf.Open(p.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	linked, err := file.ImportedLibraries()
	if err != nil || len(linked) == 0 {
		return nil, err
	}
	oldest, err := oldestC(file)
	if err != nil {
		return nil, err
	}
	var needs []string
	for _, library := range linked {
		if strings.HasPrefix(library, "ld-linux") {
			continue // comes with libc
		}
		if kind == "rpm" {
			needs = append(needs, library+"()(64bit)")
			continue
		}
		name, known := debianNames[library]
		if !known {
			return nil, fmt.Errorf("it is not written down which Debian package holds %s", library)
		}
		if name == "libc6" {
			name = fmt.Sprintf("libc6 (>= 2.%d)", oldest)
		}
		needs = append(needs, name)
	}
	if kind == "rpm" {
		needs = append(needs, fmt.Sprintf("libc.so.6(GLIBC_2.%d)(64bit)", oldest))
	} else {
		needs = append(needs, opened...)
	}
	slices.Sort(needs)
	return slices.Compact(needs), nil
}

// oldestC is the oldest minor version of glibc 2 that has all that a program uses of it.
func oldestC(file *elf.File) (int, error) {
	symbols, err := file.ImportedSymbols()
	if err != nil {
		return 0, err
	}
	oldest := 0
	for _, symbol := range symbols {
		if minor, found := strings.CutPrefix(symbol.Version, "GLIBC_2."); found {
			minor, _, _ = strings.Cut(minor, ".")
			n, err := strconv.Atoi(minor)
			if err != nil {
				return 0, fmt.Errorf("%s asks for %s", symbol.Name, symbol.Version)
			}
			oldest = max(oldest, n)
		}
	}
	return oldest, nil
}
