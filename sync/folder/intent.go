package folder

import (
	"fmt"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// intent is one order as it is remembered over a crash: the order, and what the entry was
// when it was given.
type intent struct {
	Order                         tree.Order
	Parent                        ident.EntryID
	Name                          string
	SawPlace, SawContent, SawAttr version.Vector
	Content                       ident.ContentID
	Over                          ident.EntryID
	Errand                        bool
}

// intend records the orders that are to be given. They go out when that is durable: until
// the outcome is recorded too, whatever the disk shows after a crash is known to be ours.
func (c *Core) intend() {
	if len(c.orders) == 0 {
		return
	}
	c.intents++
	body := appendIntents(make([]byte, 0, c.intentRoom*len(c.orders)), len(c.orders), func(i int) intent {
		o := c.orders[i]
		a := c.tickets[o.Ticket]
		a.intent = c.intents
		return intent{
			Order: o, Parent: a.parent, Name: a.name, SawPlace: a.sawPlace,
			SawContent: a.sawContent, SawAttr: a.sawAtt, Content: a.content, Over: a.over, Errand: a.errand,
		}
	})
	c.intentRoom = len(body)/len(c.orders) + intentLeast/4 // a little more, for longer names
	c.apply(tree.Batch{Intents: []tree.Intent{{Number: c.intents, Body: body}}})
	c.intended[c.intents] = len(c.orders)
	c.intendedOrders = append(c.intendedOrders, c.orders...)
	c.orders = c.orders[:0]
}

// giveOrders hands out the orders whose intent is durable.
func (c *Core) giveOrders() {
	if len(c.intendedOrders) > 0 {
		c.emit(Execute{Orders: c.intendedOrders})
		c.intendedOrders = nil
	}
}

// intentDone notes that one order of an intent has its outcome; the last one ends the
// intent, in the same commit as what that outcome records.
func (c *Core) intentDone(number uint64) {
	if c.intended[number]--; c.intended[number] == 0 {
		delete(c.intended, number)
		c.apply(tree.Batch{Intents: []tree.Intent{{Number: number}}})
	}
}

// recall takes up what an earlier run was about to do when it ended. The orders are under
// way again; the first Tick asks how they ended.
func (c *Core) recall(intents []tree.Intent) error {
	for _, in := range intents {
		batch, err := parseIntents(in.Body)
		if err != nil {
			return fmt.Errorf("read what was about to be done when the agent stopped: %w", err)
		}
		c.intents = max(c.intents, in.Number)
		c.intended[in.Number] = len(batch)
		for _, i := range batch {
			a := &act{
				entry: i.Order.Entry, ticket: i.Order.Ticket, order: i.Order, parent: i.Parent,
				name: i.Name, sawPlace: i.SawPlace, sawContent: i.SawContent, sawAtt: i.SawAttr,
				content: i.Content, over: i.Over, intent: in.Number, errand: i.Errand,
			}
			c.ticket = max(c.ticket, a.ticket)
			c.under(a)
			c.recalled = append(c.recalled, i.Order)
		}
	}
	return nil
}

// noteUnsure remembers an order of an earlier run that does not look done, until the first
// full look is over: somebody may have set the time of the file since, and a look that reads
// it tells by its bytes that it came after all.
func (c *Core) noteUnsure(a *act, o *tree.Outcome) {
	if o.Recalled && o.Refusal == tree.Changed && a.order.Op == tree.InstallFile && c.scanning {
		c.unsure[a.content] = append(c.unsure[a.content], a)
	}
}

// noteBoth notes of what an order of an earlier run was to move, and is neither where it was
// nor where it was to be, that whoever took it away may have met it in either place: where
// that was a delete, the move is no later act of somebody who did not know of it (R15).
func (c *Core) noteBoth(a *act, o *tree.Outcome) {
	b, onDisk := c.index.Base(a.entry)
	if o.Recalled && o.Refusal == tree.Missing && a.order.Op == tree.Move && onDisk {
		b.SawPlace = b.SawPlace.Join(a.sawPlace)
		c.setBase(b)
	}
}

// cameBefore takes what was found for a file that an earlier run had put there, when it
// holds just what that was to put: a new file, or an edit, would come back where the entry
// was deleted meanwhile.
func (c *Core) cameBefore(f *tree.Finding, dirs []ident.EntryID, here []tree.Base, name string) bool {
	if f.Stat.Kind != tree.File || f.Gone || f.Moved {
		return false
	}
	for _, a := range c.unsure[f.Content] {
		b, onDisk := c.index.Base(a.entry)
		its := len(here) == 0 && !onDisk || len(here) == 1 && here[0].Entry == a.entry
		if !its || a.name != name || !slices.Contains(dirs, a.parent) || c.acts[a.entry] != nil {
			continue
		}
		if !onDisk {
			b = tree.Base{Entry: a.entry, Parent: a.parent, Name: name, SawPlace: a.sawPlace}
		}
		b.Content, b.Stat, b.Racy = f.Content, f.Stat, f.Racy
		b.SawContent, b.SawAttrs = a.sawContent, a.sawAtt
		c.setBase(b)
		c.touch(a.entry)
		c.wake(a.entry)
		return true
	}
	return false
}
