package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A directory was met where another one was, which had gone, and was moved back before that
// could be believed. When two others change places long after, that is no word of the first.
func TestAMoveThatWaitedTooLongIsForgotten(t *testing.T) {
	entries := grove(4 * filesPerDir)
	x := openMemory(t)
	k := filled(t, x, entries)
	var weeks []tree.Base
	for i := range entries {
		if b, ok := x.Base(entries[i].ID); ok && b.Stat.Kind == tree.Dir && !b.Parent.IsRoot() {
			weeks = append(weeks, b)
		}
	}
	in := entries[0].Place.Name + "/"
	at := func(now step.Instant, findings ...tree.Finding) {
		t.Helper()
		k.core.Handle(now, folder.FindingsReported{Findings: findings, Wall: 1_700_000_000_000})
		k.core.Handle(now, folder.ScanEnded{})
	}
	moved := func(b, to tree.Base) tree.Finding {
		return tree.Finding{Path: in + to.Name, Known: b.Entry, Rev: b.Rev, Stat: b.Stat, Moved: true}
	}
	second := step.Instant(time.Second)
	at(second, moved(weeks[0], weeks[1]))
	gone := tree.Finding{Path: in + weeks[1].Name, Known: weeks[1].Entry, Rev: weeks[1].Rev, Gone: true}
	at(2*second, gone)
	at(3*second, gone)
	k.core.Tick(4 * second)
	if _, still := x.Base(weeks[1].Entry); still {
		t.Fatal("the directory that went is still there")
	}
	at(100*second, moved(weeks[2], weeks[3]), moved(weeks[3], weeks[2]))
	if b, _ := x.Base(weeks[2].Entry); b.Name != weeks[3].Name {
		t.Fatal("two that changed places are not recorded so")
	}
	if b, _ := x.Base(weeks[0].Entry); b.Name != weeks[0].Name {
		t.Errorf("%q is said to have moved to %q", weeks[0].Name, b.Name)
	}
}
