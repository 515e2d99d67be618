package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	second = step.Instant(time.Second)

	ours, theirs       = ident.ReplicaID(1), ident.ReplicaID(2)
	ourLog, aliceLog   = ident.LogID(11), ident.LogID(22)
	connected, rejoins = uint64(1), uint64(2)
)

var alice, bob, stranger = ident.DeviceID{'a'}, ident.DeviceID{'b'}, ident.DeviceID{'x'}

// bench is a folder of two members. Its first scan is over, and alice
// shares it on a link.
type bench struct {
	t    *testing.T
	node *Folder
}

func newBench(t *testing.T) *bench {
	cfg := folder.Config{
		Folder: ident.FolderID{7}, Device: ident.DeviceID{'m'}, Index: newIndex(), Summary: &summary.Tree{},
		State: tree.State{Replica: ours, Log: ourLog},
	}
	who := roster.Config{Map: members.NewMap(cfg.Folder), Hand: []ident.DeviceID{bob, alice}}
	n, err := NewFolder(cfg, who, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, node: n}
	look := n.Tick(0)[0].(settle.ScanFolder)
	b.do(ScanFinished{Full: true, Look: settle.LookFinished{Ticket: look.Ticket}}, "folder.LoadNeeds")
	b.do(folder.NeedsLoaded{End: true}, "")
	b.commit()
	b.do(PeerConnected{alice, connected}, "a: Roster, a: Join, a: Horizon")
	b.hear(alice, join(), "a: State")
	b.hear(alice, wire.Horizon{Life: 1}, "")
	b.hear(alice, wire.State{Root: [32]byte{2}}, "")
	return b
}

func join() wire.Join {
	return wire.Join{Replica: theirs, Log: aliceLog, Root: [32]byte{2}, Call: 1, Answers: 1, TookLog: ourLog}
}

func (b *bench) do(e FolderEvent, want string) {
	b.t.Helper()
	if got := show(b.node.Handle(0, e)); got != want {
		b.t.Fatalf("%T:\n got  %s\n want %s", e, got, want)
	}
}

func (b *bench) hear(from ident.DeviceID, m wire.Message, want string) {
	b.t.Helper()
	b.do(MessageHeard{Device: from, Message: m}, want)
}

// commit says that the index is durable and returns what that lets go.
func (b *bench) commit() string {
	return show(b.node.Handle(0, folder.Committed{}))
}

// route hands an effect of a core to the table.
func (b *bench) route(effect any, want string) {
	b.t.Helper()
	b.node.out = b.node.out[:0]
	b.node.queue = append(b.node.queue, effect)
	b.node.route()
	if got := show(b.node.out); got != want {
		b.t.Fatalf("%T:\n got  %s\n want %s", effect, got, want)
	}
}

func (b *bench) said(f peer.Effect, want string) {
	b.t.Helper()
	b.route(peerEffect{alice, f}, want)
}

// looks returns the names that settle has looked at next.
func (b *bench) looks() []string {
	for range 10 {
		for _, f := range b.node.Tick(b.node.Deadline()) {
			if s, ok := f.(settle.ScanNames); ok {
				slices.Sort(s.Paths)
				return s.Paths
			}
		}
	}
	return nil
}

func show(effects []FolderEffect) string {
	var out []string
	for _, f := range effects {
		switch f := f.(type) {
		case SendTo:
			out = append(out, fmt.Sprintf("%c: %s", f.Device[0], strings.TrimPrefix(fmt.Sprintf("%T", f.Message), "wire.")))
		case folder.Notice: // for people
		default:
			out = append(out, strings.TrimPrefix(fmt.Sprintf("%T", f), "node."))
		}
	}
	return strings.Join(out, ", ")
}

// file is a small file that alice wrote.
func file(n byte) tree.Entry {
	dot := version.Dot{Replica: theirs, Counter: uint64(n)}
	seen := version.Vector{dot}
	v := version.Version{Dot: dot, Seen: seen, Stamp: version.Stamp{Time: version.Hybrid(n), Replica: theirs}}
	e := tree.Entry{ID: ident.EntryID{n}, Kind: tree.File}
	e.Place = tree.Placement{Version: v, Context: seen, Name: fmt.Sprint("file ", n)}
	e.Content = tree.Content{Version: v, Context: seen, ID: ident.ContentID{n}, Size: 100}
	e.Attrs = tree.Attributes{Version: v, Context: seen, Mode: 0o644}
	return e
}

// rows is alice telling of file n, whose content she has or not.
func rows(n byte, has bool) wire.Rows {
	return wire.Rows{
		Log: aliceLog, After: uint64(n) - 1, Upto: uint64(n), Entries: []tree.Entry{file(n)}, Has: []bool{has},
	}
}

