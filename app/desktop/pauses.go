//go:build !darwin || cgo

package desktop

import (
	"time"

	"github.com/shoal-sync/shoal/app/api"
)

const hour = time.Hour

func resume(what string) api.Intent { return api.Resume{What: what} }

func pauseFor(what string, d time.Duration) api.Intent {
	return api.Pause{What: what, ForMillis: d.Milliseconds()}
}

// untilTomorrow is the time to seven in the morning of the next day: late enough that
// nobody works at night, early enough that nobody waits for it.
func (w *Window) untilTomorrow() time.Duration {
	now := w.now()
	day := now.AddDate(0, 0, 1)
	return time.Date(day.Year(), day.Month(), day.Day(), 7, 0, 0, 0, now.Location()).Sub(now)
}
