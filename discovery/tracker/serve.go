package tracker

import (
	"slices"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// heard takes in what a connection says.
func (c *Core) heard(n *conn, e Heard) {
	if !c.mayTalk(n, e.Message.Ticket) {
		return
	}
	m := e.Message
	if n.device == nil {
		if m.Kind == post.Register {
			c.register(n, m)
		} else {
			c.drop(n, "say who you are first")
		}
		return
	}
	n.due = c.now.Add(Lease)
	c.timers.add(n)
	switch m.Kind {
	case post.Alive:
		c.tell(n, post.Message{Kind: post.Alive})
	case post.Find:
		c.find(n, m)
	case post.Letter:
		c.letter(n, m)
	case post.Claim:
		c.claim(n, m)
	case post.Release:
		c.release(n.device, m.Slot)
	case post.Call:
		c.call(n, e)
	case post.Shares:
		c.sharesTold(n, m)
	case post.Members:
		c.membersAsked(n, e)
	}
}

// mayTalk holds a connection to its share of words.
func (c *Core) mayTalk(n *conn, ticket uint64) bool {
	if more := int(c.now.Since(n.fed) / sayEvery); more > 0 {
		n.left, n.fed = min(n.left+more, SayBurst), c.now
	}
	if n.left > 0 {
		n.left--
		return true
	}
	if n.strikes++; n.strikes > strikesMax {
		c.drop(n, "it says more than any device needs to")
		return false
	}
	c.refuse(n, ticket, "too much at once: slow down")
	return false
}

// register makes a connection the one of a device that has proven its key. An older one of
// the same device gives way: mostly it is half dead.
func (c *Core) register(n *conn, m post.Message) {
	var id ident.DeviceID
	proven := slices.ContainsFunc(c.rules.Audiences, func(audience string) (ok bool) {
		id, ok = post.Proven(m, audience, n.nonce)
		return ok
	})
	switch {
	case !proven:
		c.drop(n, "the device could not prove its key to this server")
		return
	case !c.allowed(m.Token):
		c.drop(n, "this server is for a closed group: the token in its address is missing or wrong")
		return
	}
	d := c.devices[id]
	if d == nil && len(c.devices) >= c.rules.Devices {
		c.drop(n, "this server is full")
		return
	}
	from := c.sources[n.from]
	if (d == nil || d.from != n.from) && from.devices >= sourceDevices {
		c.drop(n, "too many devices come from your address")
		return
	}
	if d == nil {
		d = &device{id: id, askLeft: asksBurst, askedFed: c.now}
		c.devices[id] = d
	}
	if d.from != n.from {
		if from.shares+len(d.shares) > sourceShares {
			c.share(d, nil) // it tells them again, and is told that there is no room
		}
		c.uncount(d)
		d.from = n.from
		from.devices++
		from.shares += len(d.shares)
	}
	c.timers.remove(d)
	old := d.conn
	d.conn, n.device, d.card = n, d, m.Card
	if old != nil {
		old.device = nil
		c.drop(old, "the device has connected anew")
	}
	n.due = c.now.Add(Lease)
	c.timers.add(n)
	c.counts.Registrations++
	c.tell(n, post.Message{Kind: post.Registered, Device: id, Lease: int(Lease.Seconds()), At: n.addr})
	for _, letter := range d.box {
		c.tell(n, letter)
	}
	d.box = nil
}

// find tells whether a device is here, or who shows a code.
func (c *Core) find(n *conn, m post.Message) {
	found := post.Message{Kind: post.Found, Ticket: m.Ticket, Device: m.Device, Slot: m.Slot}
	if m.Slot != 0 {
		s, ok := c.slotOf(n, m)
		if !ok {
			return
		}
		if s != nil {
			found.Device = s.owner.id
		}
	} else if d := c.devices[m.Device]; d != nil {
		found.Card = d.card
	}
	c.tell(n, found)
}

// letter brings a letter, or keeps it for a device that was here a moment ago.
func (c *Core) letter(n *conn, m post.Message) {
	to := c.devices[m.Device]
	if to == nil || len(m.Body) == 0 {
		c.refuse(n, m.Ticket, "that device is not here")
		return
	}
	c.counts.Letters++
	letter := post.Message{Kind: post.Letter, Device: n.device.id, Body: m.Body}
	switch {
	case to.conn != nil:
		c.tell(to.conn, letter)
	case len(to.box) < boxMax:
		to.box = append(to.box, letter)
	}
}

// claim lets a device show a code with this number. Two never show the same one here.
func (c *Core) claim(n *conn, m post.Message) {
	d := n.device
	s := c.slots[m.Slot]
	if s != nil && s.owner != d && s.until <= c.now {
		c.release(s.owner, m.Slot)
		s = nil
	}
	switch {
	case m.Slot == 0 || s != nil && s.owner != d:
		c.refuse(n, m.Ticket, "another device shows a code with this number")
		return
	case s == nil && len(d.slots) >= slotsOfOneMax:
		c.refuse(n, m.Ticket, "this device shows too many codes")
		return
	}
	lasts := min(step.Instant(m.Lasts)*1e9, step.Instant(slotTime))
	if s == nil {
		s = &slot{owner: d}
		c.slots[m.Slot] = s
		d.slots = append(d.slots, m.Slot)
	}
	s.until = c.now + lasts
	c.tell(n, post.Message{Kind: post.Claimed, Ticket: m.Ticket, Slot: m.Slot})
}

func (c *Core) release(d *device, number uint16) {
	if s := c.slots[number]; s != nil && s.owner == d {
		delete(c.slots, number)
		d.slots = slices.DeleteFunc(d.slots, func(o uint16) bool { return o == number })
	}
}

// call makes a pipe to a device, named by its id or by the code it shows.
func (c *Core) call(n *conn, e Heard) {
	m := e.Message
	to := c.devices[m.Device]
	if m.Slot != 0 || m.Device.IsZero() { // who names the device too is counted all the same
		s, ok := c.slotOf(n, m)
		if !ok {
			return
		}
		if s == nil || !m.Device.IsZero() && s.owner != to {
			c.refuse(n, m.Ticket, "no device shows this code here")
			return
		}
		if s.calls++; s.calls > slotCallsMax {
			c.refuse(n, m.Ticket, "this code was called too often: ask for a new one")
			return
		}
		to = s.owner
	}
	switch {
	case to == nil || to.conn == nil || to == n.device:
		c.refuse(n, m.Ticket, "that device is not here")
		return
	case n.device.pipes >= pipesOfOneMax:
		c.refuse(n, m.Ticket, "this device calls too many others at once")
		return
	}
	c.counts.Calls++
	n.device.pipes++
	p := &pipe{caller: n.device, due: c.now.Add(pipeTime)}
	copy(p.secrets[0][:], e.Chance[:post.PipeSize])
	copy(p.secrets[1][:], e.Chance[post.PipeSize:])
	c.pipes[p.secrets[0]], c.pipes[p.secrets[1]] = p, p
	c.timers.add(p)
	c.tell(to.conn, post.Message{Kind: post.Called, Device: n.device.id, Slot: m.Slot, Pipe: p.secrets[1][:]})
	c.tell(n, post.Message{Kind: post.Pipe, Ticket: m.Ticket, Pipe: p.secrets[0][:]})
}

// slotOf finds a code that is shown, nil when none is. Asking is counted for where it comes
// from, so that nobody tries all numbers: it reports whether there was room for one more.
func (c *Core) slotOf(n *conn, m post.Message) (*slot, bool) {
	from := c.sources[n.from]
	from.calls = slices.DeleteFunc(from.calls, func(at step.Instant) bool { return c.now.Since(at) >= sourceTime })
	if len(from.calls) >= sourceCalls {
		c.refuse(n, m.Ticket, "too many codes were tried from your address: wait a minute")
		return nil, false
	}
	from.calls = append(from.calls, c.now)
	s := c.slots[m.Slot]
	if s != nil && s.until <= c.now {
		s = nil
	}
	return s, true
}

// pipeOpened joins the ends of a pipe once both are there.
func (c *Core) pipeOpened(e PipeOpened) {
	p := c.pipes[e.Secret]
	if p == nil {
		c.out = append(c.out, Drop{e.Conn, "there is no such pipe, or its time is over"})
		return
	}
	end := 0
	if p.secrets[1] == e.Secret {
		end = 1
	}
	if p.ends[end] != 0 {
		c.out = append(c.out, Drop{e.Conn, "this end of the pipe is taken"})
		return
	}
	p.ends[end] = e.Conn
	if p.ends[1-end] == 0 {
		return
	}
	c.unlist(p)
	c.out = append(c.out, Join{p.ends[0], p.ends[1], p.caller.id})
}

// dropPipe gives up a pipe whose ends did not both come.
func (c *Core) dropPipe(p *pipe, reason string) {
	c.unlist(p)
	p.caller.pipes = max(0, p.caller.pipes-1)
	for _, end := range p.ends {
		if end != 0 {
			c.out = append(c.out, Drop{end, reason})
		}
	}
}

func (c *Core) unlist(p *pipe) {
	c.timers.remove(p)
	delete(c.pipes, p.secrets[0])
	delete(c.pipes, p.secrets[1])
}
