package linktest

import "time"

// WatchStalls notes how long in all the machine let a goroutine wait that wanted to run: on
// a busy one nobody can keep to a time.
func WatchStalls() (total func() time.Duration) {
	const every = 5 * time.Millisecond
	stop, ended := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		var sum time.Duration
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		last, over := time.Now(), false
		for !over {
			select {
			case <-stop:
				over = true
			case <-ticker.C:
			}
			if gap := time.Since(last); gap > 4*every {
				sum += gap
			}
			last = time.Now()
		}
		ended <- sum
	}()
	return func() time.Duration {
		close(stop)
		return <-ended
	}
}
