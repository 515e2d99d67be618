package roster

import (
	"errors"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/wire"
)

// hear takes in one message. To devices that have nothing to do with the folder it does
// not exist.
func (c *Core) hear(d ident.DeviceID, m wire.Message) {
	l := c.links[d]
	if l == nil || !c.hand[d] && !c.m.Mentions(d) && c.m.Known() {
		return
	}
	switch m := m.(type) {
	case wire.Roster:
		c.hearRoster(d, l, m)
	case wire.Records:
		c.hearRecords(d, l, m.Records)
	case wire.Whereabouts:
		c.hearPlaces(d, m.Places)
	}
}

func (c *Core) hearRoster(d ident.DeviceID, l *line, m wire.Roster) {
	if !m.Founding.IsZero() && !c.m.Known() {
		if !c.hand[d] {
			return
		}
		if err := c.m.Found(m.Founding); err != nil {
			c.emit(Drop{d, "it names a founder that the folder does not have"})
			return
		}
		c.dirty = true
	}
	if !c.m.Known() {
		return
	}
	if c.Removed(d) {
		c.bid(d, m.Have)
		return
	}
	if !l.told || m.Founding.IsZero() {
		c.tell(d)
	}
	have := c.m.Have()
	lacking := c.m.Lacking(m.Have, c.m.Len())
	if slices.Equal(m.Have, have) && m.Hash != c.m.Hash() && !l.whole {
		l.whole = true
		lacking = c.m.Lacking(nil, c.m.Len())
	}
	c.send(d, lacking)
}

// hearRecords takes records in and passes on those that were new here.
func (c *Core) hearRecords(d ident.DeviceID, l *line, records []members.Record) {
	var fresh []members.Record
	early := false
	for _, r := range records {
		if l.bad >= badMax {
			break
		}
		changed, err := c.m.Add(r)
		switch {
		case changed:
			fresh = append(fresh, r)
		case errors.Is(err, members.ErrEarly):
			early = true
		case err != nil && !errors.Is(err, members.ErrFull):
			l.bad++
		}
	}
	if l.bad >= badMax && !c.Removed(d) {
		c.emit(Drop{d, "it sends records of members that no owner signed"})
	}
	if len(fresh) > 0 {
		c.dirty = true
		c.spread(fresh, d)
	}
	if early && l.asked < askedMax {
		l.asked++
		c.tell(d) // it does not know what we lack
	}
}

// spread passes records on to everybody connected who may hear them, but for whoever they
// came from.
func (c *Core) spread(records []members.Record, from ident.DeviceID) {
	for _, o := range c.connected() {
		if o != from && c.mayHear(o) {
			c.send(o, records)
		}
	}
}

// hearPlaces believes hints of members about members, of one device as far as a link then
// proves it.
func (c *Core) hearPlaces(d ident.DeviceID, places []wire.Place) {
	if c.role(d) == members.None || !c.m.Mentions(d) {
		return
	}
	known := slices.DeleteFunc(slices.Clone(places), func(p wire.Place) bool {
		return p.Device == c.cfg.Self || !c.m.Mentions(p.Device) || c.role(p.Device) == members.None
	})
	if len(known) > 0 {
		c.emit(PlacesHeard{d, known})
	}
}
