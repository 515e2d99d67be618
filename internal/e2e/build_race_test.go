//go:build race

package e2e

// withRace builds the program with the race detector when the tests have it.
const withRace = true
