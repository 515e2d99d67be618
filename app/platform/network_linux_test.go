package platform

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNetworkChangesAreTold brings an interface up in a network namespace of the test.
func TestNetworkChangesAreTold(t *testing.T) {
	result := make(chan string, 1)
	go func() {
		runtime.LockOSThread() // and never back: the thread ends with its namespace
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- "skip: " + err.Error()
			return
		}
		changes := NetworkChanges(t.Context())
		if changes == nil {
			result <- "the system does not tell"
			return
		}
		select {
		case <-changes:
			result <- "a change is told where there was none"
			return
		default:
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			result <- err.Error()
			return
		}
		defer func() { _ = unix.Close(fd) }()
		up, err := unix.NewIfreq("lo")
		if err != nil {
			result <- err.Error()
			return
		}
		up.SetUint16(unix.IFF_UP | unix.IFF_LOOPBACK)
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up); err != nil {
			result <- err.Error()
			return
		}
		select {
		case <-changes:
			result <- ""
		case <-time.After(10 * time.Second):
			result <- "the change is not told"
		}
	}()
	switch why := <-result; {
	case len(why) > 5 && why[:5] == "skip:":
		t.Skip("no network namespaces here: ", why[6:])
	case why != "":
		t.Error(why)
	}
}
