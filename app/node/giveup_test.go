package node

import (
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/wire"
)

// A content that was missed, and that somebody turns out to hold, is on its way: it is told
// as missing no more, and cannot be given up.
func TestWhatComesIsNotGivenUp(t *testing.T) {
	b := newBench(t)
	b.hear(alice, rows(1, false), "a: WantHave")
	b.commit()
	ask := folder.GiveUpAsked{Ticket: 1, Path: "file 1", Wall: 1}
	for range 100 {
		if len(b.node.Snapshot().Troubles) > 0 {
			break
		}
		b.node.Tick(b.node.Deadline())
	}
	troubles := b.node.Snapshot().Troubles
	if len(troubles) != 1 || troubles[0].Kind != folder.ContentMissing {
		t.Fatalf("troubles are %+v", troubles)
	}
	ask.Path = troubles[0].Path
	for range 100 {
		if strings.Contains(show(b.node.Tick(b.node.Deadline())), "WantHave") {
			break
		}
	}
	if len(b.node.Snapshot().Troubles) != 1 {
		t.Fatal("to ask again makes nobody have it")
	}
	have := wire.Have{Items: []wire.HaveItem{{Content: ident.ContentID{1}, All: true}}}
	got := show(b.node.Handle(b.node.now, MessageHeard{Device: alice, Message: have}))
	if got != "swarm.AskPieces" {
		t.Fatalf("alice has it: %s", got)
	}
	if told := b.node.Snapshot().Troubles; len(told) != 0 {
		t.Errorf("it comes, and is told as missing: %+v", told)
	}
	for _, f := range b.node.Handle(b.node.now, folder.PathAsked{Path: ask.Path}) {
		if told, ok := f.(folder.PathTold); ok && (told.Facts.Trouble != nil || !told.Facts.Fetching) {
			t.Errorf("why it is not here: %+v", told.Facts)
		}
	}
	if got := b.givesUp(ask); got.Deleted+got.Kept != 0 {
		t.Errorf("what comes is given up: %+v", got)
	}
	b.node.Handle(b.node.now, PeerLost{alice})
	for range 100 {
		if len(b.node.Snapshot().Troubles) > 0 {
			break
		}
		b.node.Tick(b.node.Deadline())
	}
	if got := b.givesUp(ask); got.Deleted != 1 {
		t.Errorf("nobody has it any more: %+v", got)
	}
}

func (b *bench) givesUp(e folder.GiveUpAsked) (done folder.GivenUp) {
	b.t.Helper()
	for _, f := range b.node.Handle(b.node.now, e) {
		if g, ok := f.(folder.GivenUp); ok {
			return g
		}
	}
	b.t.Fatal("no answer")
	return done
}
