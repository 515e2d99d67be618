package sim

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/recording"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Replayed is what came of playing a recording.
type Replayed struct {
	Runs, Machines, Events, Effects int
	// Last is the version of Shoal that recorded the last run.
	Last string
	// Open is what a machine was being told when the recording, or a run in it, ended
	// without an answer: nil when there is no such event. Ordered is what it answers now,
	// or how it falls over.
	Open    *Unanswered
	Full    bool // it ended because it had become too large
	Torn    bool // its end is damaged
	Differs *Difference
}

// Same reports whether everything that was recorded came out the same, and nothing fell
// over.
func (r Replayed) Same() bool { return r.Differs == nil && (r.Open == nil || !r.Open.Fails) }

// String says what came of it.
func (r Replayed) String() string {
	text := fmt.Sprintf("%d runs (the last of shoal %s), %d machines, %d events, %d effects\n",
		r.Runs, r.Last, r.Machines, r.Events, r.Effects)
	if r.Full {
		text += "the recording ends because it had become too large\n"
	}
	if r.Torn {
		text += "the end of the recording is damaged; what comes before it was played\n"
	}
	if r.Open != nil {
		text += fmt.Sprintf("no answer of machine %d was recorded to the last it was told:\n  told      %s\n  ordered   %s\n",
			r.Open.Machine, r.Open.Event, r.Open.Ordered)
	}
	if r.Differs != nil {
		return text + "it came out differently:\n" + r.Differs.String() + "\n"
	}
	return text + "the same\n"
}

// Unanswered is an event whose answer was not recorded.
type Unanswered struct {
	Machine uint64
	Event   string
	Ordered string
	Fails   bool // it falls over
}

// Difference is where a machine first ordered something else than when it was recorded.
type Difference struct {
	Run      int
	Machine  uint64
	Number   int // of the event, from 1, among all of the recording
	Now      time.Duration
	Event    string
	Effect   int    // from 1
	Where    string // the part of the effect that differs; empty when it is all of it
	Recorded string
	Ordered  string
}

// String tells people of the difference.
func (d *Difference) String() string {
	return fmt.Sprintf("run %d, machine %d, event %d, at %v:\n  told      %s\n  effect %d%s\n  recorded  %s\n  ordered   %s",
		d.Run, d.Machine, d.Number, d.Now, d.Event, d.Effect, d.Where, d.Recorded, d.Ordered)
}

// player plays a recording.
type player struct {
	out      Replayed
	machines map[uint64]*played
	compare  *recording.Comparer
	number   int // events so far
}

// played is one machine.
type played struct {
	begun  *recording.FolderBegun
	index  *replayIndex
	handle func(step.Instant, any) []any
	tick   func(step.Instant) []any
	due    func() step.Instant // nil when a tick may come at any time
	ticked bool
	told   *recording.Happened // not answered yet
}

// replayIndex is the model of an index, which names what was named when it was recorded.
type replayIndex struct {
	*index
	named []ident.EntryID
}

// Holding implements tree.Reader. What was named is believed where it is right.
func (x *replayIndex) Holding(content ident.ContentID) (tree.Base, bool) {
	if len(x.named) > 0 {
		b, ok := x.index.Base(x.named[0])
		if x.named = x.named[1:]; ok && b.Content == content {
			return b, true
		}
	}
	return x.index.Holding(content)
}

// Replay feeds a recording to the same machines and compares what they order. The error
// is that of a file that cannot be read; that something differs is none.
func Replay(from io.Reader) (Replayed, error) {
	p := &player{machines: map[uint64]*played{}, compare: recording.NewComparer()}
	r, err := recording.NewReader(from)
	if err != nil {
		return p.out, err
	}
	for p.out.Differs == nil {
		v, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return p.out, p.endRun()
		case errors.Is(err, recording.ErrTorn):
			p.out.Torn = true
			return p.out, p.endRun()
		case err != nil:
			return p.out, err
		}
		if err := p.take(v); err != nil {
			return p.out, err
		}
	}
	return p.out, nil
}

func (p *player) take(v any) error {
	switch v := v.(type) {
	case recording.Run:
		err := p.endRun()
		p.out.Runs, p.out.Last = p.out.Runs+1, v.Version
		return err
	case recording.DeviceBegun:
		p.out.Machines++
		d := node.NewDevice(v.Self, replayChance(v.Seed))
		p.machines[v.Machine] = &played{
			handle: func(now step.Instant, e any) []any { return recording.Kept(d.Handle(now, e)) },
			tick:   func(now step.Instant) []any { return recording.Kept(d.Tick(now)) },
		}
	case recording.FolderBegun:
		p.out.Machines++
		p.machines[v.Machine] = &played{begun: &v, index: loadIndex(&v)}
	case recording.Full:
		p.out.Full = true
	default:
		return p.tell(v)
	}
	return nil
}

