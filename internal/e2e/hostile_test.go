//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/wire"
)

// hostile is a member that claims to hold whatever it is asked about.
type hostile struct {
	stranger
	folder ident.FolderID
	// answers says what it sends when it is asked for pieces; nil lets the asker wait.
	answers func(wire.PieceAsk) []wire.Message
	asked   atomic.Int64 // pieces it was asked for
}

// newHostile makes a device and lets it into the folder of an agent.
func newHostile(t *testing.T, a *agent, name string, seed uint64, answers func(wire.PieceAsk) []wire.Message) *hostile {
	t.Helper()
	h := &hostile{stranger: newStranger(t, seed), folder: a.folder().ID, answers: answers}
	a.command("device", "add", h.id.String(), "--name", name).done(t)
	a.command("folder", "share", shared, name).done(t)
	link, err := h.dial(a)
	must(t, err)
	t.Cleanup(func() { link.Close("test over") })
	go func() {
		_ = link.Receive(func(frame []byte) error { return h.heard(link, frame) })
	}()
	must(t, link.Send(direct.Metadata, wire.Append(nil, wire.Ping{Nonce: 1})))
	join := wire.Append(nil, wire.Join{Folder: h.folder, Replica: ident.ReplicaID(1000 + seed), Log: ident.LogID(2000 + seed)})
	must(t, link.Send(direct.Metadata, join))
	return h
}

func (h *hostile) heard(link *direct.Link, frame []byte) error {
	m, err := wire.Parse(frame)
	if err != nil {
		return nil
	}
	say := func(m wire.Message) error { return link.Send(direct.Metadata, wire.Append(nil, m)) }
	switch m := m.(type) {
	case wire.Ping:
		return say(wire.Pong(m))
	case wire.WantHave:
		have := wire.Have{Folder: h.folder}
		for _, content := range m.Contents {
			have.Items = append(have.Items, wire.HaveItem{Content: content, All: true})
		}
		return say(have)
	case wire.AskPieces:
		h.asked.Add(int64(len(m.Items)))
		for _, item := range m.Items {
			if h.answers == nil {
				continue
			}
			for _, answer := range h.answers(item) {
				if err := say(answer); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// garbage is a piece of the right length.
func garbage(ask wire.PieceAsk) (slices []wire.Message) {
	for at := 0; at < int(ask.Size); at += wire.SliceMax {
		body := noise(ask.Ticket+uint64(at), min(wire.SliceMax, int(ask.Size)-at))
		slices = append(slices, wire.Slice{Ticket: ask.Ticket, Offset: uint32(at), Body: body})
	}
	return slices
}

// swarmPeer is a device as shoal swarm shows it.
type swarmPeer struct {
	Device  ident.DeviceID
	State   string
	BytesIn int64 `json:"bytes_in"`
}

// inSwarm is what an agent says of one of its peers.
func (a *agent) inSwarm(id ident.DeviceID) (swarmPeer, error) {
	a.t.Helper()
	var told struct{ Peers []swarmPeer }
	a.command("swarm", shared).done(a.t).into(a.t, &told)
	for _, p := range told.Peers {
		if p.Device == id {
			return p, nil
		}
	}
	return swarmPeer{}, fmt.Errorf("it is not among the %d peers", len(told.Peers))
}

// TestHostileMembers: two members claim to have everything; one sends garbage, the other one
// nothing. The file comes from the member that has it, and people can see why not from them.
func TestHostileMembers(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	liar := newHostile(t, b, "liar", 41, garbage)
	silent := newHostile(t, b, "silent", 42, nil)
	for _, h := range []*hostile{liar, silent} {
		b.eventually(patience, "it is taken for a member", func() error { _, err := b.inSwarm(h.id); return err })
	}
	a.command("config", "set", "limit_lan", "on").done(t)
	a.command("config", "set", "limit_up", "300KB/s").done(t) // until it was seen how it comes
	said := b.listenTo(0)
	a.drop("film", 24<<20)
	b.eventually(patience, "the liar is found out", func() error {
		p, err := b.inSwarm(liar.id)
		if err == nil && p.State != "banned" {
			err = fmt.Errorf("its state is %s", p.State)
		}
		return err
	})
	b.eventually(patience, "the status shows pieces of the film, and who sends them", func() error {
		if !b.showsMoving(a) {
			return fmt.Errorf("it shows %+v", b.folder().Moving)
		}
		return nil
	})
	a.command("config", "set", "limit_up", "6MB/s").done(t)
	b.eventually(patience, "bert has the film", func() error {
		if !b.exists("film") {
			return errors.New("it is not there")
		}
		return nil
	})
	equal(a, b)
	if n := liar.asked.Load(); n == 0 || n > 64 {
		t.Errorf("the liar was asked for %d pieces", n)
	}
	if n := silent.asked.Load(); n == 0 || n > 64 {
		t.Errorf("the silent one was asked for %d pieces", n)
	}
	if p, err := b.inSwarm(silent.id); err != nil || p.BytesIn != 0 {
		t.Errorf("of the silent one bert says %+v, %v", p, err)
	}
	told := 0
	for _, e := range said.events() {
		if e.Kind == status.ItemProgress && e.Path == "film" && len(e.Moving.Items) == 1 && len(e.Moving.Items[0].Map) > 0 {
			told++
		}
	}
	if told == 0 || told > 10 {
		t.Errorf("%d events told how much of the film was there, want some, one for each tenth at most", told)
	}
}

// showsMoving reports whether the status tells of a film that is half here, and who sends.
func (a *agent) showsMoving(from *agent) bool {
	a.t.Helper()
	m := a.folder().Moving
	if m == nil {
		return false
	}
	for _, item := range m.Items {
		for _, p := range m.Peers {
			if item.Name == "film" && item.Have > 0 && item.Have < item.Pieces && p.Device.String() == from.id && p.RateIn > 0 {
				return true
			}
		}
	}
	return false
}
