//go:build windows || darwin

package platform

// TrayMissing says why the desktop has no place for an icon: here it always has.
func TrayMissing() string { return "" }
