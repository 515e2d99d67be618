package node

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// plainID is the id of one of the many entries that both replicas have.
func plainID(n uint64) (id ident.EntryID) {
	binary.BigEndian.PutUint64(id[:8], n*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// plainEntry is that entry: a file that somebody wrote long ago.
func plainEntry(n uint64) tree.Entry {
	dot := version.Dot{Replica: 77, Counter: n + 1}
	v := version.Version{Dot: dot, Seen: version.Vector{dot}, Stamp: version.Stamp{Time: 1 << 20, Replica: 77}}
	e := tree.Entry{ID: plainID(n), Kind: tree.File}
	e.Place = tree.Placement{Version: v, Context: v.Seen, Name: fmt.Sprintf("file %d", n)}
	e.Content = tree.Content{Version: v, Context: v.Seen, ID: ident.ContentID{1, byte(n)}, Size: 5}
	e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o644, Mtime: 9}
	return e
}

// farIndex is an index of very many plain entries, which it makes up when asked, and of
// those that differ from them.
type farIndex struct {
	plain uint64
	own   map[ident.EntryID]tree.Row
	log   []ident.EntryID // of own, by number above plain
	bases map[ident.EntryID]tree.Base
}

func (x *farIndex) Entry(id ident.EntryID) (tree.Row, bool) {
	if row, ok := x.own[id]; ok {
		return row, row.Seq > 0
	}
	if n := binary.BigEndian.Uint64(id[8:]); n < x.plain && plainID(n) == id {
		return tree.Row{Entry: plainEntry(n), Seq: n + 1}, true
	}
	return tree.Row{}, false
}
func (x *farIndex) Placed(ident.EntryID, string) []tree.Row               { return nil }
func (x *farIndex) Children(ident.EntryID, ident.EntryID, int) []tree.Row { return nil }
func (x *farIndex) Base(id ident.EntryID) (tree.Base, bool)               { b, ok := x.bases[id]; return b, ok }
func (x *farIndex) BaseAt(ident.EntryID, string) []tree.Base              { return nil }
func (x *farIndex) BaseChildren(ident.EntryID, string, int) []tree.Base   { return nil }
func (x *farIndex) Holding(ident.ContentID) (tree.Base, bool)             { return tree.Base{}, false }
func (x *farIndex) Apply(b tree.Batch) {
	for _, row := range b.Rows {
		if old := x.own[row.Entry.ID]; old.Seq != row.Seq {
			x.log = append(x.log, row.Entry.ID)
		}
		x.own[row.Entry.ID] = row
	}
}

// far is one of two replicas with very many entries.
type far struct {
	device ident.DeviceID
	index  *farIndex
	sums   *summary.Tree
	state  tree.State
	cursor tree.Cursor
	node   *Folder
	inbox  []wire.Message
	bytes  int
}

func newFar(n byte, plain uint64) *far {
	f := &far{
		device: ident.DeviceID{n}, sums: &summary.Tree{},
		index: &farIndex{plain: plain, own: map[ident.EntryID]tree.Row{}},
		state: tree.State{
			Replica: ident.ReplicaID(n), Log: ident.LogID(100 + int(n)), Head: plain, Scanned: true,
			Knowledge: version.Vector{{Replica: 77, Counter: plain}},
		},
	}
	for i := range plain {
		e := plainEntry(i)
		f.sums.Set(e.ID, tree.Digest(&e))
	}
	return f
}

// write records an entry that this replica wrote, before the two met.
func (f *far) write(e tree.Entry) {
	f.state.Counter++
	f.state.Head++
	dot := version.Dot{Replica: f.state.Replica, Counter: f.state.Counter}
	e.Content.Dot, e.Content.Seen = dot, e.Content.Context.With(dot)
	e.Content.Context = e.Content.Seen
	e.Content.Stamp = version.Stamp{Time: 1 << 30, Replica: dot.Replica}
	if _, known := f.index.Entry(e.ID); !known {
		e.Place.Version, e.Attrs.Version = e.Content.Version, e.Content.Version
		e.Place.Context, e.Attrs.Context = e.Content.Context, e.Content.Context
	}
	f.state.Knowledge = f.state.Knowledge.With(dot)
	f.index.Apply(tree.Batch{Rows: []tree.Row{{Entry: e, Seq: f.state.Head}}})
	if e.Live() {
		f.sums.Set(e.ID, tree.Digest(&e))
	} else {
		f.sums.Remove(e.ID)
	}
}

func (f *far) start(t testing.TB, other ident.DeviceID) {
	t.Helper()
	cfg := folder.Config{
		Folder: ident.FolderID{7}, Device: f.device, Index: f.index, State: f.state, Summary: f.sums,
		Replicas: []tree.Replica{{ID: 1, Device: ident.DeviceID{1}, Name: "ann's laptop"},
			{ID: 2, Device: ident.DeviceID{2}, Name: "bob's desktop"}},
	}
	if f.cursor.Log != 0 {
		cfg.Cursors = []tree.Cursor{f.cursor}
	}
	var err error
	f.node, err = NewFolder(cfg, roster.Config{Map: members.NewMap(cfg.Folder), Hand: []ident.DeviceID{other}}, rand.New(rand.NewPCG(1, uint64(f.state.Replica))))
	if err != nil {
		t.Fatal(err)
	}
}

// meeting lets two talk, a round trip at a time.
type meeting struct {
	t    testing.TB
	both [2]*far
	now  step.Instant
	said map[string]int
	// rounds is how often what one said was heard and answered until nobody spoke any more.
	rounds int
}

func (m *meeting) act(f *far, effects []FolderEffect) {
	other := m.both[0]
	if other == f {
		other = m.both[1]
	}
	for _, effect := range append([]FolderEffect(nil), effects...) {
		switch e := effect.(type) {
		case SendTo:
			f.bytes += wire.Size(e.Message)
			m.said[fmt.Sprintf("%T", e.Message)]++
			other.inbox = append(other.inbox, e.Message)
		case LoadRows:
			page := peer.RowsLoaded{After: e.After, Upto: f.index.plain + uint64(len(f.index.log))}
			if e.After < f.index.plain {
				m.t.Fatalf("the whole log is sent, from %d", e.After)
			}
			for seq := e.After + 1; seq <= page.Upto; seq++ {
				row := f.index.own[f.index.log[seq-f.index.plain-1]]
				if row.Seq == seq {
					page.Rows, page.Has = append(page.Rows, row), append(page.Has, true)
				}
			}
			m.handle(f, RowsLoaded{other.device, page})
		case folder.LoadDeleted:
			found := folder.FoundEntries{To: e.To, Repair: e.Repair}
			for _, id := range f.index.log {
				if row := f.index.own[id]; !row.Entry.Live() && !row.Entry.KnownBy(e.Knowledge) {
					found.Entries, found.Has = append(found.Entries, row.Entry), append(found.Has, false)
				}
			}
			m.handle(f, found)
		case DropPeer:
			m.t.Fatalf("dropped: %s", e.Reason)
		}
	}
}

func (m *meeting) handle(f *far, event FolderEvent) {
	m.act(f, f.node.Handle(m.now, event))
	m.act(f, f.node.Handle(m.now, folder.Committed{}))
	for f.node.Deadline() <= m.now {
		m.act(f, f.node.Tick(m.now))
	}
}

// meet connects two and lets them talk until both are silent.
func meet(t testing.TB, a, b *far) *meeting {
	m := &meeting{t: t, both: [2]*far{a, b}, said: map[string]int{}}
	a.start(t, b.device)
	b.start(t, a.device)
	m.handle(a, PeerConnected{Device: b.device, Link: 1})
	m.handle(b, PeerConnected{Device: a.device, Link: 1})
	for quiet := 0; quiet < 5; {
		m.now = m.now.Add(100 * time.Millisecond)
		quiet++
		for i, f := range m.both {
			inbox := f.inbox
			f.inbox = nil
			for _, message := range inbox {
				quiet = 0
				frame := wire.Append(nil, message)
				heard, err := wire.Parse(frame)
				if err != nil {
					t.Fatal(err)
				}
				m.handle(f, MessageHeard{Device: m.both[1-i].device, Message: heard, Wall: 1})
			}
			for f.node.Deadline() <= m.now {
				m.act(f, f.node.Tick(m.now))
			}
		}
		if quiet == 0 {
			m.rounds++
		}
	}
	return m
}

func (m *meeting) bytes() int { return m.both[0].bytes + m.both[1].bytes }

func (m *meeting) checkEqual(live int) {
	m.t.Helper()
	if a, b := m.both[0].sums, m.both[1].sums; a.Root() != b.Root() || a.Len() != live {
		m.t.Errorf("%d and %d entries, want %d; equal: %v", a.Len(), b.Len(), live, a.Root() == b.Root())
	}
	for _, f := range m.both {
		for _, id := range f.index.log {
			if row := f.index.own[id]; !f.node.Snapshot().Folder.Knowledge.CoversAll(row.Entry.Content.Context) {
				m.t.Errorf("a replica does not know that it knows %v", row.Entry.Content.Context)
			}
		}
	}
}

// differ lets ten entries of a folder differ: some edited, some new, one deleted on each
// side.
func differ(a, b *far) {
	gone := func(n uint64) tree.Entry {
		e := plainEntry(n)
		e.Content.Deleted, e.Content.SawPlace = true, e.Place.Context
		return e
	}
	for i := range uint64(4) {
		e := plainEntry(1000 + i*77)
		e.Content.ID[31] = 9
		a.write(e)
		e = plainEntry(b.index.plain + 50 + i)
		e.Content.Context = nil
		b.write(e)
	}
	a.write(gone(17))
	b.write(gone(4242))
}

// repairLimits are what is promised: of ten differences, and of none.
func repairLimits(t testing.TB, plain uint64) (m *meeting) {
	a, b := newFar(1, plain), newFar(2, plain)
	a.cursor, b.cursor = tree.Cursor{Device: b.device, Log: 102, Seq: plain}, tree.Cursor{Device: a.device, Log: 101, Seq: plain}
	m = meet(t, a, b)
	m.checkEqual(int(plain))
	if m.bytes() >= 1<<10 || m.rounds > 2 {
		t.Errorf("%d equal entries: %d bytes in %d rounds: %v", plain, m.bytes(), m.rounds, m.said)
	}
	t.Logf("%d equal entries, reconnecting: %d bytes in %d rounds: %v", plain, m.bytes(), m.rounds, m.said)

	a.bytes, b.bytes, a.cursor, b.cursor = 0, 0, tree.Cursor{}, tree.Cursor{Device: a.device, Log: 9, Seq: 5}
	differ(a, b)
	m = meet(t, a, b)
	m.checkEqual(int(plain) - 2 + 4)
	if m.bytes() >= 64<<10 || m.rounds >= 12 {
		t.Errorf("10 differences in %d entries: %d bytes in %d rounds: %v", plain, m.bytes(), m.rounds, m.said)
	}
	t.Logf("10 differences in %d entries, logs lost: %d bytes in %d rounds: %v", plain, m.bytes(), m.rounds, m.said)
	return m
}

func TestRepairOfManyEntries(t *testing.T) { repairLimits(t, 100_000) }

// BenchmarkRepairOfAMillionEntries says what it costs on the wire to find ten differences.
func BenchmarkRepairOfAMillionEntries(b *testing.B) {
	for b.Loop() {
		m := repairLimits(b, 1_000_000)
		b.ReportMetric(float64(m.bytes()), "wire-B")
		b.ReportMetric(float64(m.rounds), "rounds")
	}
}

// A peer whose answers no folder can give is dropped; one that answers an earlier question,
// or what was not asked, is not heard.
func TestAnswersThatCannotBe(t *testing.T) {
	other := ident.DeviceID{2}
	for name, c := range map[string]struct {
		answer func(ask wire.AskParts, deleted wire.AskDeleted) wire.Message
		drops  bool
	}{
		"another subtree": {func(ask wire.AskParts, _ wire.AskDeleted) wire.Message {
			return wire.Parts{Repair: ask.Repair, Parts: make([]summary.Part, 3)}
		}, true},
		"too full a leaf": {func(ask wire.AskParts, _ wire.AskDeleted) wire.Message {
			return wire.Parts{Repair: ask.Repair, Parts: []summary.Part{{Items: make([]summary.Item, 33)}}}
		}, true},
		"no deletes": {func(_ wire.AskParts, deleted wire.AskDeleted) wire.Message {
			return wire.Found{Repair: deleted.Repair, Last: true, After: deleted.After}
		}, false},
		"an earlier repair": {func(ask wire.AskParts, _ wire.AskDeleted) wire.Message {
			return wire.Parts{Repair: ask.Repair - 1, Parts: make([]summary.Part, 3)}
		}, false},
		"entries nobody asked for": {func(ask wire.AskParts, _ wire.AskDeleted) wire.Message {
			e := plainEntry(5000)
			return wire.Found{Repair: ask.Repair, Entries: []tree.Entry{e}, Has: []bool{false}, Last: true}
		}, false},
	} {
		f := newFar(1, 1000)
		f.start(t, other)
		f.node.Handle(0, PeerConnected{Device: other, Link: 1})
		join := wire.Join{Replica: 2, Log: 102, Head: 7, Root: [32]byte{9}, Call: 1, Answers: 1}
		var ask wire.AskParts
		var deleted wire.AskDeleted
		for _, effect := range f.node.Handle(0, MessageHeard{Device: other, Message: join}) {
			if to, ok := effect.(SendTo); ok {
				switch m := to.Message.(type) {
				case wire.AskParts:
					ask = m
				case wire.AskDeleted:
					deleted = m
				}
			}
		}
		if len(ask.Prefixes) != 1 || deleted.Repair == 0 {
			t.Fatalf("%s: asked %+v, %+v", name, ask, deleted)
		}
		dropped := false
		for _, effect := range f.node.Handle(0, MessageHeard{Device: other, Message: c.answer(ask, deleted)}) {
			_, drop := effect.(DropPeer)
			dropped = dropped || drop
		}
		if dropped != c.drops {
			t.Errorf("%s: dropped %v", name, dropped)
		}
		if f.sums.Len() != 1000 {
			t.Errorf("%s: something was taken in", name)
		}
	}
}
