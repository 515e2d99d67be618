//go:build !race && (!darwin || cgo)

package desktop

// raced says that the race detector looks on, with which drawing takes minutes.
const raced = false
