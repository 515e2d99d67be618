package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// userOf returns the user whose process has connected.
func userOf(conn *net.UnixConn) (user int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	var who *unix.Xucred
	failed := raw.Control(func(fd uintptr) {
		who, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	})
	if failed != nil {
		return -1, failed
	}
	if err != nil {
		return -1, err
	}
	return int(who.Uid), nil
}
