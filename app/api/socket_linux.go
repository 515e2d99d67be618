package api

import (
	"fmt"
	"os"
)

// shortened names the socket through a handle of its directory, whose name in /proc is
// short however long the path is.
func shortened(home, name string) (address string, release func(), err error) {
	dir, err := os.Open(home)
	if err != nil {
		return "", nil, err
	}
	address = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name)
	return address, func() { _ = dir.Close() }, nil
}
