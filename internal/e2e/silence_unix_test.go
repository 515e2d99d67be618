//go:build unix

package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// TestSilentPeer stops the other agent's process: its connection stays open and says
// nothing any more.
func TestSilentPeer(t *testing.T) {
	long(t)
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	b.signal(syscall.SIGSTOP)
	begun := time.Now()
	a.put("made meanwhile", "while bert was silent")
	a.eventually(15*time.Second, "bert is known to be gone", func() error {
		if d := a.device(b); d.Connected {
			return fmt.Errorf("still connected after %v", time.Since(begun))
		}
		return nil
	})
	f := a.folder()
	if f.State != "waiting" || f.LastEqual == nil || f.LastEqual.Name != "bert" {
		t.Errorf("the state is %s, last equal %+v", f.State, f.LastEqual)
	}
	if d := a.device(b); d.LastProblem == "" || d.Route != "" {
		t.Errorf("the device is %+v", d)
	}
	b.signal(syscall.SIGCONT)
	a.connected(b)
	b.connected(a)
	settle(a, b)
}