func TestFolderToSettle(t *testing.T) {
	b := newBench(t)
	b.route(folder.LookAt{Paths: []string{"a"}, After: time.Minute}, "")
	if got := b.looks(); !slices.Equal(got, []string{"a"}) || b.node.now != 60*second {
		t.Fatalf("looks at %q", got)
	}
	b = newBench(t)
	b.do(settle.NamesTouched{Paths: []string{"from/x"}}, "")
	b.route(folder.NameMoved{From: "from", To: "to"}, "")
	for range 3 {
		got := b.looks()
		if slices.Contains(got, "to/x") {
			return
		}
		b.node.Handle(b.node.now, ScanFinished{Look: settle.LookFinished{Ticket: 2}})
	}
	t.Fatal("what was moved is not looked at in its new place")
}

func TestWhatWasPlacedReachesSettle(t *testing.T) {
	b := newBench(t)
	b.do(settle.NamesTouched{Paths: []string{"a"}}, "")
	if got := b.looks(); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("looks at %q", got)
	}
	b.route(folder.NamePlaced{Path: "a"}, "")
	b.node.Handle(b.node.now, ScanFinished{Look: settle.LookFinished{Ticket: 2}})
	if got := b.looks(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("after it was placed, %q is looked at", got)
	}
}

func TestFolderToSwarm(t *testing.T) {
	b := newBench(t)
	content := ident.ContentID{5}
	b.route(folder.FetchContent{Content: content, Size: 100}, "a: WantHave")
	b.hear(alice, wire.Have{Items: []wire.HaveItem{{Content: content, All: true}}}, "swarm.AskPieces")
	b.route(folder.DropContent{Content: content}, "folder.DropContent, swarm.CancelPieces")
	b.hear(alice, wire.WantHave{Contents: []ident.ContentID{content}}, "swarm.CheckHaves")
	b.route(folder.ContentsHeld{Contents: []ident.ContentID{content}}, "a: Have")
}

func TestOldContentReachesTheStage(t *testing.T) {
	o := &folder.OldContent{Path: "p", Content: ident.ContentID{1}, Stat: tree.Stat{Size: 3}}
	if got := old(o); got.Path != o.Path || got.Content != o.Content || got.Stat != o.Stat {
		t.Fatalf("got %+v", got)
	}
	if old(nil) != nil {
		t.Fatal("an old content out of nothing")
	}
}

func TestFolderToPeers(t *testing.T) {
	b := newBench(t)
	b.route(folder.ReplicasLearnt{Replicas: []tree.Replica{{ID: 9}}}, "a: Replicas") // bob is away
	b.route(folder.RowsTaken{From: alice, Log: aliceLog, Upto: 3}, "a: RowsTaken")
	b.route(folder.RowsTaken{From: stranger}, "")
}

func TestSwarmToFolderAndWorld(t *testing.T) {
	b := newBench(t)
	content := ident.ContentID{1}
	b.route(swarm.Send{Peer: alice, Message: wire.WantHave{}}, "a: WantHave")
	b.route(swarm.ContentReady{Contents: []ident.ContentID{{99}}}, "folder.DropContent") // nobody wants it
	for _, f := range []FolderEffect{
		folder.Execute{}, folder.RecallOrders{}, folder.LoadNeeds{}, settle.ScanNames{}, settle.ScanFolder{},
		swarm.AskPieces{}, swarm.CancelPieces{}, swarm.FindRecipe{}, swarm.OpenStage{}, swarm.CheckHaves{},
		swarm.PeerBanned{},
	} {
		b.route(f, fmt.Sprintf("%T", f))
	}
	b.hear(alice, rows(1, false), "a: WantHave")
	b.commit()
	b.route(swarm.ContentFailed{Content: content, Cause: swarm.DiskFull, Reason: "full"}, "")
	if got := b.node.Snapshot().Troubles; len(got) != 1 || got[0].Kind != folder.VolumeFull || got[0].Reason != "full" {
		t.Fatalf("troubles are %+v", got)
	}
}

func TestCausesAreTroubles(t *testing.T) {
	for cause, want := range map[swarm.Cause]folder.TroubleKind{
		swarm.NoHolder: folder.ContentMissing, swarm.DiskFailed: folder.DiskFailure, swarm.DiskFull: folder.VolumeFull,
	} {
		if troubles[cause] != want {
			t.Errorf("cause %d is trouble %v, want %v", cause, troubles[cause], want)
		}
	}
}

