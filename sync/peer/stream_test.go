package peer

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

func taken(upto uint64) wire.RowsTaken { return wire.RowsTaken{Log: ourLog, Upto: upto} }

func TestWindowOfRowsOnTheirWay(t *testing.T) {
	b := openBench(t, 6000, 0)
	b.do(1, page(0, 1000), "rows 0-1000:1000, load 1000")
	b.do(2, page(1000, 2000), "rows 1000-2000:1000, load 2000")
	b.do(3, page(2000, 3000), "rows 2000-3000:1000, load 3000")
	b.do(4, page(3000, 4000), "rows 3000-4000:1000")
	b.hear(5, taken(999), "")
	b.hear(6, wire.RowsTaken{Log: theirLog, Upto: 1000}, "") // another log is none of it
	b.hear(7, taken(6001), "")                               // we never had so many
	b.hear(8, taken(1000), "load 4000")
	b.hear(9, taken(3000), "") // one page is being read at a time
	b.do(10, page(4000, 5000), "rows 4000-5000:1000, load 5000")
	b.do(11, page(5000, 6000), "rows 5000-6000:1000")
	b.hear(12, taken(6000), "")
}

func TestGapIsSentAgain(t *testing.T) {
	b := openBench(t, 4000, 0)
	b.do(1, page(0, 1000), "rows 0-1000:1000, load 1000")
	b.do(2, page(1000, 2000), "rows 1000-2000:1000, load 2000")
	b.hear(3, taken(1000), "")
	b.hear(4, taken(500), "")
	// The page being read belongs behind the gap and must not be told before it is filled.
	b.do(5, page(2000, 3000), "load 500")
	b.do(6, page(500, 1500), "rows 500-1500:1000, load 1500")
}

func TestPageOfALinkBeforeIsNotSent(t *testing.T) {
	b := openBench(t, 10, 0)
	b.do(1, Closed{}, "")
	b.do(2, page(0, 10), "")
	b.do(3, Opened{Standing: standing(10)}, "join call=2 answers=1 took=0, horizon")
	b.do(4, page(0, 10), "")
	b.hear(5, joins(2, 2, 4), "meet 0, stands 0, peerjoined, state 10")
	b.hear(5, wire.Horizon{Life: 1}, "takehorizon")
	b.hear(5, wire.State{}, "know 0, load 4")
	b.do(6, page(0, 10), "load 4")
	b.do(7, page(4, 10), "rows 4-10:6")
}

func TestReplacedRowsLeaveNothingToSend(t *testing.T) {
	b := openBench(t, 10, 0)
	b.do(1, RowsLoaded{After: 0, Upto: 0}, "")
	b.do(2, Stood{standing(11)}, "load 10")
	b.do(3, page(10, 11), "rows 0-11:1") // the numbers skipped are told with the next
}

func TestLongRowsAreSplitIntoFrames(t *testing.T) {
	b := openBench(t, 8, 0)
	p := page(0, 8)
	for i := range p.Rows {
		p.Rows[i].Entry.Extra = []byte(strings.Repeat("x", tree.ExtraMax))
		p.Rows[i].Entry.Content.Target = strings.Repeat("y", 60<<10)
	}
	effects := b.core.Handle(1, p)
	if got := show(effects); got != "rows 0-5:5, rows 5-8:3" {
		t.Fatalf("got %s", got)
	}
	for _, f := range effects {
		if n := wire.Size(f.(Send).Message); n > wire.FrameMax {
			t.Errorf("a frame of %d bytes", n)
		}
	}
}

// What the peer told us itself, or knows by what it said of itself, is not sent back.
func TestKnownRowsAreNotSentBack(t *testing.T) {
	const third = ident.ReplicaID(3)
	echoed, changed := row(1, third), row(2, third)
	known, unknown := row(3, theirReplica), row(4, third)
	conflict, null := row(5, theirReplica), row(6, theirReplica)
	conflict.Entry.Place.Name = ""
	null.Entry.Attrs.Version = version.Version{}

	b := openBench(t, 0, 0)
	sent := wire.Rows{Log: theirLog, Upto: 2, Has: make([]bool, 2)}
	sent.Entries = []tree.Entry{echoed.Entry, changed.Entry}
	b.hear(1, sent, "take 0-2")
	b.hear(1, wire.State{Knowledge: version.Vector{{Replica: theirReplica, Counter: 9}}},
		"know 0")
	changed.Entry.Attrs.Mode = 0o600 // joined with something of ours: it is another record
	b.do(2, Stood{standing(6)}, "load 0")
	p := RowsLoaded{Upto: 6, Has: make([]bool, 6)}
	p.Rows = []tree.Row{echoed, changed, known, unknown, conflict, null}
	effects := b.core.Handle(3, p)
	if got := show(effects); got != "rows 0-6:4" {
		t.Fatalf("got %s", got)
	}
	want := []tree.Row{changed, unknown, conflict, null}
	for i, e := range effects[0].(Send).Message.(wire.Rows).Entries {
		if e.ID != want[i].Entry.ID {
			t.Errorf("entry %d is %v, want %v", i, e.ID, want[i].Entry.ID)
		}
	}
	// An echo counts once: the same record under a later number is news.
	b.do(4, Stood{standing(7)}, "load 6")
	b.do(5, RowsLoaded{After: 6, Upto: 7, Rows: []tree.Row{echoed}, Has: []bool{true}}, "rows 6-7:1")
}

