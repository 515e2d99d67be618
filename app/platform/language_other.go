//go:build !windows && !darwin

package platform

// ofSystem returns nothing: the environment says it all.
func ofSystem() []string { return nil }
