package peer

import (
	"math/rand/v2"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// side is one end of a pair: a core, its log, and what it was sent and has not heard yet.
type side struct {
	core   *Core // nil: the folder is not shared here now
	other  *side
	stand  Standing
	took   tree.Cursor
	inbox  []wire.Message
	joined bool // as the swarm was told
	broken string
}

// pair joins two cores by one link, as two nodes would.
type pair struct {
	sides [2]*side
	now   step.Instant
	said  int
	joins int
}

func newPair(rows uint64) *pair {
	p := &pair{}
	for i := range p.sides {
		n := uint64(i + 1)
		p.sides[i] = &side{stand: Standing{
			Replica: ident.ReplicaID(n), Log: ident.LogID(n), Lives: tree.Lives{{ID: n}}, Head: rows, Counter: rows, Root: [32]byte{byte(n)},
		}}
	}
	p.sides[0].other, p.sides[1].other = p.sides[1], p.sides[0]
	return p
}

// start opens the conversation with a core that remembers nothing, as after a restart.
func (p *pair) start(s *side) {
	s.core, s.joined = New(ident.FolderID{7}, ident.DeviceID{8}), false
	p.open(s)
}

func (p *pair) open(s *side) {
	p.act(s, s.core.Handle(p.now, Opened{Standing: s.stand, Cursor: s.took}))
}

// relink loses the link with all that is on its way, and opens another.
func (p *pair) relink() {
	for _, s := range p.sides {
		s.inbox = nil
		if s.core != nil {
			s.joined = false
			p.act(s, s.core.Handle(p.now, Closed{}))
		}
	}
	for _, s := range p.sides {
		if s.core != nil {
			p.open(s)
		}
	}
}

// pause ends the sharing on one side; the other hears of it when it speaks.
func (p *pair) pause(s *side) {
	s.core = nil
	p.say(s, wire.Refuse{Reason: wire.FolderPaused})
}

func (p *pair) say(s *side, m wire.Message) {
	p.said++
	if _, join := m.(wire.Join); join {
		p.joins++
	}
	s.other.inbox = append(s.other.inbox, m)
}

// deliver lets a side hear the oldest message to it.
func (p *pair) deliver(s *side) bool {
	if len(s.inbox) == 0 {
		return false
	}
	m := s.inbox[0]
	s.inbox = s.inbox[1:]
	if s.core != nil {
		p.act(s, s.core.Handle(p.now, Heard{m, everything}))
	} else if _, join := m.(wire.Join); join {
		p.say(s, wire.Refuse{Reason: wire.FolderPaused})
	}
	return true
}

func (p *pair) act(s *side, effects []Effect) {
	for _, f := range append([]Effect(nil), effects...) {
		switch f := f.(type) {
		case Send:
			p.say(s, f.Message)
		case LoadRows:
			upto := min(f.After+uint64(f.Limit), s.stand.Head)
			loaded := page(f.After, upto)
			for i := range loaded.Rows {
				loaded.Rows[i] = row(loaded.Rows[i].Seq, s.stand.Replica)
			}
			p.act(s, s.core.Handle(p.now, loaded))
		case TakeStanding:
			if s.took.Log != f.Log || s.took.Seq > f.Head {
				s.took = tree.Cursor{Log: f.Log} // it lacks everything
				p.act(s, s.core.Handle(p.now, RowsRecorded{Log: s.took.Log}))
			}
		case TakeRows:
			if s.took.Log != f.Rows.Log {
				s.took = tree.Cursor{Log: f.Rows.Log}
			}
			if f.Rows.After <= s.took.Seq {
				s.took.Seq = max(s.took.Seq, f.Rows.Upto)
			}
			p.act(s, s.core.Handle(p.now, RowsRecorded{Log: s.took.Log, Upto: s.took.Seq}))
		case PeerJoined:
			if s.joined {
				s.broken = "joined twice"
			}
			s.joined = true
		case PeerLeft:
			if !s.joined {
				s.broken = "left without having joined"
			}
			s.joined = false
		case Renew:
			p.open(s)
			p.act(s, s.core.Handle(p.now, Heard{f.Join, everything}))
		case Drop:
			s.broken = f.Reason
		}
	}
}

// settle delivers all there is, and reports false when it does not end.
func (p *pair) settle() bool {
	for range 2000 {
		if !p.deliver(p.sides[0]) && !p.deliver(p.sides[1]) {
			return true
		}
	}
	return false
}

func (p *pair) check(t *testing.T, seed uint64) {
	t.Helper()
	for i, s := range p.sides {
		switch {
		case s.broken != "":
			t.Fatalf("seed %d, side %d: %s", seed, i, s.broken)
		case !s.core.Connected() || !s.joined:
			t.Fatalf("seed %d, side %d: connected %v, joined %v", seed, i, s.core.Connected(), s.joined)
		case s.took.Seq != s.other.stand.Head:
			t.Fatalf("seed %d, side %d: took %d rows of %d", seed, i, s.took.Seq, s.other.stand.Head)
		}
	}
}

func TestPairMeets(t *testing.T) {
	p := newPair(9000)
	p.start(p.sides[0])
	p.start(p.sides[1])
	if !p.settle() {
		t.Fatal("they do not stop talking")
	}
	p.check(t, 0)
	// A Join, a Horizon, a State, nine Rows and ten RowsTaken from each: the first of these
	// says where to begin.
	if p.joins != 2 || p.said != 44 {
		t.Fatalf("%d Joins in %d messages", p.joins, p.said)
	}
}

func TestPairMeetsAfterARestartOnOneSide(t *testing.T) {
	p := newPair(3)
	p.start(p.sides[0])
	p.start(p.sides[1])
	p.settle()
	p.said, p.joins = 0, 0
	p.start(p.sides[0])
	if !p.settle() {
		t.Fatal("they do not stop talking")
	}
	p.check(t, 0)
	if p.joins != 2 || p.said != 6 {
		t.Fatalf("%d Joins in %d messages: each joins once and tells how it stands", p.joins, p.said)
	}
}

// Whatever restarts, pauses and comes back on one link, in whatever order what was said is
// heard: in the end both have joined and have all rows, and they did not talk without end.
func TestPairMeetsWhateverHappened(t *testing.T) {
	for seed := range uint64(3000) {
		chance := rand.New(rand.NewPCG(seed, 1))
		p := newPair(2)
		breaks := 2
		for range chance.IntN(30) {
			s := p.sides[chance.IntN(2)]
			switch n := chance.IntN(10); {
			case n == 0 && s.core != nil:
				breaks++
				p.pause(s)
			case n <= 2:
				breaks++
				p.start(s)
			case n == 3:
				breaks += 2
				p.relink()
			default:
				p.deliver(s)
			}
		}
		for _, s := range p.sides {
			if s.core == nil {
				breaks++
				p.start(s)
			}
		}
		if !p.settle() {
			t.Fatalf("seed %d: they do not stop talking", seed)
		}
		p.check(t, seed)
		if p.joins > 4*breaks {
			t.Fatalf("seed %d: %d Joins for %d beginnings", seed, p.joins, breaks)
		}
	}
}
