// Package arch holds the rules of the house as a test: which package may import which,
// what pure packages may not touch, how large things may grow, and how they are named.
//
// It knows the source files and nothing of what they do. Its tables are in the test
// files: floors_test.go (who may import whom), doors_test.go (one door per dependency),
// world_test.go (what pure packages may not touch), sizes_test.go (what must not grow),
// names_test.go (names and comments), and text_test.go (what no file may say). Every row
// carries its reason, and a row about something that no longer exists fails. Nobody
// imports this package; "go test ./internal/arch" is its only caller.
package arch
