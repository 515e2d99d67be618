//go:build !darwin || cgo

package desktop

import (
	"time"

	"fyne.io/fyne/v2"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// How often is asked what is on its way, and how much of it is drawn.
const (
	swarmEvery = 2 * time.Second
	swarmRows  = 4
)

// swarming shows the pieces of what is on its way to a folder: a bar for each of the
// largest files.
type swarming struct {
	w      *Window
	asked  time.Time
	asking bool
	rows   []*swarmRow
	box    *fyne.Container
}

type swarmRow struct {
	name, about *kit.Text
	pieces      *kit.Pieces
	box         *fyne.Container
}

func newSwarming(w *Window) *swarming {
	s := &swarming{w: w, box: kit.Col(14)}
	s.box.Hide()
	return s
}

// set asks again when it is time, while something is still to come.
func (s *swarming) set(f status.Folder) {
	if f.NeedFiles == 0 || f.Paused != nil {
		show(s.box, false)
		return
	}
	if s.asking || s.w.now().Sub(s.asked) < swarmEvery {
		return
	}
	s.asking, s.asked = true, s.w.now()
	var found api.Swarm
	s.w.ask(api.SwarmAsk{Folder: f.ID.String()}, &found, func(err error) {
		s.asking = false
		if err == nil { // what is wrong with the folder is said above
			s.draw(found.Items[:min(len(found.Items), swarmRows)])
		}
	})
}

func (s *swarming) draw(items []api.SwarmItem) {
	for len(s.rows) < len(items) {
		r := &swarmRow{name: kit.NewText("", kit.Look{Size: kit.Small, Elide: kit.Middle}), pieces: kit.NewPieces(),
			about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted})}
		r.box = kit.Col(5, kit.Bar(10, 0, r.name, r.about), r.pieces)
		s.rows = append(s.rows, r)
		s.box.Add(r.box)
	}
	for i, r := range s.rows {
		show(r.box, i < len(items))
		if i >= len(items) {
			continue
		}
		item := items[i]
		have := make([]float64, len(item.Map))
		for k, percent := range item.Map {
			have[k] = float64(percent) / 100
		}
		about := say("%s of %s pieces", grouped(int64(item.Have)), grouped(int64(item.Pieces))) + " · " +
			many(int64(item.Holders), "on %s device", "on %s devices")
		r.name.Set(item.Name)
		r.about.Set(about)
		r.pieces.Set(have, about)
	}
	show(s.box, len(items) > 0)
	s.box.Refresh()
}