func TestPeerToWorld(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		effect peer.Effect
		want   string
	}{
		{peer.Send{Message: wire.State{}}, "a: State"},
		{peer.LoadRows{After: 3, Limit: 9}, "LoadRows"},
		{peer.ServePieces{Items: make([]wire.PieceAsk, 1)}, "swarm.Serve"},
		{peer.ServeRecipes{Contents: make([]ident.ContentID, 1)}, "ServeRecipes"},
		{peer.RolledBack{}, "RenewReplica"},
		{peer.AwayTooLong{}, "RenewReplica"},
		{peer.Drop{Reason: "r"}, "DropPeer"},
		{peer.Content{Message: wire.WantHave{Contents: make([]ident.ContentID, 1)}}, "swarm.CheckHaves"},
	} {
		b.said(c.effect, c.want)
	}
	b.said(peer.LoadRows{After: 3, Limit: 9}, "LoadRows")
	if got := b.node.out[0].(LoadRows); got != (LoadRows{alice, 3, 9}) {
		t.Fatalf("loads %+v", got)
	}
}

// Rows say who holds what before they say what is needed: a small file is asked for at once.
func TestPeerToFolderAndSwarm(t *testing.T) {
	b := newBench(t)
	b.said(peer.TakeRows{Rows: rows(1, true)}, "swarm.AskPieces")
	if got := b.node.folder.Cursor(alice); got.Log != aliceLog || got.Seq != 1 {
		t.Fatalf("the cursor is %+v", got)
	}
	b.said(peer.PeerLeft{}, "swarm.CancelPieces")
	b.said(peer.PeerJoined{}, "a: WantHave")
	b.said(peer.TakeReplicas{Replicas: []tree.Replica{{ID: theirs, Name: "nine"}}}, "a: Replicas")
	if got := b.node.folder.Replicas(); len(got) != 1 || got[0].Name != "nine" {
		t.Fatalf("replicas are %+v", got)
	}
	known := version.Vector{{Replica: theirs, Counter: 40}}
	made := known // up, of replicas that nobody has named
	for i := range ident.ReplicaID(9000) {
		made = made.With(version.Dot{Replica: theirs + 1 + i, Counter: 1})
	}
	b.said(peer.TakeKnowledge{Log: aliceLog, Head: 1, Knowledge: made}, "")
	b.commit()
	if got := b.node.Snapshot().Folder.Knowledge; !got.CoversAll(known) || len(got) != 4001 {
		t.Fatalf("we know of %d replicas", len(got))
	}
}

// What nobody had may be had of whoever arrives.
func TestArrivalRetriesWhatWasMissing(t *testing.T) {
	b := newBench(t)
	b.hear(alice, rows(1, false), "a: WantHave")
	b.commit()
	b.route(swarm.ContentFailed{Content: ident.ContentID{1}, Cause: swarm.NoHolder}, "")
	b.said(peer.PeerLeft{}, "")
	b.node.swarm.Handle(0, swarm.ContentDropped{Content: ident.ContentID{1}})
	b.said(peer.PeerJoined{}, "a: WantHave")
}

func TestPeerThatBeganAnew(t *testing.T) {
	b := newBench(t)
	anew := join()
	anew.Answers = 0
	b.hear(alice, anew, "a: Join, a: Horizon, a: State")
	if m := b.node.Snapshot().Members[0]; m.Device != alice || !m.Linked || !m.Joined || m.Refused {
		t.Fatalf("alice stands as %+v", m)
	}
}

// No peer fills the index with replicas: what is beyond the limits is neither recorded nor
// passed on. One device alone cannot take the places of all.
func TestReplicasAreBounded(t *testing.T) {
	b := newBench(t)
	next, from := ident.ReplicaID(1000), ident.DeviceID{}
	tell := func(count int, by func(i int) ident.DeviceID) int {
		told := make([]tree.Replica, count)
		for i := range told {
			next++
			told[i] = tree.Replica{ID: next, Device: by(i)}
		}
		b.node.toFolder(folder.ReplicasHeard{From: from, Replicas: told})
		b.node.route()
		return len(b.node.folder.Replicas())
	}
	one := func(int) ident.DeviceID { return ident.DeviceID{1} }
	many := func(i int) ident.DeviceID { return ident.DeviceID{2, byte(i), byte(i >> 8)} }
	from = ident.DeviceID{1}
	tell(1000, one)
	if got := tell(1000, one); got != 256 {
		t.Errorf("%d replicas of one device are known", got)
	}
	from = ident.DeviceID{9}
	before := len(b.node.folder.Replicas())
	tell(wire.ReplicasMax, many)
	if got := tell(wire.ReplicasMax, many) - before; got != 1000 {
		t.Errorf("%d replicas of strangers are taken from one device", got)
	}
	for i := range byte(3) {
		from = ident.DeviceID{3, i}
		tell(wire.ReplicasMax, many)
	}
	if got := len(b.node.folder.Replicas()); got != wire.ReplicasMax {
		t.Errorf("%d replicas are known", got)
	}
	b.said(peer.TakeReplicas{Replicas: []tree.Replica{{ID: 9, Device: ident.DeviceID{3}}}}, "")
}
