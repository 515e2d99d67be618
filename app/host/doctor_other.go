//go:build !linux

package host

// watchLimits has nothing to say where the system has no limits of its own.
func watchLimits() (limits, remedy string) { return "", "restart the agent" }
