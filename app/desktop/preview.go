//go:build !darwin || cgo

package desktop

import (
	"errors"
	"image"
	_ "image/gif"  // pictures people keep
	_ "image/jpeg" // pictures people keep
	_ "image/png"  // pictures people keep
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// What is looked at of a file, and what its drawing may cost.
const (
	previewText    = 64 << 10 // bytes of a text: more than anybody reads in a preview
	previewPicture = 32 << 20 // bytes of a picture
	previewPixels  = 60 << 20 // pixels of a picture: 240 MB while it is made smaller
	previewSide    = 900      // pixels of its longer side as drawn
	previewLine    = 400      // characters of a line
	previewLines   = 2000
)

// preview is what can be seen of a file without opening it in a program of its own.
type preview struct {
	picture image.Image
	lines   []string
	differs []bool
	note    string
}

// lookInto reads what can be seen of a file; a size below zero says that it is deleted.
func lookInto(path string, size int64) preview {
	if size < 0 {
		return preview{note: say("This version is deleted")}
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return preview{note: say("It is not on this device yet")}
	case err != nil:
		return preview{note: err.Error()}
	case !info.Mode().IsRegular():
		return preview{note: say("No preview of this kind of file")}
	}
	file, err := os.Open(path)
	if err != nil {
		return preview{note: err.Error()}
	}
	defer file.Close()
	if p, ok := lookAtPicture(file, info.Size()); ok {
		return p
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return preview{note: err.Error()}
	}
	text, err := io.ReadAll(io.LimitReader(file, previewText))
	if err != nil {
		return preview{note: err.Error()}
	}
	return lookAtText(text)
}

func lookAtPicture(file *os.File, size int64) (preview, bool) {
	config, _, err := image.DecodeConfig(file)
	if err != nil {
		return preview{}, false
	}
	if size > previewPicture || int64(config.Width)*int64(config.Height) > previewPixels {
		return preview{note: say("A picture of %d × %d, too large to be shown here", config.Width, config.Height)}, true
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return preview{}, false
	}
	img, _, err := image.Decode(file)
	if err != nil {
		return preview{note: say("The picture is damaged: %s", err.Error())}, true
	}
	return preview{picture: smaller(img, previewSide), note: say("%d × %d", config.Width, config.Height)}, true
}

// smaller makes a picture no larger than side, each pixel the mean of those it
// stands for.
func smaller(img image.Image, side int) image.Image {
	b := img.Bounds()
	step := (max(b.Dx(), b.Dy()) + side - 1) / side
	if step <= 1 {
		return img
	}
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()/step, b.Dy()/step))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			var sum [4]uint32
			for dy := range step {
				for dx := range step {
					r, g, bl, a := img.At(b.Min.X+x*step+dx, b.Min.Y+y*step+dy).RGBA()
					sum[0], sum[1], sum[2], sum[3] = sum[0]+r>>8, sum[1]+g>>8, sum[2]+bl>>8, sum[3]+a>>8
				}
			}
			at := out.PixOffset(x, y)
			for i, s := range sum {
				out.Pix[at+i] = uint8(s / uint32(step*step))
			}
		}
	}
	return out
}

func lookAtText(text []byte) preview {
	if len(text) == 0 {
		return preview{note: say("The file is empty")}
	}
	// The end may be cut within a character.
	for i := 0; i < utf8.UTFMax && !utf8.Valid(text); i++ {
		text = text[:len(text)-1]
	}
	if !utf8.Valid(text) || slices.Contains(text, 0) {
		return preview{note: say("No preview of this kind of file")}
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[:min(len(lines), previewLines)]
	for i, line := range lines {
		line = strings.ReplaceAll(strings.TrimRight(line, "\r"), "\t", "    ")
		if utf8.RuneCountInString(line) > previewLine {
			line = string([]rune(line)[:previewLine]) + "…"
		}
		lines[i] = line
	}
	return preview{lines: lines, differs: make([]bool, len(lines))}
}

// compareMax is how many lines of each text are compared line by line; the table that this
// takes has its square.
const compareMax = 1000

// markDifferences marks the lines of each text that the other does not have at that place:
// all but those of a longest common subsequence.
func markDifferences(a, b *preview) {
	if a.lines == nil || b.lines == nil {
		return
	}
	x, y := a.lines[:min(len(a.lines), compareMax)], b.lines[:min(len(b.lines), compareMax)]
	common := make([][]uint16, len(x)+1) // of x[i:] and y[j:]
	for i := range common {
		common[i] = make([]uint16, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && common[i+1][j] >= common[i][j+1]:
			a.differs[i] = true
			i++
		default:
			b.differs[j] = true
			j++
		}
	}
}
