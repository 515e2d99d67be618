package api

import (
	"context"
	"net"
	"path/filepath"
)

// socketName is the agent's socket below its home.
const socketName = "agent.sock"

// socketPathMax is the longest socket path every system takes: the address of a Unix
// socket has room for 104 bytes on macOS and 108 on Linux and Windows, its end included.
const socketPathMax = 103

// SocketPath returns where the agent of a home listens.
func SocketPath(home string) string { return filepath.Join(home, socketName) }

// SocketAddress returns a name for the socket of a home that is short enough for the
// system. Release is to be called when the name has been used.
func SocketAddress(home string) (address string, release func(), err error) {
	return RoleAddress(home, socketName)
}

// RoleAddress is SocketAddress for a socket of another name in the home: the window and
// the tray have one each.
func RoleAddress(home, name string) (address string, release func(), err error) {
	path := filepath.Join(home, name)
	if len(path) <= socketPathMax {
		return path, func() {}, nil
	}
	return shortened(home, name)
}

// DialSocket connects to the agent of a home.
func DialSocket(ctx context.Context, home string) (net.Conn, error) {
	address, release, err := SocketAddress(home)
	if err != nil {
		return nil, err
	}
	defer release()
	dialer := net.Dialer{Timeout: dialTimeout}
	return dialer.DialContext(ctx, "unix", address)
}
