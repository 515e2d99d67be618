//go:build !windows

package tray

// shaped returns a picture in the form the system wants.
func shaped(png []byte) []byte { return png }
