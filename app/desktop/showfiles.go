//go:build !darwin || cgo

package desktop

import (
	"net/url"
	"path/filepath"

	"fyne.io/fyne/v2"
)

// showFiles opens a directory in the file manager.
func (w *Window) showFiles(dir string) {
	path := filepath.ToSlash(dir)
	if len(path) > 0 && path[0] != '/' { // a drive of Windows
		path = "/" + path
	}
	if err := fyne.CurrentApp().OpenURL(&url.URL{Scheme: "file", Path: path}); err != nil {
		w.complain(err)
	}
}
