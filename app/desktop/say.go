//go:build !darwin || cgo

package desktop

import (
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// tongue is what the window speaks with. A program has one window and one language; it is
// set before anything is drawn. What reads for a page beside the window speaks it too.
var tongue atomic.Pointer[words.Book]

func book() words.Book {
	if b := tongue.Load(); b != nil {
		return *b
	}
	return words.Book{}
}

// say returns a sentence as a person reads it, without args as it is. Every word that the
// window shows goes through here or through many; package words collects them from there.
func say(text string, args ...any) string { return book().Say(text, args...) }

// many says a sentence about n things, given those for one thing and for several, in both
// of which the first placeholder is the number.
func many(n int64, one, several string, args ...any) string {
	return book().Many(n, one, several, args...)
}

func grouped(n int64) string { return book().Count(n) }

func files(n int64) string { return book().Files(n) }

func sized(n int64) string { return book().Bytes(n) }

func rate(bytesPerSecond float64) string { return book().Rate(int64(bytesPerSecond)) }

func duration(d time.Duration) string { return book().Duration(d) }

func ago(then, now status.Moment) string {
	if then.IsZero() {
		return say("at an unknown time")
	}
	return book().Ago(now.Sub(then))
}
