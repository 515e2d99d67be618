package control

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/shoal-sync/shoal/app/api"
)

// TestOtherUsersAreRefused: even with home and socket open to all, only own processes are
// answered.
func TestOtherUsersAreRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root, to connect as another user")
	}
	home := newHome(t)
	serve(t, home, newMemory())
	for dir := home; dir != "/tmp" && dir != "/"; dir = dir[:max(1, lastSlash(dir))] {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(api.SocketPath(home), 0o666); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	for user, want := range map[int]int{0: 1, nobody: 0} {
		got := make(chan error, 1)
		answered := 0
		go func() {
			// This thread alone becomes the other user, and ends with the goroutine.
			runtime.LockOSThread()
			got <- func() error {
				if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(user), ^uintptr(0)); e != 0 {
					return e
				}
				fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
				if err != nil {
					return err
				}
				defer syscall.Close(fd)
				if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: api.SocketPath(home)}); err != nil {
					return err
				}
				// The refused end of the conversation may be closed before or after this.
				_, _ = syscall.Write(fd, []byte("GET /v1/status HTTP/1.0\r\nHost: agent\r\n\r\n"))
				if n, err := syscall.Read(fd, make([]byte, 100)); err == nil && n > 0 {
					answered = 1
				}
				return nil
			}()
		}()
		if err := <-got; err != nil {
			t.Fatalf("as user %d: %v", user, err)
		}
		if answered != want {
			t.Errorf("user %d: answered %d times, want %d", user, answered, want)
		}
	}
}

func lastSlash(path string) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return i
		}
	}
	return 0
}
