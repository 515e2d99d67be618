package sim

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk/disktest"
	"github.com/shoal-sync/shoal/sync/index/indextest"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// TestDiskModel holds the model of a disk to the suite of the real one.
func TestDiskModel(t *testing.T) {
	disktest.Run(t, func(*testing.T) disktest.Disk { return newBench() })
}

// bench lets the model of a disk, which has none, pass for one with bytes.
type bench struct {
	*disk
	known map[ident.ContentID]*content
	texts map[ident.ContentID][]byte
	now   int64
}

func newBench() *bench {
	b := &bench{known: map[ident.ContentID]*content{}, texts: map[ident.ContentID][]byte{}, now: epoch}
	b.disk = newDisk(1, names.Volume{}, func() int64 {
		b.now += tick
		return b.now
	})
	return b
}

func (b *bench) learn(text []byte) *content {
	c := &content{id: disktest.ID(text), size: int64(len(text))}
	if len(text) > 0 {
		c.recipe = recipe.Of(text)
	}
	b.known[c.id], b.texts[c.id] = c, slices.Clone(text)
	return c
}

func (b *bench) PutWhole(id ident.ContentID, whole []byte) error {
	if disktest.ID(whole) != id {
		return fmt.Errorf("these bytes are not %v", id)
	}
	c := b.learn(whole)
	b.disk.stages[id] = &stage{size: c.size, whole: true}
	return nil
}

func (b *bench) Complete(id ident.ContentID) bool {
	s := b.disk.stages[id]
	return s != nil && s.whole
}

func (b *bench) Execute(orders []tree.Order) []tree.Outcome {
	run := b.disk.begin(orders, b.known)
	for run.step() {
		continue
	}
	return run.outcomes
}

func (b *bench) Look(path string) (tree.Stat, bool, error) {
	s, there := b.disk.look(path)
	return s, there, nil
}

func (b *bench) Trash() (paths []string, err error) {
	for _, t := range b.disk.trash {
		paths = append(paths, t.path)
	}
	return paths, nil
}

func (b *bench) Save(path string, text []byte) error {
	b.disk.save(path, b.learn(text))
	return nil
}

func (b *bench) Read(path string) ([]byte, error) {
	switch f := b.disk.at(path); {
	case f == nil:
		return nil, fmt.Errorf("%q is not there", path)
	case f.kind == tree.Link:
		return []byte(f.target), nil
	default:
		return b.texts[f.content.id], nil
	}
}

// TestIndexModel holds the model of an index to the suite of the real one.
func TestIndexModel(t *testing.T) {
	indextest.Run(t, func(*testing.T) indextest.Index { return &counted{index: newIndex()} })
}

// counted answers what a folder core keeps count of itself.
type counted struct{ *index }

func (c *counted) Commit() error {
	c.commit()
	return nil
}

func (c *counted) Totals() tree.Totals {
	_, _, totals := c.live.summarize()
	return totals
}

func (c *counted) State() tree.State { return c.live.state }

func (c *counted) Cursor(d ident.DeviceID) (tree.Cursor, bool) {
	cursor, ok := c.live.cursors[d]
	return cursor, ok
}

func (c *counted) Replicas() []tree.Replica { return sortedReplicas(c.live.replicas) }

func (c *counted) Notes() []tree.Note { return sortedNotes(c.live.notes) }

func (c *counted) Intents() []tree.Intent { return sortedIntents(c.live.intents) }
