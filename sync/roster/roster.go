// Package roster keeps a folder's members in step between devices, and carries out what
// people say about them.
//
// It tells connected devices how much it has heard, sends what they lack, takes in and
// passes on what owners signed, has this device's own word signed, and says who may take
// part in the folder. What records mean is decided by package members; what members may
// say to each other, by package peer. The node joins them.
//
// Nothing is told to anybody, and no role changes, before the map that says so is durable:
// an owner that forgot a record of its own after a crash would give its number out twice.
package roster

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Config is what a core is made of.
type Config struct {
	Self ident.DeviceID
	Key  [32]byte // this device's public key
	Map  *members.Map
	// Hand are the devices that a person here shared the folder with.
	Hand []ident.DeviceID
}

const (
	// badMax is how many records one link may bring that are no owner's word: checking a
	// signature costs about 0.1 ms.
	badMax = 16
	// askedMax is how often records that came too early are asked for again on one link.
	askedMax = 16
	// saveAgain is how long a map that cannot be written waits.
	saveAgain = 10 * time.Second
	// tellAgain is how often members are told where the others are: hints are forgotten.
	tellAgain = 20 * time.Minute
	// tellSoon is when they are told after something changed: by then they have taken in who
	// is a member. More changes within tellPause are told together.
	tellSoon  = 500 * time.Millisecond
	tellPause = 10 * time.Second
	// farewellMax bounds what a removed device is sent at once.
	farewellMax = 1024
	// asksMax bounds what people may have asked for and not been answered.
	asksMax = 1024
)

// Core is the state machine. It is not safe for concurrent use.
type Core struct {
	folder ident.FolderID
	cfg    Config
	m      *members.Map
	hand   map[ident.DeviceID]bool
	links  map[ident.DeviceID]*line
	now    step.Instant
	out    []Effect

	stood Standing
	// greeted is how things stood when connected devices were last told what it means to
	// them.
	greeted Standing
	held    []Effect // waits until the map is durable
	asks    []ask
	making  *making     // the record that is being signed
	signs   step.Ticket // of the newest Sign
	ticket  step.Ticket // of the newest Save
	dirty   bool        // the map differs from what was last ordered to be saved
	saving  bool
	due     step.Instant
}

// line is one connected device.
type line struct {
	told   bool         // a Roster, on this link
	places step.Instant // when it is to be told where the others are
	placed step.Instant // when it last was
	asked  int          // Rosters sent because records came too early
	bad    int          // records that were no owner's word
	whole  bool         // it was sent all records, because numbers alone do not show the difference
	bidden bool         // it was told that its membership is over
}

// ask is what a person wants.
type ask struct {
	ticket step.Ticket
	device ident.DeviceID
	role   members.Role
	name   string
	end    bool
}

// making is a record on its way to be signed.
type making struct {
	ask    ask
	ticket step.Ticket
	record members.Record
	before members.Role
}

// New returns the core of a folder.
func New(folder ident.FolderID, cfg Config) *Core {
	c := &Core{
		folder: folder, cfg: cfg, m: cfg.Map, hand: map[ident.DeviceID]bool{},
		links: map[ident.DeviceID]*line{}, due: step.Never,
	}
	for _, d := range cfg.Hand {
		c.hand[d] = true
	}
	c.stood = c.standing()
	c.greeted = c.stood
	return c
}

// Handle takes in what happened and returns what is to be done, in order.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.now, c.out = now, c.out[:0]
	switch e := event.(type) {
	case Connected:
		c.links[e.Device] = &line{places: step.Never, placed: now.Add(-tellPause)}
		c.greet(e.Device)
		c.placesChanged()
	case Lost:
		delete(c.links, e.Device)
	case Heard:
		c.hear(e.Device, e.Message)
	case ShareAsked:
		c.take(ask{ticket: e.Ticket, device: e.Device, role: e.Role, name: e.Name})
	case UnshareAsked:
		c.take(ask{ticket: e.Ticket, device: e.Device, end: true})
	case Signed:
		c.signed(e)
	case Saved:
		c.saved(e)
	default:
		panic("bug: roster core was handed an event it does not know")
	}
	c.finish()
	return c.out
}

// Tick tries again to save, and tells anew where members are.
func (c *Core) Tick(now step.Instant) []Effect {
	c.now, c.out = now, c.out[:0]
	if c.due <= now {
		c.due = step.Never
	}
	for _, d := range c.connected() {
		if l := c.links[d]; l.places <= now {
			l.places, l.placed = now.Add(tellAgain), now
			c.later(TellPlaces{d})
		}
	}
	c.finish()
	return c.out
}

// Deadline is when Tick has something to do.
func (c *Core) Deadline() step.Instant {
	at := c.due
	for _, l := range c.links {
		at = min(at, l.places)
	}
	return at
}