// A peer may have forgotten a delete that all knew of, and hold the entry again, as
// somebody's first scan found it. Its knowledge covers the delete all the same.
func TestForgottenDeleteIsToldAgain(t *testing.T) {
	dead := row(1, theirReplica)
	dead.Entry.Content.Deleted, dead.Entry.Content.SawPlace = true, dead.Entry.Place.Context
	again := dead.Entry
	again.Place.Version, again.Place.Context = version.Version{}, nil
	again.Content, again.Attrs = tree.Content{ID: ident.ContentID{7}}, tree.Attributes{}
	knows := wire.State{
		Head: 1, Root: theirRoot, Knowledge: version.Vector{{Replica: theirReplica, Counter: 9}},
	}
	tell := func(b bench, at step.Instant, seq uint64, want string) {
		t.Helper()
		b.core.Handle(at, Stood{standing(seq)})
		p := RowsLoaded{After: seq - 1, Upto: seq, Rows: []tree.Row{dead}, Has: []bool{false}}
		p.Rows[0].Seq = seq
		b.do(at, p, want)
	}

	t.Run("told by its log", func(t *testing.T) {
		b := openBench(t, 0, 0)
		b.hear(1, knows, "know 1")
		tell(b, 2, 1, "") // it knows
		b.hear(3, wire.Rows{Log: theirLog, Upto: 1, Entries: []tree.Entry{again}, Has: []bool{true}}, "take 0-1")
		tell(b, 4, 2, "rows 0-2:1")
		tell(b, 5, 3, "") // it was told
	})
	t.Run("found in another directory of that name", func(t *testing.T) {
		other := again
		other.ID[0]++
		other.Place.Parent[0]++
		other.Place.Name = "another"
		b := openBench(t, 0, 0)
		b.hear(1, knows, "know 1")
		b.hear(2, wire.Rows{Log: theirLog, Upto: 1, Entries: []tree.Entry{other}, Has: []bool{true}}, "take 0-1")
		tell(b, 3, 1, "") // nothing of its name was found
		other.Place.Name = again.Place.Name
		b.hear(4, wire.Rows{Log: theirLog, After: 1, Upto: 2, Entries: []tree.Entry{other}, Has: []bool{true}}, "take 1-2")
		tell(b, 5, 2, "rows 0-2:1")
	})
	t.Run("found by an audit", func(t *testing.T) {
		b := openBench(t, 0, 0)
		b.hear(1, knows, "know 1")
		tell(b, 2, 1, "")
		b.do(3, RowsRecorded{theirLog, 1}, "taken 1")
		b.tick(step.Instant(time.Second), "state 0")
		at := step.Instant(time.Second) + step.Instant(auditFirst)
		b.tick(at, "audit")
		b.hear(at, wire.Found{Entries: []tree.Entry{again}, Has: []bool{true}, Last: true}, "repair")
		tell(b, at, 2, "rows 0-2:1")
	})
}

func TestEchoesAreBounded(t *testing.T) {
	b := openBench(t, 0, 0)
	for page := range 2 * echoMax / wire.RowsMax {
		rows := wire.Rows{Log: theirLog, Entries: make([]tree.Entry, wire.RowsMax), Has: make([]bool, wire.RowsMax)}
		for i := range rows.Entries {
			rows.Entries[i].ID = ident.EntryID{1, byte(page), byte(i >> 8), byte(i)}
		}
		b.core.Handle(0, Heard{rows, everything})
		if n := len(b.core.echo); n > echoMax {
			t.Fatalf("%d rows remembered", n)
		}
	}
}
