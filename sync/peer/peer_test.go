package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	ms = step.Instant(time.Millisecond)

	ourReplica   = ident.ReplicaID(1)
	theirReplica = ident.ReplicaID(2)
	ourLog       = ident.LogID(11)
	theirLog     = ident.LogID(22)

	everything = 1 << 60 // of what we have written, others have been told
)

var (
	ourRoot   = [32]byte{1}
	theirRoot = [32]byte{2}
)

// bench drives one core; every step says what it must answer.
type bench struct {
	t    *testing.T
	core *Core
}

func newBench(t *testing.T) bench {
	return bench{t, New(ident.FolderID{7}, ident.DeviceID{8})}
}

func (b bench) do(at step.Instant, e Event, want string) {
	b.t.Helper()
	if got := show(b.core.Handle(at, e)); got != want {
		b.t.Fatalf("at %v, %T%+v:\n got  %s\n want %s", time.Duration(at), e, e, got, want)
	}
}

func (b bench) hear(at step.Instant, m wire.Message, want string) {
	b.t.Helper()
	b.do(at, Heard{m, everything}, want)
}

func (b bench) tick(at step.Instant, want string) {
	b.t.Helper()
	if got := show(b.core.Tick(at)); got != want {
		b.t.Fatalf("tick at %v:\n got  %s\n want %s", time.Duration(at), got, want)
	}
}

