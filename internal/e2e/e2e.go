// Package e2e holds the tests of the whole program: real agents, started as processes from
// the real binary, keep real folders in step over loopback.
//
// It knows only what a person or a script knows: the command line, its JSON, exit codes,
// logs, and files on disk. How the program does it is left to the packages that do it; the
// one exception are the tests in which a stranger speaks rubbish, who borrow the dialer of
// nat/direct to get through the door. Nobody calls it: it is run by `go test`.
package e2e
