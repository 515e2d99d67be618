package sim

import (
	"crypto/ed25519"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// found makes the first device the owner of the folder, in worlds that have owners. The
// others are named by it, and learn that by talking.
func (w *World) found() {
	if !w.options.Founded {
		return
	}
	for _, d := range w.devices {
		seed := hashOf("key", uint64(d.number))
		d.key = ed25519.NewKeyFromSeed(seed[:])
		d.id = ident.DeviceFromKey(d.key.Public().(ed25519.PublicKey))
	}
	founding := members.Founding{Founder: w.devices[0].id, Nonce: members.Nonce{byte(w.options.Seed)}}
	w.folder = founding.Folder()
	for i, d := range w.devices {
		own := tree.Replica{ID: d.index.live.state.Replica, Device: d.id, Name: d.name}
		d.index.live.replicas[own.ID], d.index.kept.replicas[own.ID] = own, own
		d.rolls = members.NewMap(w.folder)
		if i == 0 {
			if err := d.rolls.Found(founding); err != nil {
				panic("bug: " + err.Error())
			}
		}
	}
	first := w.devices[0]
	for _, d := range w.devices[1:] {
		r, err := first.rolls.Compose(first.public(), d.id, w.roleOf(d), d.name)
		if err != nil {
			panic("bug: " + err.Error())
		}
		copy(r.Sign[:], ed25519.Sign(first.key, r.ToSign(w.folder)))
		if _, err := first.rolls.Add(r); err != nil {
			panic("bug: " + err.Error())
		}
	}
	for _, d := range w.devices {
		d.roll = d.rolls.Append(nil)
	}
}

// roleOf returns the role that a device has from the beginning, and at the end.
func (w *World) roleOf(d *device) members.Role {
	if d.private() {
		return members.Reader
	}
	return members.Writer
}

// private reports whether what people do on a device is nobody else's business: its role
// is that of a reader throughout.
func (d *device) private() bool {
	return d.number >= d.world.options.Nodes-d.world.options.Readers
}

func (d *device) public() (key [32]byte) {
	copy(key[:], d.key.Public().(ed25519.PublicKey))
	return key
}

// who says with whom a device shares the folder when it starts: by hand with everybody it
// is linked to, or, where there is an owner, with that one, and by what it has kept of what
// owners said.
func (d *device) who() roster.Config {
	cfg := roster.Config{Self: d.id, Map: members.NewMap(d.world.folder)}
	if d.key != nil {
		m, err := members.ParseMap(d.world.folder, d.roll)
		if err != nil {
			d.world.fail("what was saved can be read", "%s: %v", d.name, err)
			return cfg
		}
		cfg.Map, cfg.Key, d.rolls = m, d.public(), m
	}
	if d.key != nil {
		if d.number > 0 { // the first one has named them all
			cfg.Hand = []ident.DeviceID{d.world.devices[0].id}
		}
		return cfg
	}
	for _, e := range d.order {
		cfg.Hand = append(cfg.Hand, e.other.device.id)
	}
	return cfg
}

// unanswerable is the question who founded the folder, in worlds where nobody did. It is
// left out, so that these worlds go on as they did before there were founders.
func (w *World) unanswerable(m wire.Message) bool {
	r, ok := m.(wire.Roster)
	return ok && r.Founding.IsZero() && !w.options.Founded
}

// doMembers carries out what the node orders about members. False: it is something else.
func (d *device) doMembers(effect node.FolderEffect) bool {
	switch f := effect.(type) {
	case roster.Sign:
		signed := roster.Signed{Ticket: f.Ticket}
		copy(signed.Sign[:], ed25519.Sign(d.key, f.Bytes))
		d.after(d.pause(), func() { d.handle(signed) })
	case folder.SignRoot:
		v := f.Signed
		copy(v.Key[:], d.key.Public().(ed25519.PublicKey))
		v.Wall = d.wall() / 1e6
		copy(v.Sign[:], ed25519.Sign(d.key, v.ToSign()))
		d.after(d.pause(), func() { d.handle(folder.RootSigned{Signed: v}) })
	case roster.Save:
		d.after(d.pause(), func() {
			d.roll = f.Body
			d.handle(roster.Saved{Ticket: f.Ticket})
		})
	case roster.Changed:
		if d.wrote && f.Standing.Own == members.Reader {
			d.after(0, d.beginReading)
		}
		d.wrote = d.wrote || f.Standing.Own.MayWrite()
	case roster.Answered, roster.TellPlaces, roster.PlacesHeard, folder.Reverting, folder.GivenUp:
	default:
		return false
	}
	return true
}

// beginReading does what a host does when its device may only read from now on.
func (d *device) beginReading() {
	d.world.trace.note(d, "begins anew as a reader")
	d.crash()
	d.index = newIndex()
	state := tree.State{
		Replica: ident.ReplicaID(d.world.chance.Uint64() | 1), Log: ident.LogID(d.world.chance.Uint64() | 1),
	}
	own := tree.Replica{ID: state.Replica, Device: d.id, Name: d.name}
	d.index.Apply(tree.Batch{State: &state, Replicas: []tree.Replica{own}})
	d.index.commit()
	d.start()
}

// decide lets the owner end memberships and change roles until the given moment. Devices
// that have a person stay writers, or members that are none for a while: what happens to
// files between two roles is another matter than what happens to what people did.
func (w *World) decide(until time.Duration) {
	w.nowAndThen(w.options.Decisions, until, func() {
		d := w.devices[1+w.chance.IntN(len(w.devices)-1)]
		role := w.roleOf(d)
		switch {
		case w.likely(0.4):
			w.ask(roster.UnshareAsked{Ticket: w.tickets(), Device: d.id})
			return
		case d.number >= w.options.People && !d.private() && w.likely(0.5):
			role = members.Reader
		}
		w.ask(roster.ShareAsked{Ticket: w.tickets(), Device: d.id, Role: role, Name: d.name})
	})
}

func (w *World) tickets() step.Ticket {
	w.wishes++
	return w.wishes
}

func (w *World) ask(wish node.FolderEvent) {
	if w.devices[0].running() {
		w.devices[0].handle(wish)
	}
}

// restoreRoles gives everybody the first role again.
func (w *World) restoreRoles() {
	if w.options.Decisions == 0 {
		return
	}
	for _, d := range w.devices[1:] {
		w.ask(roster.ShareAsked{Ticket: w.tickets(), Device: d.id, Role: w.roleOf(d), Name: d.name})
	}
}

// revert lets readers put the members' version back.
func (w *World) revert() {
	for _, d := range w.devices {
		if d.running() && d.core.Snapshot().Folder.Locals > 0 {
			d.handle(folder.RevertAsked{Ticket: w.tickets()})
		}
	}
}

// checkServes: nobody tells anything of the folder to a device that, by what the teller has
// kept of the owners' word, does not share it. The map is judged anew, apart from the core.
func (w *World) checkServes(e *end, what any) {
	d, to := e.device, e.other.device
	if d.key == nil || !d.running() {
		return
	}
	if d.judged != len(d.roll) || d.rolls == nil {
		m, err := members.ParseMap(w.folder, d.roll)
		if err != nil {
			w.fail("what was saved can be read", "%s: %v", d.name, err)
			return
		}
		d.rolls, d.judged = m, len(d.roll)
	}
	if d.rolls.Mentions(to.id) && d.rolls.Role(to.id) == members.None ||
		d.rolls.Mentions(d.id) && d.rolls.Role(d.id) == members.None {
		w.fail("nobody serves a folder to a non-member", "%s sends %s to %s", d.name, text(what), to.name)
	}
}

// aboutMembers reports whether a message may be told to those who are no members.
func aboutMembers(m wire.Message) bool {
	switch m.(type) {
	case wire.Refuse, wire.Roster, wire.Records, wire.NoPiece, wire.CancelPieces:
		return true
	}
	return false
}
