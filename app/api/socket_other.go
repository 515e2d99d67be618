//go:build !linux

package api

import "fmt"

func shortened(home, name string) (address string, release func(), err error) {
	return "", nil, fmt.Errorf("the path of the home %q is too long for a socket: "+
		"choose a shorter one with --home", home)
}