// tell hands on what concerns one machine.
func (p *player) tell(v any) error {
	switch v := v.(type) {
	case recording.Loaded:
		m := p.machines[v.Machine]
		if m == nil || m.index == nil || m.handle != nil {
			return fmt.Errorf("machine %d cannot load anything now", v.Machine)
		}
		m.index.Apply(tree.Batch{Rows: v.Rows, Placed: v.Bases})
	case recording.Happened:
		m := p.machines[v.Machine]
		if m == nil || m.told != nil {
			return fmt.Errorf("machine %d cannot be told anything now", v.Machine)
		}
		m.told = &v
		if m.handle == nil {
			return m.make()
		}
	case recording.Ordered:
		m := p.machines[v.Machine]
		if m == nil || m.told == nil {
			return fmt.Errorf("machine %d was not told anything", v.Machine)
		}
		p.play(m, &v)
	default:
		return fmt.Errorf("%T does not stand by itself", v)
	}
	return nil
}

func replayChance(seed [2]uint64) *rand.Rand { return rand.New(rand.NewPCG(seed[0], seed[1])) }

// loadIndex returns an index with what a folder begins with besides its rows.
func loadIndex(b *recording.FolderBegun) *replayIndex {
	x := &replayIndex{index: newIndex()}
	x.Apply(tree.Batch{
		Replicas: b.Replicas, Cursors: b.Cursors, Intents: b.Intents, Notes: b.Notes, State: &b.State,
	})
	return x
}

// make builds the machine of a folder from what was loaded.
func (m *played) make() error {
	b := m.begun
	patterns, err := ignore.Restore(b.Patterns)
	if err != nil {
		return err
	}
	list, err := members.ParseMap(b.Folder, b.Members)
	if err != nil {
		return err
	}
	sums, gone, _ := m.index.live.summarize()
	core, err := node.NewFolder(folder.Config{
		Folder: b.Folder, Device: b.Device, Index: m.index, State: b.State, Totals: b.Totals,
		Summary: sums, Gone: gone, Replicas: b.Replicas, Cursors: b.Cursors, Intents: b.Intents,
		Notes: b.Notes, Conflicts: b.Conflicts, Brake: b.Brake, Patterns: patterns, Volume: b.Volume,
		Collect: b.Collect,
	}, roster.Config{Key: b.Key, Map: list, Hand: b.Hand}, replayChance(b.Seed))
	if err != nil {
		return err
	}
	m.handle = func(now step.Instant, e any) []any { return recording.Kept(core.Handle(now, e)) }
	m.tick = func(now step.Instant) []any { return recording.Kept(core.Tick(now)) }
	m.due = core.Deadline
	return nil
}

// run lets a machine answer. A panic is an answer, too.
func (m *played) run() (effects []any, failure string) {
	defer func() {
		if r := recover(); r != nil {
			failure = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if m.told.Event != nil {
		return m.handle(m.told.Now, m.told.Event), ""
	}
	if m.due != nil && m.ticked && m.due() > m.told.Now {
		return nil, fmt.Sprintf("nothing: it wants to be called at %v", time.Duration(m.due()))
	}
	m.ticked = true
	return m.tick(m.told.Now), ""
}

// play lets a machine answer and compares that with what it answered then.
func (p *player) play(m *played, was *recording.Ordered) {
	p.number++
	p.out.Events++
	p.out.Effects += len(was.Effects)
	if m.index != nil {
		m.index.named = was.Holding
	}
	effects, failure := m.run()
	told := m.told
	m.told = nil
	if m.index != nil {
		m.index.commit() // nothing that is played reads what is durable
	}
	d := &Difference{
		Run: p.out.Runs, Machine: told.Machine, Number: p.number, Now: time.Duration(told.Now),
	}
	for i := range max(len(effects), len(was.Effects)) {
		var then, now any
		if i < len(was.Effects) {
			then = was.Effects[i]
		}
		if i < len(effects) {
			now = effects[i]
		}
		if where, before, after, ok := p.compare.Differ(then, now); ok {
			d.Effect, d.Where, d.Recorded, d.Ordered = i+1, where, before, after
			break
		}
	}
	if failure != "" {
		d.Ordered = failure
	}
	if d.Effect > 0 || failure != "" {
		d.Event = eventText(told)
		p.out.Differs = d
	}
}

// endRun plays what nobody had an answer to any more: the program ended, perhaps because
// of it.
func (p *player) endRun() error {
	for _, number := range slices.Sorted(maps.Keys(p.machines)) {
		m := p.machines[number]
		if m.told == nil {
			continue
		}
		if m.handle == nil {
			return fmt.Errorf("machine %d was never made", number)
		}
		effects, failure := m.run()
		open := &Unanswered{Machine: number, Event: eventText(m.told), Ordered: failure, Fails: failure != ""}
		if failure == "" {
			open.Ordered = recording.Text(effects)
		}
		if p.out.Open == nil || failure != "" {
			p.out.Open = open
		}
	}
	clear(p.machines)
	return nil
}

func eventText(h *recording.Happened) string {
	if h.Event == nil {
		return "that its deadline has come"
	}
	return recording.Text(h.Event)
}
