package platform

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// NetworkChanges tells, until the context ends, that an interface, an address or a
// route of this computer has come, gone or changed: the kernel says so to whoever listens
// (rtnetlink(7)). What has changed is for the caller to look at. It returns nil where that
// is not offered.
func NetworkChanges(ctx context.Context) <-chan struct{} {
	const kind = unix.SOCK_RAW | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	fd, err := unix.Socket(unix.AF_NETLINK, kind, unix.NETLINK_ROUTE)
	if err != nil {
		return nil
	}
	to := unix.SockaddrNetlink{
		Family: unix.AF_NETLINK,
		Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR |
			unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE,
	}
	if err := unix.Bind(fd, &to); err != nil {
		_ = unix.Close(fd) // nothing was said over it
		return nil
	}
	socket := os.NewFile(uintptr(fd), "rtnetlink")
	changes := make(chan struct{}, 1) // one that nobody has looked after yet stands for all
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	go func() {
		defer stop()
		defer close(changes)
		room := make([]byte, 4096)
		for {
			// A message that is too long, or of which some were lost, is a change as well.
			_, err := socket.Read(room)
			if err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}()
	return changes
}
