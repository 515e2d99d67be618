//go:build !linux && !windows && !darwin

package platform

// OnBattery reports whether the computer runs on a battery; known is false where the
// system does not tell.
func OnBattery() (on, known bool) { return false, false }
