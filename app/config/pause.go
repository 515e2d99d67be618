package config

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Pause is a rest that a person ordered: of one folder, of one device, or, with neither,
// of everything.
type Pause struct {
	Folder ident.FolderID `json:"folder,omitzero"`
	Device ident.DeviceID `json:"device,omitzero"`
	// Until is the wall time at which the rest ends; zero means when a person ends it.
	Until time.Time `json:"until,omitzero"`
}

// Of reports whether both rests are of the same thing.
func (p Pause) Of(o Pause) bool { return p.Folder == o.Folder && p.Device == o.Device }

// Over reports whether the time of the rest has come.
func (p Pause) Over(now time.Time) bool { return !p.Until.IsZero() && !now.Before(p.Until) }

// PutPause begins a rest, in place of an older one of the same thing.
func (c *Config) PutPause(p Pause) {
	c.EndPause(p)
	c.Paused = append(c.Paused, p)
}

// EndPause ends the rest of the same thing and reports whether there was one.
func (c *Config) EndPause(p Pause) bool {
	before := len(c.Paused)
	c.Paused = slices.DeleteFunc(c.Paused, p.Of)
	return len(c.Paused) < before
}

// DropOver forgets rests whose time is over, and reports whether there were any.
func (c *Config) DropOver(now time.Time) bool {
	before := len(c.Paused)
	c.Paused = slices.DeleteFunc(c.Paused, func(p Pause) bool { return p.Over(now) })
	return len(c.Paused) < before
}

func checkPauses(list []Pause) error {
	for i, p := range list {
		if !p.Folder.IsZero() && !p.Device.IsZero() {
			return fmt.Errorf("paused[%d]: %w", i,
				errors.New("name a folder, a device or neither, not both"))
		}
		if slices.ContainsFunc(list[:i], p.Of) {
			return fmt.Errorf("paused[%d]: the same is paused twice", i)
		}
	}
	return nil
}
