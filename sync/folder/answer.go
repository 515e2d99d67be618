package folder

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// What a peer in repair asks is answered from what is recorded. Entries are told when they
// are durable, like those of the log. Sums may be ahead of that: whoever finds its own to be
// the same holds the entries, and whoever does not asks for them.

// foundBytes is where a Found is closed, well below wire.FrameMax.
const foundBytes = 512 << 10

// answer is a message that waits until what it tells is durable.
type answer struct {
	to      ident.DeviceID
	message wire.Message
}

func (c *Core) answerParts(to ident.DeviceID, m wire.AskParts) {
	c.sayParts(to, m, c.cfg.Summary)
}

func (c *Core) answerGone(to ident.DeviceID, m wire.AskGone) {
	c.sayParts(to, wire.AskParts(m), c.signed.gone)
}

func (c *Core) sayParts(to ident.DeviceID, m wire.AskParts, of *summary.Tree) {
	parts := make([]summary.Part, len(m.Prefixes))
	for i, p := range m.Prefixes {
		parts[i] = of.Part(p)
	}
	c.say(to, wire.Parts{Folder: c.cfg.Folder, Repair: m.Repair, Parts: parts})
}

func (c *Core) answerEntries(to ident.DeviceID, m wire.AskEntries) {
	found := FoundEntries{To: to, Repair: m.Repair}
	for _, id := range m.IDs {
		row, ok := c.index.Entry(id)
		if !ok {
			continue
		}
		base, onDisk := c.index.Base(id)
		found.Entries = append(found.Entries, row.Entry)
		found.Has = append(found.Has, onDisk && row.Entry.Kind == tree.File && base.Content == row.Entry.Content.ID)
	}
	c.tellFound(found)
}

// tellFound says entries in messages that fit a frame.
func (c *Core) tellFound(f FoundEntries) {
	m := wire.Found{Folder: c.cfg.Folder, Repair: f.Repair}
	size := 0
	for i := range f.Entries {
		n := wire.EntrySize(&f.Entries[i])
		if len(m.Entries) > 0 && (size+n > foundBytes || len(m.Entries) == wire.RowsMax) {
			c.sayDurable(f.To, m)
			m, size = wire.Found{Folder: c.cfg.Folder, Repair: f.Repair}, 0
		}
		m.Entries, m.Has = append(m.Entries, f.Entries[i]), append(m.Has, f.Has[i])
		size += n
	}
	m.Last, m.After = true, f.After
	c.sayDurable(f.To, m)
}

func (c *Core) say(to ident.DeviceID, m wire.Message) { c.emit(Tell{To: to, Message: m}) }

// sayDurable says something once everything recorded by now is durable.
func (c *Core) sayDurable(to ident.DeviceID, m wire.Message) {
	if c.uncommitted {
		c.answers = append(c.answers, answer{to, m})
		return
	}
	c.say(to, m)
}

func (c *Core) giveAnswers() {
	for _, a := range c.answers {
		c.say(a.to, a.message)
	}
	c.answers = nil
}
