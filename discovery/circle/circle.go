// Package circle decides with which of the many devices that share a folder this device
// keeps links, so that a folder of a thousand costs each of them no more than one of twenty.
//
// It knows who shares folders with this device, whom a person linked it to, and who is
// linked now. It does not know addresses, and dials nobody: its host tells the device whom
// to seek. Whoever calls is welcome all the same.
//
// With few members all are sought. With more, some by chance, until enough are linked: first
// those of whom there is news, and who does not answer for a while gives way to another.
// As everybody does so, members form one net in which nobody is far from anybody, and what
// one of them knows reaches all.
package circle

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// AllMost is up to how many members a folder may have for all to be sought.
	AllMost = 20
	// Enough is how many linked members of a larger folder a device is content with. Others
	// seek it too, so that it has half as many again in the end; a net of that degree by
	// chance holds together when half of its nodes fail.
	Enough = 12
	// triesMost is how many are tried at a time while there are not enough. Of whom there is
	// news goes beyond that, up to newsMost.
	triesMost = 12
	newsMost  = 24
	// tryTime is how long one is tried before another one is: route tries each address
	// several times in that time, and a call across NATs twice.
	tryTime = 45 * time.Second
)

// Event is something that happened.
type Event interface{ event() }

// DevicesKnown says with whom this device may be linked. It replaces what was said before.
type DevicesKnown struct {
	Hand    []ident.DeviceID // whom a person linked it to: they are sought always
	Folders []Folder
}

// Folder is who shares one folder.
type Folder struct {
	Members []ident.DeviceID // without this device
	// Lacks is set while nobody who is linked has what this device needs: more members are
	// linked then, until somebody has it.
	Lacks bool
}

// Linked says that there is a link to a device.
type Linked struct{ Device ident.DeviceID }

// News says that something new is known of where a device is.
type News struct{ Device ident.DeviceID }

// Parted says that there is none any more.
type Parted struct{ Device ident.DeviceID }

func (DevicesKnown) event() {}
func (Linked) event()       {}
func (News) event()         {}
func (Parted) event()       {}

// Effect is an order: a device is to be sought from now on, or not any more.
type Effect struct {
	Device ident.DeviceID
	Sought bool
}

// Core is the machine. It is not safe for concurrent use.
type Core struct {
	chance  *rand.Rand
	hand    map[ident.DeviceID]bool
	folders []Folder
	devices map[ident.DeviceID]*device // of all of them
	links   map[ident.DeviceID]bool    // with whomever
	order   []ident.DeviceID           // of devices
	due     step.Instant
	out     []Effect
}

// device is one that may be linked.
type device struct {
	linked bool
	sought bool
	told   bool         // an effect has said whether it is sought
	since  step.Instant // when it began to be sought, or ended to
	tried  bool         // it was, in vain
	news   bool         // since it was
}

// New returns a core that knows nobody.
func New(chance *rand.Rand) *Core {
	return &Core{
		chance: chance, due: step.Never,
		devices: map[ident.DeviceID]*device{}, links: map[ident.DeviceID]bool{},
	}
}

// Handle takes in what happened.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.out = c.out[:0]
	switch e := event.(type) {
	case DevicesKnown:
		c.known(now, e)
	case Linked:
		c.links[e.Device] = true
		if d := c.devices[e.Device]; d != nil {
			d.linked, d.tried = true, false
		}
	case News:
		d := c.devices[e.Device]
		if d == nil || d.news || d.linked || d.sought {
			return c.out
		}
		d.news = true
	case Parted:
		delete(c.links, e.Device)
		if d := c.devices[e.Device]; d != nil {
			// Mostly it is back at once: by us, who seek it, or by itself.
			d.linked, d.tried, d.since = false, !d.sought, now
		}
	default:
		panic("bug: circle core was handed an event it does not know")
	}
	c.choose(now)
	return c.out
}

// Tick gives up who does not answer.
func (c *Core) Tick(now step.Instant) []Effect {
	c.out = c.out[:0]
	if c.due <= now {
		c.choose(now)
	}
	return c.out
}

// Chosen reports whether it was said of a device that it is to be sought, or not.
func (c *Core) Chosen(id ident.DeviceID) (sought, said bool) {
	d := c.devices[id]
	return d != nil && d.told && d.sought, d != nil && d.told
}

