package platform

import (
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestTheServiceManagerIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no datagrams on Unix sockets")
	}
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "3000000")
	n, err := NewNotifier()
	if err != nil || n.Watchdog() != 3*time.Second {
		t.Fatalf("got %+v, %v", n, err)
	}
	hear := func(tell func() error, want string) {
		t.Helper()
		if err := tell(); err != nil {
			t.Fatal(err)
		}
		into := make([]byte, 100)
		size, err := manager.Read(into)
		if err != nil || string(into[:size]) != want {
			t.Errorf("heard %q, %v; want %q", into[:size], err, want)
		}
	}
	hear(func() error { return n.Ready("here I am") }, "READY=1\nSTATUS=here I am")
	hear(n.Alive, "WATCHDOG=1")
	hear(n.Stopping, "STOPPING=1")

	if again, err := NewNotifier(); err != nil || again != (Notifier{}) {
		t.Errorf("a child would tell too: %+v, %v", again, err)
	}
	if err := (Notifier{}).Alive(); err != nil {
		t.Errorf("telling nobody: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", path+" gone")
	t.Setenv("WATCHDOG_USEC", "5")
	t.Setenv("WATCHDOG_PID", "1")
	n, err = NewNotifier()
	if err != nil || n.Watchdog() != 0 {
		t.Errorf("somebody else's watchdog: %+v, %v", n, err)
	}
	if n.Alive() == nil {
		t.Error("a manager that is gone was told")
	}
}
