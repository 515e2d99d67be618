package direct

import (
	"testing"
	"time"
)

// Without a bound the kernel takes several megabytes that metadata cannot overtake.
func TestKernelIsNotTheQueue(t *testing.T) {
	a, b := connected(t)
	defer b.Close("test over")
	defer a.Close("test over")
	frame := make([]byte, 64<<10)
	accepted := make(chan struct{})
	go func() {
		for a.Send(Bulk, frame) == nil {
			accepted <- struct{}{}
		}
		close(accepted)
	}()
	total := 0
	for quiet := false; !quiet; {
		select {
		case <-accepted:
			total += len(frame)
		case <-time.After(300 * time.Millisecond):
			quiet = true
		}
	}
	t.Logf("%d KiB accepted while nobody reads", total>>10)
	if most := bulkMax + gatherSize + 1<<20; total > most {
		t.Errorf("%d KiB accepted while nobody reads, want at most %d", total>>10, most>>10)
	}
	a.Close("test over")
	for range accepted {
	}
}
