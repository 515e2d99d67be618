// Package lantest gives a test a network of its own: computers that hang on one bridge,
// each a network namespace of Linux. Tests of what needs a LAN use it; no program does.
//
// It knows namespaces, bridges and cables. A test that needs them runs in a process of its
// own, inside new namespaces, so nothing is left behind and nobody else's network is
// touched. Where the system lets us make no namespaces the test is skipped, and says so.
package lantest
