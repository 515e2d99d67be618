//go:build darwin && !cgo

package tray

import (
	"context"
	"log/slog"

	"github.com/shoal-sync/shoal/app/words"
)

// ShowIcon says that this build cannot draw in the menu bar, which macOS lets only
// programs do that are linked with its own libraries.
func ShowIcon(_ context.Context, _ words.Book, log *slog.Logger, run func(Menu)) {
	log.Warn("this build of shoal has no icon for the menu bar: the desktop build has")
	run(blind{})
}

// blind is a menu that nobody sees.
type blind struct{}

func (blind) Show(Face)             {}
func (blind) Recent([]string)       {}
func (blind) Presses() <-chan Press { return nil }
