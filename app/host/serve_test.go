package host

import (
	"testing"
	"time"
)

// People may list the trash as often as they like; a program may not keep the disk busy.
func TestTrashIsListedNowAndThen(t *testing.T) {
	var a allowance
	now := time.Now()
	listed := func(times int) (n int) {
		for range times {
			if a.take(now) {
				n++
			}
		}
		return n
	}
	if n := listed(1000); n != trashBurst {
		t.Errorf("listed %d times at once", n)
	}
	if now = now.Add(3 * time.Second); listed(1000) != 3 {
		t.Error("not listed again after a while")
	}
	if now = now.Add(time.Hour); listed(1000) != trashBurst {
		t.Error("rest is saved up without end")
	}
}
