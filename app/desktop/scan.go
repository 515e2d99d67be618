//go:build !darwin || cgo

package desktop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/discovery/pairing"
)

// pictureEndings are those of the pictures that codes are read from.
var pictureEndings = []string{".png", ".jpg", ".jpeg", ".gif"}

// scanSides are the sizes, in pixels of the longer side, at which a code is looked for:
// small ones even out the noise of a photo, large ones find a small code in it.
var scanSides = []int{600, 1200, 2400}

// clipboardFor is how long the desktop may take to hand out a picture.
const clipboardFor = 5 * time.Second

// codeIn finds the link of another device in a picture.
func codeIn(picture []byte) (string, error) {
	none := errors.New(say("There is no code of Shoal in this picture."))
	config, _, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return "", none
	}
	if int64(config.Width)*int64(config.Height) > previewPixels {
		return "", errors.New(say("A picture of %d × %d, too large to be shown here", config.Width, config.Height))
	}
	img, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return "", errors.New(say("The picture is damaged: %s", err.Error()))
	}
	for _, side := range scanSides {
		bits, err := gozxing.NewBinaryBitmapFromImage(smaller(img, side))
		if err != nil {
			return "", none // it has no pixels
		}
		found, err := qrcode.NewQRCodeReader().Decode(bits,
			map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
		if err != nil {
			continue // not at this size
		}
		if pairing.CheckEntry(found.GetText()) == nil {
			return found.GetText(), nil
		}
	}
	return "", none
}

// readPicture looks for a code in a file, or in what the clipboard holds when path is empty,
// beside the window's thread.
func (w *Window) readPicture(path string, then func(code string, err error)) {
	go func() {
		var picture []byte
		var err error
		if path != "" {
			picture, err = readSmall(path)
		} else {
			ctx, cancel := context.WithTimeout(w.ctx, clipboardFor)
			picture, err = platform.ClipboardPicture(ctx, previewPicture)
			cancel()
		}
		code := ""
		if err == nil {
			code, err = codeIn(picture)
		}
		if w.ctx.Err() == nil {
			w.post(func() { then(code, err) })
		}
	}()
}

func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if about, err := file.Stat(); err != nil || !about.Mode().IsRegular() || about.Size() > previewPicture {
		return nil, fmt.Errorf("%s: %s", path, say("There is no code of Shoal in this picture."))
	}
	return io.ReadAll(io.LimitReader(file, previewPicture))
}

func isPicture(path string) bool {
	return slices.Contains(pictureEndings, strings.ToLower(filepath.Ext(path)))
}

// LinkByPicture links the device whose code a picture shows.
func (w *Window) LinkByPicture(path string) {
	w.readPicture(path, func(code string, err error) {
		switch {
		case err != nil:
			w.complain(err)
		default:
			if w.linking == nil {
				w.Link()
			}
			w.linking.begin(api.LinkRequest{Code: code})
		}
	})
}

// choosePicture asks for the file with the code.
func (l *linkSheet) choosePicture() {
	d := dialog.NewFileOpen(func(file fyne.URIReadCloser, err error) {
		switch {
		case err != nil:
			l.tell(err.Error())
		case file != nil:
			path := filepath.FromSlash(file.URI().Path())
			if err := file.Close(); err != nil {
				l.tell(err.Error())
				return
			}
			l.read(path)
		}
	}, l.w.win)
	d.SetFilter(storage.NewExtensionFileFilter(pictureEndings))
	d.Show()
}

// paste uses what the clipboard holds: a code, a link, or a picture of one.
func (l *linkSheet) paste() {
	text := strings.TrimSpace(fyne.CurrentApp().Clipboard().Content())
	if pairing.CheckEntry(text) == nil {
		l.entry.SetText(text)
		l.enter()
		return
	}
	l.read("")
}

func (l *linkSheet) read(path string) {
	l.w.readPicture(path, func(code string, err error) {
		switch {
		case l.ctx.Err() != nil:
		case errors.Is(err, platform.ErrNoPicture):
			l.tell(say("The clipboard holds neither a code nor a link."))
		case err != nil:
			l.tell(err.Error())
		default:
			l.begin(api.LinkRequest{Code: code})
		}
	})
}
