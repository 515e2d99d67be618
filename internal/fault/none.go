//go:build !faults

package fault

// At marks a step.
func At(string) {}
