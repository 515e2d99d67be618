package control

import (
	"net"
	"syscall"
)

// userOf returns the user whose process has connected.
func userOf(conn *net.UnixConn) (user int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	var who *syscall.Ucred
	failed := raw.Control(func(fd uintptr) {
		who, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if failed != nil {
		return -1, failed
	}
	if err != nil {
		return -1, err
	}
	return int(who.Uid), nil
}
