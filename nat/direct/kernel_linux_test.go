package direct

import (
	"testing"
	"time"
)

// Without a bound the kernel takes several megabytes that metadata cannot overtake, and of
// which nobody knows that they have not gone out. It holds for whoever called and for
// whoever was called.
func TestKernelIsNotTheQueue(t *testing.T) {
	for _, who := range []string{"caller", "called"} {
		a, b := connected(t)
		l := a
		if who == "called" {
			l = b
		}
		total := fill(l)
		t.Logf("%s: %d KiB accepted while nobody reads", who, total>>10)
		if most := bulkMax + gatherSize + 1<<20; total > most {
			t.Errorf("%s: %d KiB accepted while nobody reads, want at most %d", who, total>>10, most>>10)
		}
		a.Close("test over")
		b.Close("test over")
	}
}

// fill sends until nothing more is accepted for a while, and returns how much was.
func fill(l *Link) (total int) {
	frame := make([]byte, 64<<10)
	accepted := make(chan struct{}, 1)
	go func() {
		for l.Send(Bulk, frame) == nil {
			accepted <- struct{}{}
		}
	}()
	for {
		select {
		case <-accepted:
			total += len(frame)
		case <-time.After(300 * time.Millisecond):
			return total
		}
	}
}