func show(effects []Effect) string {
	var out []string
	for _, f := range effects {
		switch f := f.(type) {
		case Send:
			out = append(out, showMessage(f.Message))
		case LoadRows:
			out = append(out, fmt.Sprintf("load %d", f.After))
		case TakeRows:
			out = append(out, fmt.Sprintf("take %d-%d", f.Rows.After, f.Rows.Upto))
		case TakeKnowledge:
			out = append(out, fmt.Sprintf("know %d", f.Head))
		case TakeStanding:
			out = append(out, fmt.Sprintf("stands %d", f.Head))
		case TakeReplicas:
			out = append(out, fmt.Sprintf("meet %d", len(f.Replicas)))
		case ServePieces:
			out = append(out, fmt.Sprintf("serve %d", len(f.Items)))
		case ServeRecipes:
			out = append(out, fmt.Sprintf("recipes %d", len(f.Contents)))
		default:
			out = append(out, strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", f), "peer.")))
		}
	}
	return strings.Join(out, ", ")
}

func showMessage(m wire.Message) string {
	switch m := m.(type) {
	case wire.Join:
		return fmt.Sprintf("join call=%d answers=%d took=%d", m.Call, m.Answers, m.TookSeq)
	case wire.Horizon:
		return "horizon"
	case wire.Refuse:
		return fmt.Sprintf("refuse %d", m.Reason)
	case wire.State:
		return fmt.Sprintf("state %d", m.Head)
	case wire.Rows:
		return fmt.Sprintf("rows %d-%d:%d", m.After, m.Upto, len(m.Entries))
	case wire.RowsTaken:
		return fmt.Sprintf("taken %d", m.Upto)
	case wire.NoPiece:
		return fmt.Sprintf("no %d reason %d", m.Ticket, m.Reason)
	case wire.Recipes:
		return fmt.Sprintf("no recipes %d", len(m.Parts))
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "wire.")
}

// standing is how we stand with so many rows.
func standing(head uint64) Standing {
	return Standing{Replica: ourReplica, Log: ourLog, Head: head, Counter: head, Root: ourRoot}
}

// joins is the other side's Join: it has taken in our log up to took.
func joins(call, answers, took uint64) wire.Join {
	return wire.Join{
		Replica: theirReplica, Log: theirLog, Root: theirRoot,
		TookLog: ourLog, TookSeq: took, Call: call, Answers: answers,
	}
}

// row is the row with a number, written by us unless said otherwise.
func row(seq uint64, by ident.ReplicaID) tree.Row {
	dot := version.Dot{Replica: by, Counter: seq}
	seen := version.Vector{dot}
	v := version.Version{
		Dot: dot, Seen: seen, Stamp: version.Stamp{Time: version.Hybrid(seq), Replica: by},
	}
	e := tree.Entry{ID: ident.EntryID{byte(by), byte(seq >> 8), byte(seq)}, Kind: tree.File}
	e.Place = tree.Placement{Version: v, Context: seen, Name: fmt.Sprint("file ", seq)}
	e.Content = tree.Content{Version: v, Context: seen, ID: ident.ContentID{byte(seq)}, Size: 1}
	e.Attrs = tree.Attributes{Version: v, Context: seen, Mode: 0o644}
	return tree.Row{Entry: e, Seq: seq}
}

// page answers LoadRows with rows of ours.
func page(after, upto uint64) RowsLoaded {
	p := RowsLoaded{After: after, Upto: upto}
	for seq := after + 1; seq <= upto; seq++ {
		p.Rows = append(p.Rows, row(seq, ourReplica))
		p.Has = append(p.Has, true)
	}
	return p
}

// openBench returns a bench whose conversation is open at time 0; we have head rows, of
// which they took so many. Our State has been told.
func openBench(t *testing.T, head, took uint64) bench {
	b := joinedBench(t, head, took)
	want := "know 0"
	if took < head {
		want = fmt.Sprintf("know 0, load %d", took)
	}
	b.hear(0, wire.State{}, want)
	return b
}

// joinedBench is openBench before the peer has said how it stands.
func joinedBench(t *testing.T, head, took uint64) bench {
	b := newBench(t)
	b.do(0, Opened{Standing: standing(head)}, "join call=1 answers=0 took=0, horizon")
	b.hear(0, joins(1, 1, took), fmt.Sprintf("meet 0, stands 0, peerjoined, state %d", head))
	b.hear(0, wire.Horizon{Life: 1}, "takehorizon")
	return b
}

func TestNothingIsAnsweredBeforeJoin(t *testing.T) {
	b := newBench(t)
	b.hear(0, joins(1, 0, 0), "")
	b.do(0, Opened{Standing: standing(0)}, "join call=1 answers=0 took=0, horizon")
	for _, m := range []wire.Message{
		wire.State{}, wire.Rows{}, wire.RowsTaken{}, wire.AskPieces{Items: make([]wire.PieceAsk, 1)},
		wire.AskRecipes{Contents: make([]ident.ContentID, 1)}, wire.WantHave{}, wire.Replicas{},
	} {
		b.hear(0, m, "")
	}
	b.do(0, ReplicasLearnt{make([]tree.Replica, 1)}, "")
	b.do(0, RowsRecorded{theirLog, 3}, "")
	if b.core.Connected() {
		t.Fatal("connected before the peer joined")
	}
}

// A paused exchange says that it is paused, and nothing else; then it begins anew.
func TestPausedExchange(t *testing.T) {
	b := newBench(t)
	b.do(0, Rested{true}, "") // nobody there to be told
	b.do(0, Opened{Standing: standing(5)}, "")
	b.hear(0, joins(1, 0, 0), "refuse 2")
	b.hear(0, wire.AskPieces{Items: make([]wire.PieceAsk, 1)}, "")
	b.hear(0, wire.Refuse{Reason: wire.NotMember}, "")
	b.do(0, Stood{standing(6)}, "")
	b.do(0, Rested{true}, "")
	b.do(0, Rested{false}, "reopen")
	b.do(0, Opened{Standing: standing(6)}, "join call=2 answers=0 took=0, horizon")
	b.hear(0, joins(2, 2, 6), "meet 0, stands 0, peerjoined, state 6")
	b.do(0, Rested{true}, "peerleft, refuse 2")
	if _, refused := b.core.Refused(); refused || b.core.Connected() {
		t.Fatal("our own pause is shown as a refusal, or as a link")
	}
	b.do(0, Closed{}, "")
	b.do(0, Rested{false}, "")
	b.hear(0, joins(3, 0, 0), "")
}

func TestJoinTellsWhereBothStand(t *testing.T) {
	b := newBench(t)
	cursor := tree.Cursor{Log: theirLog, Seq: 9}
	b.do(0, Opened{Standing: standing(5), Cursor: cursor}, "join call=1 answers=0 took=9, horizon")
	b.hear(0, joins(1, 0, 3), "meet 0, stands 0, peerjoined, state 5")
	b.hear(0, wire.Horizon{Life: 1}, "takehorizon")
	b.hear(0, wire.State{}, "know 0, load 3")
	if !b.core.Connected() {
		t.Fatal("not connected after both joined")
	}
	b.do(1, Closed{}, "")
	b.do(2, Opened{Standing: standing(5), Cursor: cursor}, "join call=2 answers=1 took=9, horizon")
}

func TestWhereStreamingBegins(t *testing.T) {
	for _, c := range []struct {
		name string
		log  ident.LogID
		took uint64
		root [32]byte
		want string
	}{
		{"goes on", ourLog, 3, theirRoot, "meet 0, stands 4, peerjoined, state 5; takehorizon; know 4, load 3"},
		{"has all", ourLog, 5, theirRoot, "meet 0, stands 4, peerjoined, state 5; takehorizon; know 4"},
		{"never met", 0, 0, theirRoot, "meet 0, stands 4, peerjoined, state 5; takehorizon; know 4"},
		{"knew another log of ours", 99, 3, theirRoot, "meet 0, stands 4, peerjoined, state 5; takehorizon; know 4"},
		{"ahead of our log", ourLog, 6, theirRoot, "rolledback; ; "},
		{"equal, never met", 0, 0, ourRoot, "meet 0, stands 4, peerjoined, state 5; takehorizon; know 4"},
		{"equal, goes on", ourLog, 3, ourRoot, "meet 0, stands 4, peerjoined, state 5; takehorizon; know 4, load 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.do(0, Opened{Standing: standing(5)}, "join call=1 answers=0 took=0, horizon")
			m := joins(1, 0, c.took)
			m.TookLog, m.Root, m.Head = c.log, c.root, 4
			var got []string
			for _, m := range []wire.Message{m, wire.Horizon{Life: 1}, wire.State{Root: c.root, Head: 4}} {
				got = append(got, show(b.core.Handle(0, Heard{m, everything})))
			}
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRefusedUntilTheyJoin(t *testing.T) {
	b := newBench(t)
	b.do(0, Opened{Standing: standing(0)}, "join call=1 answers=0 took=0, horizon")
	b.hear(0, wire.Refuse{Reason: wire.FolderPaused}, "")
	if reason, refused := b.core.Refused(); !refused || reason != wire.FolderPaused {
		t.Fatalf("refused %v for reason %v", refused, reason)
	}
	// They have not heard us, so the conversation begins anew: the node opens it, and then
	// lets the same Join be heard.
	join := joins(1, 0, 0)
	b.hear(1, join, "renew")
	b.do(1, Opened{Standing: standing(0)}, "join call=2 answers=1 took=0, horizon")
	b.hear(1, join, "meet 0, stands 0, peerjoined, state 0")
	if _, refused := b.core.Refused(); refused {
		t.Fatal("still refused after they joined")
	}
	b.hear(2, wire.Refuse{Reason: wire.NotMember}, "peerleft")
	b.hear(2, wire.State{Head: 1}, "")
}

func TestJoinThatAnswersIsNotAnswered(t *testing.T) {
	b := openBench(t, 0, 0)
	b.hear(1, joins(2, 1, 0), "peerleft, meet 0, stands 0, peerjoined, state 0")
	b.hear(2, joins(3, 0, 0), "peerleft, renew")
}

func TestOneReplicaOnTwoDevices(t *testing.T) {
	b := newBench(t)
	b.do(0, Opened{Standing: standing(0)}, "join call=1 answers=0 took=0, horizon")
	clone := joins(1, 0, 0)
	clone.Replica = ourReplica
	b.hear(0, clone, fmt.Sprintf("refuse %d", wire.CloneFound))
	if reason, _ := b.core.Refused(); reason != wire.CloneFound || b.core.Connected() {
		t.Fatalf("a clone was let in, reason %v", reason)
	}
}

func TestIndexRolledBack(t *testing.T) {
	knows := func(counter uint64) wire.State {
		return wire.State{Knowledge: version.Vector{{Replica: ourReplica, Counter: counter}}}
	}
	b := openBench(t, 5, 5)
	b.hear(0, knows(5), "know 0")
	b.hear(0, knows(6), "peerleft, rolledback")
	b.hear(0, knows(5), "")
}

// What nobody was told in this life nobody can know, unless the same number was used in one
// that this index does not remember.
func TestIndexRolledBackAndWrittenOn(t *testing.T) {
	knows := wire.State{Knowledge: version.Vector{{Replica: ourReplica, Counter: 3}}}
	b := joinedBench(t, 5, 5)
	b.do(0, Heard{knows, 3}, "know 0")
	b.do(0, Heard{wire.State{Knowledge: version.Vector{{Replica: ourReplica, Counter: 5}}}, 3}, "know 0")
	b = joinedBench(t, 5, 5)
	b.do(0, Heard{knows, 2}, "peerleft, rolledback")
}

func TestStateIsToldTenTimesASecond(t *testing.T) {
	b := openBench(t, 5, 5)
	told := 0
	now := step.Instant(0)
	for ; now < 1000*ms; now += ms {
		s := standing(5)
		s.NeedFiles = int64(now)
		told += strings.Count(show(b.core.Handle(now, Stood{s})), "state")
		if b.core.Deadline() <= now {
			told += strings.Count(show(b.core.Tick(now)), "state")
		}
	}
	if told != 9 { // the tenth, or rather the first, came with the Join
		t.Fatalf("told %d times in a second", told)
	}
	if at := b.core.Deadline(); at != 1000*ms {
		t.Fatalf("the last word is due at %v", time.Duration(at))
	}
	b.tick(1000*ms, "state 5")
	b.do(2000*ms, Stood{b.core.ours}, "") // nothing new
	if at := b.core.Deadline(); at != step.Never {
		t.Fatalf("due at %v with nothing to tell", time.Duration(at))
	}
}

// A State claims knowledge, to hold once the rows up to Head are there. A Head below what
// that knowledge rests on would have the peer claim writes it has never seen.
func TestHeadOfStateCoversItsKnowledge(t *testing.T) {
	b := openBench(t, 5, 5)
	b.do(200*ms, Stood{standing(7)}, "load 5, state 7") // rows not sent: Head says wait
	b.do(201*ms, page(5, 7), "rows 5-7:2")
	b = openBench(t, 5, 5)
	// The peer knows row 6 already and is not sent it: Head stays where it was told.
	b.hear(0, wire.State{Knowledge: version.Vector{{Replica: theirReplica, Counter: 6}}},
		"know 0")
	b.do(10*ms, Stood{standing(6)}, "load 5")
	known := RowsLoaded{After: 5, Upto: 6, Rows: []tree.Row{row(6, theirReplica)}, Has: []bool{true}}
	b.do(20*ms, known, "")
	b.tick(100*ms, "state 5")
	// One that was told too early to know this would wait for ever for rows nobody sends.
	b.do(300*ms, Stood{standing(7)}, "load 6, state 7")
	known = RowsLoaded{After: 6, Upto: 7, Rows: []tree.Row{row(6, theirReplica)}, Has: []bool{true}}
	b.do(310*ms, known, "")
	b.tick(400*ms, "state 5")
	if at := b.core.Deadline(); at != step.Never {
		t.Fatalf("due at %v with nothing to tell", time.Duration(at))
	}
}

func TestRowsAndContentReachTheirCores(t *testing.T) {
	b := openBench(t, 0, 0)
	rows := wire.Rows{Log: theirLog, Upto: 2, Entries: make([]tree.Entry, 1), Has: []bool{true}}
	b.hear(1, rows, "take 0-2")
	b.do(2, RowsRecorded{theirLog, 2}, "taken 2")
	b.hear(3, wire.Replicas{Replicas: make([]tree.Replica, 2)}, "meet 2")
	b.hear(3, wire.Have{}, "content")
	b.hear(3, wire.NoPiece{}, "content")
	for _, bad := range []wire.Rows{
		{Log: theirLog + 1}, {Log: theirLog, After: 3, Upto: 2}, {Log: theirLog, Has: []bool{true}},
	} {
		b.hear(5, bad, "drop")
	}
}

func TestReplicasAreToldBeforeWhatTheyWrote(t *testing.T) {
	b := openBench(t, 0, 0)
	learn := func(id ident.ReplicaID) Event { return ReplicasLearnt{[]tree.Replica{{ID: id}}} }
	b.do(1, learn(5), "Replicas")
	b.do(2, learn(6), "") // more may follow: they are told together
	b.do(3, learn(7), "")
	if at := b.core.Deadline(); at != 100*ms+1 {
		t.Fatalf("due at %v", time.Duration(at))
	}
	b.tick(100*ms+1, "Replicas")
	b.do(101*ms, learn(8), "")
	b.do(102*ms, Stood{standing(2)}, "load 0, state 2")
	b.do(103*ms, page(0, 2), "Replicas, rows 0-2:2")
	b.hear(104*ms, wire.Replicas{Replicas: []tree.Replica{{ID: 9}}}, "meet 1")
	b.do(500*ms, learn(9), "") // from the peer itself
	b.tick(900*ms, "")
}

func TestAsksBeyondTheLimitAreBusy(t *testing.T) {
	b := openBench(t, 0, 0)
	asks := make([]wire.PieceAsk, wire.AskMax)
	for range asksMax/wire.AskMax - 1 {
		b.hear(0, wire.AskPieces{Items: asks}, "serve 1024")
	}
	b.hear(0, wire.AskPieces{Items: asks[1:]}, "serve 1023")
	b.hear(0, wire.AskPieces{Items: []wire.PieceAsk{{Ticket: 8}, {Ticket: 9}}},
		fmt.Sprintf("no 9 reason %d, serve 1", wire.Busy))
	b.hear(0, wire.AskRecipes{Contents: make([]ident.ContentID, 3)}, "no recipes 3")
	b.do(0, PiecesServed{1}, "")
	b.hear(0, wire.AskRecipes{Contents: make([]ident.ContentID, 3)}, "no recipes 2, recipes 1")
	b.hear(0, wire.AskPieces{Items: asks[:1]}, fmt.Sprintf("no 0 reason %d", wire.Busy))
	b.do(0, PiecesServed{asksMax}, "")
	b.hear(0, wire.AskPieces{Items: asks}, "serve 1024")
}

func TestEqualIsVerified(t *testing.T) {
	equal := wire.State{Root: ourRoot}
	for _, c := range []struct {
		name  string
		state wire.State
		want  bool
	}{
		{"equal", equal, true},
		{"another root", wire.State{Root: theirRoot}, false},
		{"needs files", wire.State{Root: ourRoot, NeedFiles: 1}, false},
		{"still scanning", wire.State{Root: ourRoot, Scanning: true}, false},
	} {
		b := openBench(t, 0, 0)
		b.core.Handle(0, Heard{c.state, everything})
		if got := b.core.Equal(); got != c.want {
			t.Errorf("%s: equal is %v", c.name, got)
		}
	}
	b := newBench(t)
	b.core.Handle(0, Opened{Standing: standing(0)})
	m := joins(1, 0, 0)
	m.Root = ourRoot
	b.core.Handle(0, Heard{m, everything})
	if b.core.Equal() {
		t.Error("equal by a Join alone, which says nothing of needs")
	}
}

// A peer that cannot go on with our log tells from where it goes on once it has found out
// what it lacks; nothing is sent before.
func TestLogWaitsForARepair(t *testing.T) {
	b := newBench(t)
	b.do(0, Opened{Standing: standing(5)}, "join call=1 answers=0 took=0, horizon")
	m := joins(1, 1, 3)
	m.TookLog = 99
	b.hear(0, m, "meet 0, stands 0, peerjoined, state 5")
	b.hear(0, wire.Horizon{Life: 1}, "takehorizon")
	b.hear(0, wire.State{}, "know 0")
	b.do(200*ms, Stood{standing(7)}, "state 7")
	b.hear(201*ms, wire.AskParts{}, "repair")
	b.hear(202*ms, wire.RowsTaken{Log: ourLog, Upto: 8}, "") // more than there is
	b.hear(203*ms, wire.RowsTaken{Log: theirLog, Upto: 5}, "")
	b.hear(204*ms, taken(5), "load 5")
	b.do(205*ms, page(5, 7), "rows 5-7:2")
}

// Two that stand differently though both have told all look for the difference, ever less
// often while that does not help, and not at all while something is on its way.
func TestDifferenceThatStaysIsLookedFor(t *testing.T) {
	b := newBench(t)
	b.do(0, Opened{Standing: standing(5), Cursor: tree.Cursor{Log: theirLog, Seq: 8}}, "join call=1 answers=0 took=8, horizon")
	b.hear(0, joins(1, 1, 5), "meet 0, stands 0, peerjoined, state 5")
	b.hear(0, wire.Horizon{Life: 1}, "takehorizon")
	b.hear(1*ms, wire.State{Root: theirRoot, Head: 9}, "know 9")
	if at := b.core.Deadline(); at != step.Never {
		t.Fatalf("an audit is due at %v while a row is on its way", time.Duration(at))
	}
	b.do(2*ms, RowsRecorded{theirLog, 9}, "taken 9")
	first := step.Instant(auditFirst)
	b.tick(2*ms+first-1, "")
	b.tick(2*ms+first, "audit")
	b.tick(2*ms+2*first, "")
	b.tick(2*ms+3*first, "audit")
	b.hear(3+3*first, wire.State{Root: ourRoot, Head: 9}, "know 9")
	if at := b.core.Deadline(); at != step.Never {
		t.Fatalf("an audit of equal folders is due at %v", time.Duration(at))
	}
	b.hear(4+3*first, wire.State{Root: theirRoot, Head: 9}, "know 9")
	b.tick(4+4*first, "audit") // it is a new difference
	b.do(5+4*first, Closed{}, "")
	if at := b.core.Deadline(); at != step.Never {
		t.Fatalf("an audit of a lost peer is due at %v", time.Duration(at))
	}
}

// Whoever has not heard of what the peer has deleted and forgotten tells nothing until it
// has; whoever may hold it, because it has heard of others' writes, has to begin anew.
func TestForgottenDeletes(t *testing.T) {
	collected := version.Vector{{Replica: theirReplica, Counter: 9}}
	begin := func(knows version.Vector, want, then string) bench {
		b := newBench(t)
		s := standing(5)
		s.Knowledge = knows
		b.do(0, Opened{Standing: s}, "join call=1 answers=0 took=0, horizon")
		b.hear(0, joins(1, 1, 3), "meet 0, stands 0, peerjoined, state 5")
		b.hear(0, wire.Horizon{Life: 1, Collected: collected}, want)
		b.hear(0, wire.State{}, then)
		return b
	}
	own := version.Dot{Replica: ourReplica, Counter: 5}
	b := begin(version.Vector{own}, "takehorizon", "know 0")
	s := standing(5)
	s.Knowledge = version.Vector{own}.Join(collected)
	b.do(1, Stood{s}, "load 3")
	begin(collected, "takehorizon", "know 0, load 3")
	begin(version.Vector{own, {Replica: theirReplica, Counter: 8}}, "peerleft, awaytoolong", "")
	begin(version.Vector{{Replica: 7, Counter: 1}}, "peerleft, awaytoolong", "")
}

// A life that comes back after another one has begun shows that two programs run with one
// key; one that is started again, however often, does not.
func TestTwoLivesAtOnce(t *testing.T) {
	b := newBench(t)
	at := step.Instant(0)
	meet := func(life uint64) string {
		at++
		b.core.Handle(at, Opened{Standing: standing(0)})
		b.core.Handle(at, Heard{joins(uint64(at), uint64(at), 0), everything})
		return show(b.core.Handle(at, Heard{wire.Horizon{Life: life}, everything}))
	}
	for _, life := range []uint64{11, 12, 12, 13} {
		if got := meet(life); got != "takehorizon" {
			t.Fatalf("life %d: %s", life, got)
		}
	}
	if got := meet(12); got != fmt.Sprintf("peerleft, refuse %d", wire.CloneFound) {
		t.Fatalf("a life that came back: %s", got)
	}
	if reason, refused := b.core.Refused(); !refused || reason != wire.CloneFound || b.core.Connected() {
		t.Fatal("two at once are let in")
	}
	if got := meet(14); got != "takehorizon" {
		t.Fatalf("one that was started again after it was found: %s", got)
	}
}

func TestRowsAheadOfWhereWeStandWait(t *testing.T) {
	b := openBench(t, 5, 3)
	b.do(1, page(3, 7), "rows 3-5:2")
	b.do(2, Stood{standing(7)}, "load 5")
}

// A reader says which replica it is itself, under its own id; of others it has no say.
func TestReadersNameThemselvesAlone(t *testing.T) {
	b := newBench(t)
	b.do(0, Cast{TheyRead: true}, "")
	b.do(0, Opened{Standing: standing(0)}, "join call=1 answers=0 took=0, horizon")
	join := joins(1, 1, 0)
	join.Replicas = []tree.Replica{{ID: 40}, {ID: theirReplica, Device: ident.DeviceID{9}, Name: "they"}, {ID: 41}}
	effects := b.core.Handle(0, Heard{join, everything})
	want := tree.Replica{ID: theirReplica, Device: b.core.peer, Name: "they"}
	if got, ok := effects[0].(TakeReplicas); !ok || len(got.Replicas) != 1 || got.Replicas[0] != want {
		t.Fatalf("%+v is taken, want %+v", effects[0], want)
	}
	b.hear(1, wire.Replicas{Replicas: []tree.Replica{{ID: 42}, want}}, "")
}