// Deadline is when Tick wants to be called next.
func (c *Core) Deadline() step.Instant { return c.due }

// known takes in who there is. Who is new is neither sought nor not.
func (c *Core) known(now step.Instant, e DevicesKnown) {
	was := c.devices
	c.devices, c.hand, c.folders = map[ident.DeviceID]*device{}, map[ident.DeviceID]bool{}, e.Folders
	note := func(id ident.DeviceID) {
		if c.devices[id] != nil {
			return
		}
		d := was[id]
		if d == nil {
			d = &device{since: now, linked: c.links[id]}
		}
		c.devices[id] = d
	}
	for _, id := range e.Hand {
		c.hand[id] = true
		note(id)
	}
	for _, folder := range e.Folders {
		for _, id := range folder.Members {
			note(id)
		}
	}
	c.order = c.order[:0]
	for id := range c.devices {
		c.order = append(c.order, id)
	}
	slices.SortFunc(c.order, func(a, b ident.DeviceID) int { return slices.Compare(a[:], b[:]) })
}

// choose says who is sought now, and when that is looked at again.
func (c *Core) choose(now step.Instant) {
	c.due = step.Never
	sought := map[ident.DeviceID]bool{}
	for id := range c.hand {
		sought[id] = true
	}
	for _, folder := range c.folders {
		c.chooseOf(now, folder, sought)
	}
	for _, id := range c.order {
		d := c.devices[id]
		if d.sought != sought[id] {
			d.tried = d.sought && !d.linked
			d.since, d.news = now, d.news && !d.sought && !sought[id]
		}
		if d.sought != sought[id] || !d.told {
			d.sought, d.told = sought[id], true
			c.out = append(c.out, Effect{id, d.sought})
		}
	}
}

// chooseOf adds the members of a folder that are to be sought.
func (c *Core) chooseOf(now step.Instant, folder Folder, sought map[ident.DeviceID]bool) {
	members := folder.Members
	if len(members) <= AllMost {
		for _, id := range members {
			sought[id] = true
		}
		return
	}
	linked, trying := 0, 0
	var over, rest []ident.DeviceID
	for _, id := range members {
		switch d := c.devices[id]; {
		case d.linked:
			linked++
			if d.sought {
				sought[id] = true // should the link be lost, it is made anew
			}
		case sought[id]:
			trying++
		case d.sought && now.Since(d.since) < tryTime:
			rest = append(rest, id)
		case d.sought:
			over = append(over, id)
		}
	}
	if linked >= Enough && !folder.Lacks {
		return
	}
	for _, id := range rest { // go on with those, as far as there is need
		if trying < newsMost {
			sought[id] = true
			trying++
			c.due = min(c.due, c.devices[id].since.Add(tryTime))
		}
	}
	for _, id := range c.candidates(now, members, sought, over) {
		most := triesMost
		if c.devices[id].news {
			most = newsMost
		}
		if trying >= most {
			break
		}
		trying++
		sought[id] = true
		c.due = min(c.due, now.Add(tryTime))
	}
}

// candidates returns members to be tried next, by chance: those of whom there is news, those
// never tried, then those tried longest ago. Whose time is over comes last. Who was tried
// just now rests: links that end as soon as they are there would make a storm else.
func (c *Core) candidates(
	now step.Instant, members []ident.DeviceID, sought map[ident.DeviceID]bool, over []ident.DeviceID,
) []ident.DeviceID {
	var free []ident.DeviceID
	for _, id := range members {
		d := c.devices[id]
		switch {
		case d.linked, sought[id], slices.Contains(over, id):
		case d.tried && !d.news && now.Since(d.since) < tryTime:
			c.due = min(c.due, d.since.Add(tryTime))
		default:
			free = append(free, id)
		}
	}
	c.chance.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	slices.SortStableFunc(free, func(a, b ident.DeviceID) int { return int(min(1, max(-1, c.age(a)-c.age(b)))) })
	return append(free, over...)
}

// age orders devices by when they were tried last; those that never were are equal, and so
// are those of whom there is news.
func (c *Core) age(id ident.DeviceID) step.Instant {
	switch d := c.devices[id]; {
	case d.news:
		return -2
	case d.tried:
		return d.since
	}
	return -1
}
