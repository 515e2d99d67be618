package sim

import (
	"fmt"
	"io"
	"slices"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/recording"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/roster"
)

// recorder writes down what one device of a world is told, as a host does.
type recorder struct {
	to       io.Writer
	frames   *recording.Writer
	machines uint64
}

func (w *World) newRecorder(number int) *recorder {
	if w.options.Record == nil || number != w.options.Nodes-1 {
		return nil
	}
	r := &recorder{to: w.options.Record, frames: recording.NewWriter()}
	if _, err := io.WriteString(r.to, recording.Magic); err != nil {
		panic("bug: a recording cannot be written: " + err.Error())
	}
	r.add(recording.Run{Version: "simulated", System: "sim", Wall: epoch / 1e6})
	return r
}

func (r *recorder) add(v any) {
	frames, err := r.frames.Frames(v)
	if err == nil {
		_, err = r.to.Write(frames)
	}
	if err != nil {
		panic(fmt.Sprintf("bug: %T cannot be recorded: %v", v, err))
	}
}

// makeCore makes the node of a life, and what is told its events.
func (d *device) makeCore(cfg folder.Config, who roster.Config, seed [2]uint64) error {
	var choices *recording.Choices
	if r := d.recorder; r != nil {
		r.machines++
		r.add(recording.BegunOf(r.machines, seed, &cfg, &who))
		r.load(&d.index.kept)
		choices = &recording.Choices{Index: cfg.Index}
		cfg.Index = choices
	}
	core, err := node.NewFolder(cfg, who, replayChance(seed))
	if err != nil {
		return err
	}
	d.core, d.machine = core, core
	if r := d.recorder; r != nil {
		d.machine = recording.Watch(d.machine, r.machines, choices, r.add)
	}
	return nil
}

// load writes what an index holds, in an order of its own.
func (r *recorder) load(x *rows) {
	ids := make([]ident.EntryID, 0, len(x.entries))
	for id := range x.entries {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	for page := range slices.Chunk(ids, recording.LoadedMax) {
		out := recording.Loaded{Machine: r.machines}
		for _, id := range page {
			out.Rows = append(out.Rows, *x.entries[id])
			if b := x.bases[id]; b != nil {
				out.Bases = append(out.Bases, *b)
			}
		}
		r.add(out)
	}
}