// Standing returns who shares the folder now.
func (c *Core) Standing() Standing { return c.stood }

func (c *Core) emit(f Effect) { c.out = append(c.out, f) }

// later orders something once the map is durable.
func (c *Core) later(f Effect) { c.held = append(c.held, f) }

func (c *Core) connected() []ident.DeviceID {
	out := make([]ident.DeviceID, 0, len(c.links))
	for d := range c.links {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b ident.DeviceID) int { return slices.Compare(a[:], b[:]) })
	return out
}

// finish takes up the next wish, and saves what has changed; when all is durable it lets go
// of what waited for that.
func (c *Core) finish() {
	c.attend()
	c.lower()
	switch {
	case c.saving:
	case c.dirty && c.due == step.Never:
		c.dirty, c.saving = false, true
		c.ticket++
		c.emit(Save{Ticket: c.ticket, Body: c.m.Append(nil)})
	case !c.dirty:
		c.release()
		c.stand()
		c.release()
	}
}

func (c *Core) release() {
	c.out = append(c.out, c.held...)
	c.held = nil
}

// saved hears how saving ended.
func (c *Core) saved(e Saved) {
	if e.Ticket != c.ticket || !c.saving {
		panic("bug: roster core was answered what it did not ask")
	}
	c.saving = false
	if e.Problem == "" {
		return
	}
	c.dirty, c.due = true, c.now.Add(saveAgain)
	c.held = slices.DeleteFunc(c.held, func(f Effect) bool {
		a, answer := f.(Answered)
		if answer {
			a.Problem, a.Reason = SaveFailed, e.Problem
			c.emit(a)
		}
		return answer
	})
}

// stand tells when somebody's part in the folder has changed.
func (c *Core) stand() {
	is := c.standing()
	if !is.equal(&c.stood) {
		c.stood = is
		c.emit(Changed{Standing: is})
	}
	was := c.greeted
	if is.equal(&was) {
		return
	}
	c.greeted = is
	for _, d := range c.connected() {
		if c.role(d) != was.Role(d) || is.Own != was.Own {
			c.greet(d)
		}
	}
	c.placesChanged()
}

// lower lets memberships that end, and roles of others that become lower, do so at once:
// nobody is served while a map is being written. This device's own lower role waits: it
// begins anew with that, and must not have forgotten why.
func (c *Core) lower() {
	now, is := c.standing(), c.stood
	if now.Own == members.None {
		is.Own = members.None
	}
	is.Partners = nil
	for _, p := range c.stood.Partners {
		if p.Role = min(p.Role, now.Role(p.Device)); p.Role != members.None {
			is.Partners = append(is.Partners, p)
		}
	}
	if !is.equal(&c.stood) {
		c.stood = is
		c.emit(Changed{Standing: is})
	}
}

// greet tells a device how much we have heard, if it has to do with this folder.
func (c *Core) greet(d ident.DeviceID) {
	l := c.links[d]
	if l == nil {
		return
	}
	switch {
	case c.m.Mentions(d) && c.m.Role(d) == members.None:
		c.bid(d, nil)
	case c.mayHear(d):
		l.bidden = false
		c.tell(d)
	}
}

// mayHear reports whether a device may be told of the members: it is one, or a person here
// has shared the folder with it.
func (c *Core) mayHear(d ident.DeviceID) bool {
	return c.m.Mentions(d) && c.m.Role(d) != members.None || c.hand[d] && !c.m.Mentions(d)
}

func (c *Core) tell(d ident.DeviceID) {
	c.links[d].told = true
	c.later(Send{d, wire.Roster{
		Folder: c.folder, Founding: c.m.Founding(), Have: c.m.Have(), Hash: c.m.Hash(),
	}})
}

// placesChanged has all connected members told soon where the others are.
func (c *Core) placesChanged() {
	for d, l := range c.links {
		if c.role(d) == members.None || !c.m.Mentions(d) || c.stood.Guest {
			l.places = step.Never
		} else {
			l.places = min(l.places, max(c.now.Add(tellSoon), l.placed.Add(tellPause)))
		}
	}
}

// bid farewell: a device whose membership was ended is told by whose word, once on a link.
// Our Roster lets it answer, for it may have ended that owner's membership at the same time.
func (c *Core) bid(d ident.DeviceID, have []members.Seen) {
	l := c.links[d]
	if l.bidden {
		return
	}
	l.bidden = true
	c.send(d, c.m.Farewell(d, have, farewellMax))
	c.tell(d)
}

func (c *Core) send(d ident.DeviceID, records []members.Record) {
	for part := range slices.Chunk(records, wire.RecordsMax) {
		c.later(Send{d, wire.Records{Folder: c.folder, Records: part}})
	}
}
