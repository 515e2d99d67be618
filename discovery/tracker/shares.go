package tracker

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// sharesMax bounds the folders of all devices together: of 10,000 devices each may
	// share 26. One takes about 150 bytes.
	sharesMax = 1 << 18
	// sourceShares of them from one address: room for the 1,024 devices that it may have,
	// each in eight. Whoever draws keys for as many devices and tells of 64 folders for each
	// would fill a quarter of the table else, and four of them all of it.
	sourceShares = 8 * sourceDevices
	// wholeMost of the devices that are named have all of the folder, while others share it
	// too: who lacks something wants those first, and somebody to pass it on to.
	wholeMost = post.MembersMax * 3 / 4
	// A device may ask for members asksBurst times at once, for each of its folders, and
	// once more each askEvery: an answer is sixty times as long as the question.
	asksBurst = post.SharesMax
	askEvery  = time.Second
	// triesMost bounds how many of a list are looked at, for one answer.
	triesMost = 8 * post.MembersMax
)

// group is the devices that share one folder: those that have all of it, and the others.
// It keeps those that went within a lease, and does not name them.
type group struct{ whole, others []*share }

// share is one device's part in one folder.
type share struct {
	device *device
	part   int
	at     int // where it stands in its list
}

func (g *group) list(part int) *[]*share {
	if part == post.PartAll {
		return &g.whole
	}
	return &g.others
}

func (g *group) add(s *share) {
	l := g.list(s.part)
	s.at = len(*l)
	*l = append(*l, s)
}

func (g *group) remove(s *share) {
	l := g.list(s.part)
	last := (*l)[len(*l)-1]
	(*l)[s.at], last.at = last, s.at
	(*l)[len(*l)-1] = nil
	*l = (*l)[:len(*l)-1]
}

// sharesTold takes in which folders a device shares.
func (c *Core) sharesTold(n *conn, m post.Message) {
	if !c.share(n.device, m.Shares) {
		where := ""
		if c.shares < sharesMax {
			where = " of devices at your address"
		}
		c.refuse(n, m.Ticket, "this server keeps no more folders"+where+": members of yours are found by their ids only")
		return
	}
	c.tell(n, post.Message{Kind: post.Shared, Ticket: m.Ticket})
}

// share makes these the folders that a device shares; it reports whether there was room for
// all of them.
func (c *Core) share(d *device, shares []post.Share) bool {
	was, from := d.shares, c.sources[d.from]
	d.shares = make(map[post.FolderKey]*share, len(shares))
	full := false
	for _, told := range shares {
		key := post.FolderKey(told.Key)
		s := was[key]
		switch {
		case d.shares[key] != nil:
			continue // named twice
		case s != nil:
			c.groups[key].remove(s)
			delete(was, key)
		case c.shares >= sharesMax || from.shares >= sourceShares:
			full = true
			continue
		default:
			s = &share{device: d}
			c.shares++
			from.shares++
			if c.groups[key] == nil {
				c.groups[key] = &group{}
			}
		}
		s.part = told.Part
		c.groups[key].add(s)
		d.shares[key] = s
	}
	for key, s := range was {
		g := c.groups[key]
		g.remove(s)
		c.shares--
		from.shares--
		if len(g.whole)+len(g.others) == 0 {
			delete(c.groups, key)
		}
	}
	return !full
}

// membersAsked names devices that share a folder and are here, drawn anew each time. Only
// who shares it is told.
func (c *Core) membersAsked(n *conn, e Heard) {
	d, m := n.device, e.Message
	if len(m.Folder) == 0 || d.shares[post.FolderKey(m.Folder)] == nil {
		c.refuse(n, m.Ticket, "say first that you share this folder")
		return
	}
	if !d.mayAsk(c.now) {
		c.refuse(n, m.Ticket, "members are asked for too often: slow down")
		return
	}
	answer := post.Message{Kind: post.Members, Ticket: m.Ticket}
	g := c.groups[post.FolderKey(m.Folder)]
	h := hand{to: d, chance: rand.New(rand.NewPCG(
		binary.BigEndian.Uint64(e.Chance[:8]), binary.BigEndian.Uint64(e.Chance[8:16])))}
	if d.shares[post.FolderKey(m.Folder)].part == post.PartAll { // who lacks something wants it
		h.draw(g.others, post.MembersMax)
	} else {
		h.draw(g.whole, wholeMost)
		h.draw(g.others, post.MembersMax)
	}
	h.draw(g.whole, post.MembersMax)
	for _, s := range h.drawn {
		answer.Members = append(answer.Members, post.Member{Device: s.device.id, Card: s.device.card, Part: s.part})
	}
	c.counts.Handed += uint64(len(answer.Members))
	c.tell(n, answer)
}

// hand is who is named to a device.
type hand struct {
	to     *device
	chance *rand.Rand
	drawn  []*share
}

// draw adds devices of a list by chance, until so many are drawn. Some that are away are
// passed over; not more than that, for a list may be long.
func (h *hand) draw(list []*share, most int) {
	for i := 0; i < len(list) && i < triesMost && len(h.drawn) < most; i++ {
		j := i + h.chance.IntN(len(list)-i)
		list[i], list[j] = list[j], list[i]
		list[i].at, list[j].at = i, j
		if d := list[i].device; d != h.to && d.conn != nil && !slices.Contains(h.drawn, list[i]) {
			h.drawn = append(h.drawn, list[i])
		}
	}
}

// mayAsk reports whether a device may ask for members once more now.
func (d *device) mayAsk(now step.Instant) bool {
	if more := int(now.Since(d.askedFed) / askEvery); more > 0 {
		d.askLeft, d.askedFed = min(d.askLeft+more, asksBurst), now
	}
	if d.askLeft == 0 {
		return false
	}
	d.askLeft--
	return true
}
