//go:build race

package e2e

// withRace has the agents built with the race detector when the tests are.
const withRace = true
