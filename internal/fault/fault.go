// Package fault marks the steps after which a crash must lose nothing. In the program that
// people run the marks are nothing at all. Built with the tag "faults" the process kills
// itself at the one that the environment names, so that a test can see what the next start
// makes of what is left. Edges and hosts call it; it knows nothing of what they do.
package fault

// Variable is the environment variable that names the step and how often it is passed, the
// last time included: "disk.swapped:3" is the third exchange.
const Variable = "SHOAL_FAULT"
