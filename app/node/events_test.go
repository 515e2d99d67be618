package node

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/wire"
)

func TestStrangersHearOnlyThatTheyAreNoMembers(t *testing.T) {
	b := newBench(t)
	b.do(PeerConnected{stranger, connected}, "")
	b.hear(stranger, join(), "x: Refuse")
	b.hear(stranger, wire.WantHave{Contents: make([]ident.ContentID, 1)}, "")
	b.hear(stranger, rows(1, true), "")
	b.do(roster.ShareAsked{Device: stranger}, "roster.Answered, roster.Changed, x: Roster, x: Join, x: Horizon")
	b.do(roster.ShareAsked{Device: stranger}, "roster.Answered")
	b.do(roster.UnshareAsked{Device: stranger}, "x: Refuse, roster.Changed, roster.Answered")
	b.do(roster.UnshareAsked{Device: stranger}, "roster.Answered")
	b.do(roster.UnshareAsked{Device: bob}, "roster.Changed, roster.Answered") // away
}

func TestPausedWithADevice(t *testing.T) {
	b := newBench(t)
	b.do(PauseChanged{Devices: []ident.DeviceID{alice}}, "a: Refuse")
	if m := b.node.Snapshot().Members[0]; m.Device != alice || m.Joined || !m.Linked {
		t.Fatalf("alice stands as %+v", m)
	}
	b.hear(alice, rows(1, true), "")
	b.hear(alice, join(), "a: Refuse")
	b.do(PauseChanged{All: true}, "") // bob is away, alice has been told
	b.do(PeerConnected{alice, rejoins}, "a: Roster")
	b.do(PauseChanged{Devices: []ident.DeviceID{bob}}, "a: Join, a: Horizon")
	anew := join()
	anew.Answers = 0
	b.hear(alice, anew, "a: State")
	b.do(PeerConnected{bob, connected}, "b: Roster")
	b.do(PauseChanged{}, "b: Join, b: Horizon")
}

func TestALinkIsOpenedOnce(t *testing.T) {
	b := newBench(t)
	b.do(PeerConnected{alice, connected}, "")
	b.do(PeerConnected{alice, rejoins}, "a: Roster, a: Join, a: Horizon")
	b.do(PeerLost{alice}, "")
	b.hear(alice, join(), "")
	if m := b.node.Snapshot().Members[0]; m.Linked || m.Joined {
		t.Fatalf("alice stands as %+v", m)
	}
	b.do(PeerConnected{alice, rejoins}, "a: Roster, a: Join, a: Horizon")
}

func TestAnswersReachTheConversation(t *testing.T) {
	b := newBench(t)
	b.hear(alice, wire.AskPieces{Items: make([]wire.PieceAsk, wire.AskMax)}, "swarm.Serve")
	for range 3 {
		b.node.Handle(0, MessageHeard{Device: alice, Message: wire.AskPieces{Items: make([]wire.PieceAsk, wire.AskMax)}})
	}
	one := wire.AskPieces{Items: make([]wire.PieceAsk, 1)}
	b.hear(alice, one, "a: NoPiece")
	b.do(PiecesServed{Device: alice, Count: 1, Pieces: 1}, "")
	b.hear(alice, one, "swarm.Serve")
	// A page nobody waits for any more.
	b.do(RowsLoaded{alice, peer.RowsLoaded{After: 5, Upto: 6}}, "")
}

// What is recorded is told once it is durable, not before.
func TestCommittedTellsPeers(t *testing.T) {
	b := newBench(t)
	b.hear(alice, rows(1, true), "swarm.AskPieces")
	if got := b.commit(); got != "a: RowsTaken, LoadRows" {
		t.Fatalf("told %s", got)
	}
	if at := b.node.Deadline(); at > second {
		t.Fatalf("the State is due at %v", time.Duration(at))
	}
}

func TestSyncIsAnsweredBehindWhatCameBefore(t *testing.T) {
	b := newBench(t)
	b.do(Sync{4}, "Synced")
	d := NewDevice(ident.DeviceID{'m'}, rand.New(rand.NewPCG(1, 2)))
	if got := d.Handle(0, Sync{4}); len(got) != 1 || got[0] != (Synced{4}) {
		t.Fatalf("got %v", got)
	}
}

func TestWrongEventsAreBugs(t *testing.T) {
	b := newBench(t)
	defer func() {
		if recover() == nil {
			t.Fatal("an unknown event was taken")
		}
	}()
	b.node.Handle(0, folder.Snapshot{})
}

// device returns a device that trusts alice.
func device() *Device {
	d := NewDevice(ident.DeviceID{'m'}, rand.New(rand.NewPCG(1, 2)))
	d.Handle(0, route.DeviceTrusted{Device: alice})
	return d
}

// dials runs a device until it dials.
func dials(t *testing.T, d *Device, effects []DeviceEffect) route.Dial {
	t.Helper()
	for range 20 {
		for _, f := range effects {
			if dial, ok := f.(route.Dial); ok {
				return dial
			}
		}
		effects = d.Tick(d.Deadline())
	}
	t.Fatal("nobody is called")
	return route.Dial{}
}

func TestAddressesAreDialledAndTheBookLearnsHowItEnded(t *testing.T) {
	first, other := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2")
	for _, worked := range []bool{true, false} {
		d := device()
		d.Handle(0, book.AddressHeard{Device: alice, Addr: other, Source: book.Seen, Lasts: time.Hour})
		dial := dials(t, d, d.Handle(0, book.AddressHeard{Device: alice, Addr: first, Source: book.Seen, Lasts: time.Hour}))
		if worked {
			d.Handle(d.now, route.LinkUp{Device: alice, Link: 1, Addr: dial.Addr, Ticket: dial.Ticket})
		} else {
			d.Handle(d.now, route.DialFailed{Ticket: dial.Ticket, Reason: "no"})
		}
		if got := d.Addresses(alice); len(got) != 2 || (got[0] == dial.Addr) != worked {
			t.Errorf("dialled %v, worked %v: now %v", dial.Addr, worked, got)
		}
		if _, open := d.dials[dial.Ticket]; open {
			t.Error("a dial that ended is remembered")
		}
		d.Handle(d.now, route.DeviceForgotten{Device: alice})
		if got := d.Addresses(alice); len(got) != 0 {
			t.Errorf("alice is forgotten, and still at %v", got)
		}
	}
}
