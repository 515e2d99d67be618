//go:build !linux && !windows

package platform

// Metered reports whether the network is paid by the byte; known is false where the system
// does not tell.
func Metered() (metered, known bool) { return false, false }
