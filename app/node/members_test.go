package node

import (
	"crypto/ed25519"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// ownedBench is a bench in a folder that this device owns; alice has the given role.
func ownedBench(t *testing.T, role members.Role) *bench {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	var public [32]byte
	copy(public[:], key.Public().(ed25519.PublicKey))
	own := ident.DeviceFromKey(public[:])
	founding := members.Founding{Founder: own}
	m := members.NewMap(founding.Folder())
	if err := m.Found(founding); err != nil {
		t.Fatal(err)
	}
	r, err := m.Compose(public, alice, role, "alice")
	if err != nil {
		t.Fatal(err)
	}
	copy(r.Sign[:], ed25519.Sign(key, r.ToSign(founding.Folder())))
	if _, err := m.Add(r); err != nil {
		t.Fatal(err)
	}
	cfg := folder.Config{
		Folder: founding.Folder(), Device: own, Index: newIndex(), Summary: &summary.Tree{},
		State: tree.State{Replica: ours, Log: ourLog},
	}
	n, err := NewFolder(cfg, roster.Config{Key: public, Map: m}, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, node: n}
	look := n.Tick(0)[0].(settle.ScanFolder)
	b.do(ScanFinished{Full: true, Look: settle.LookFinished{Ticket: look.Ticket}}, "folder.LoadNeeds")
	b.do(folder.NeedsLoaded{End: true}, "")
	b.commit()
	b.do(PeerConnected{alice, connected}, "a: Roster, a: Join, a: Horizon")
	b.node.Handle(0, MessageHeard{Device: alice, Message: join()})
	return b
}

// TestAReaderForgesNothing: whatever a program says that is a reader's, nothing of it is
// recorded, and no claim about what it knows is believed.
func TestAReaderForgesNothing(t *testing.T) {
	for _, role := range []members.Role{members.Writer, members.Reader} {
		b := ownedBench(t, role)
		before := b.node.Snapshot().Folder
		for _, m := range []wire.Message{
			rows(1, true),
			wire.State{Head: 1, Root: [32]byte{3}, Knowledge: version.Vector{{Replica: theirs, Counter: 7}}},
			wire.Found{Repair: 2, Entries: []tree.Entry{file(2)}, Has: []bool{true}, Last: true},
			wire.Parts{Repair: 2, Parts: []summary.Part{{}}},
		} {
			for _, f := range b.node.Handle(0, MessageHeard{Device: alice, Message: m}) {
				if s, ok := f.(SendTo); ok && role == members.Reader {
					t.Errorf("%T of a reader is answered with %T", m, s.Message)
				}
			}
		}
		b.commit()
		after := b.node.Snapshot().Folder
		if took := after.Root != before.Root; took != (role == members.Writer) {
			t.Errorf("entries of a %v: recorded %v", role, took)
		}
		if role == members.Reader && len(after.Knowledge) != 0 {
			t.Errorf("a reader's knowledge is believed: %v", after.Knowledge)
		}
	}
}

// TestAReaderStopsNobody: the claim to know more of this device's writes than there are
// ends a writer's folder, for then its index is old; a reader's claim is nothing.
func TestAReaderStopsNobody(t *testing.T) {
	lie := wire.State{Knowledge: version.Vector{{Replica: ours, Counter: 1 << 40}}}
	b := ownedBench(t, members.Reader)
	b.hear(alice, lie, "")
}

// TestAReaderIsNotAudited: nothing is looked for in a reader's tree, whatever it says of
// its log: an audit takes in what differs. A log of the number 0 passes for the one of a
// device that was never met.
func TestAReaderIsNotAudited(t *testing.T) {
	b := ownedBench(t, members.Reader)
	before := b.node.Snapshot().Folder
	lies := join()
	lies.Log, lies.Call, lies.Answers = 0, 2, 1
	said := b.node.Handle(0, MessageHeard{Device: alice, Message: lies})
	for _, m := range []wire.Message{wire.Horizon{Life: 1}, wire.State{Root: [32]byte{3}}} {
		said = append(said, b.node.Handle(0, MessageHeard{Device: alice, Message: m})...)
	}
	forged := file(2)
	item := summary.ItemOf(forged.ID, tree.Digest(&forged))
	for at, n := step.Instant(0), 0; n < 100 && at < step.Instant(time.Hour); n++ {
		for _, f := range said {
			s, ok := f.(SendTo)
			if !ok {
				continue
			}
			switch m := s.Message.(type) {
			case wire.AskParts:
				parts := []summary.Part{{Count: 1, Items: []summary.Item{item}}}
				b.node.Handle(at, MessageHeard{Device: alice, Message: wire.Parts{Repair: m.Repair, Parts: parts}})
				b.node.Handle(at, MessageHeard{Device: alice, Message: wire.Found{
					Repair: m.Repair, Entries: []tree.Entry{forged}, Has: []bool{true}, Last: true,
				}})
				t.Error("a reader is asked for its tree")
			}
		}
		at = b.node.Deadline()
		said = append([]FolderEffect(nil), b.node.Tick(at)...)
	}
	b.commit()
	if after := b.node.Snapshot().Folder; after.Root != before.Root {
		t.Error("an entry that a reader made up is recorded")
	}
}
