package recording

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/tree"
)

// LoadedMax is how many rows of an index one Loaded has.
const LoadedMax = 512

// BegunOf says what the machine of a folder is made of.
func BegunOf(number uint64, seed [2]uint64, cfg *folder.Config, who *roster.Config) FolderBegun {
	return FolderBegun{
		Machine: number, Seed: seed, Folder: cfg.Folder, Device: cfg.Device, State: cfg.State,
		Totals: cfg.Totals, Replicas: cfg.Replicas, Cursors: cfg.Cursors, Intents: cfg.Intents,
		Notes: cfg.Notes, Conflicts: cfg.Conflicts, Brake: cfg.Brake,
		Patterns: cfg.Patterns.Append(nil), Volume: cfg.Volume, Collect: cfg.Collect,
		Key: who.Key, Members: who.Map.Append(nil), Hand: who.Hand,
	}
}

// watched is a machine whose events and effects are written down.
type watched[E, F any] struct {
	step.Machine[E, F]
	number  uint64
	choices *Choices
	add     func(any)
}

// Watch returns a machine that does the same, and hands on what it is told before it
// hears of it, and what it orders before anybody carries it out. Choices may be nil.
func Watch[E, F any](
	m step.Machine[E, F], number uint64, choices *Choices, add func(any),
) step.Machine[E, F] {
	choices.taken() // what the making asked is asked again when it is played
	return &watched[E, F]{m, number, choices, add}
}

// Handle implements step.Machine.
func (m *watched[E, F]) Handle(now step.Instant, event E) []F {
	kept, ok := Recordable(event)
	if !ok {
		return m.Machine.Handle(now, event)
	}
	m.add(Happened{Machine: m.number, Now: now, Event: kept})
	return m.answered(m.Machine.Handle(now, event))
}

// Tick implements step.Machine.
func (m *watched[E, F]) Tick(now step.Instant) []F {
	m.add(Happened{Machine: m.number, Now: now})
	return m.answered(m.Machine.Tick(now))
}

func (m *watched[E, F]) answered(effects []F) []F {
	out := Ordered{Machine: m.number, Holding: m.choices.taken(), Effects: Kept(effects)}
	m.add(out)
	return effects
}

// Kept returns what is recorded of effects.
func Kept[F any](effects []F) []any {
	var out []any
	for _, f := range effects {
		if kept, ok := Recordable(f); ok {
			out = append(out, kept)
		}
	}
	return out
}

// Choices notes what an index answers where more than one answer is right.
type Choices struct {
	tree.Index
	named []ident.EntryID
}

// Holding implements tree.Reader.
func (x *Choices) Holding(content ident.ContentID) (tree.Base, bool) {
	b, ok := x.Index.Holding(content)
	x.named = append(x.named, b.Entry)
	return b, ok
}

func (x *Choices) taken() []ident.EntryID {
	if x == nil {
		return nil
	}
	named := x.named
	x.named = nil
	return named
}
