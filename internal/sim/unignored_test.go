package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	durable "github.com/shoal-sync/shoal/sync/index"

	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A file that was removed while a pattern ignored it has not been deleted, however often the
// patterns changed since, and the agent was started again, before it was looked for.
func TestRemovedWhileIgnored(t *testing.T) {
	for _, changes := range []int{1, 2, 5, 12} {
		t.Run(fmt.Sprint(changes, " changes"), func(t *testing.T) {
			entries := grove(1)
			k := filled(t, openDurable(t), entries)
			file := entries[len(entries)-1]
			base, _ := k.index.Base(file.ID)
			path := "year 0/week 0/" + file.Place.Name
			k.do(folder.PatternsChanged{Patterns: patterns(t, "photograph*")})
			for i := range changes {
				k.do(folder.PatternsChanged{Patterns: patterns(t, fmt.Sprint("other", i))})
			}
			k.reopen(patterns(t, fmt.Sprint("other", changes-1)))
			gone := []tree.Finding{{Path: path, Known: file.ID, Rev: base.Rev, Gone: true}}
			for n := range 4 { // looks do not meet it, and no partner of the name comes
				now := step.Instant(time.Duration(n+1) * 2 * time.Second)
				k.core.Handle(now, folder.FindingsReported{Findings: gone, Wall: 1_800_000_000_000})
				k.core.Handle(now, folder.ScanEnded{Names: []string{path}})
				k.core.Tick(now.Add(time.Second))
			}
			row, _ := k.index.Entry(file.ID)
			if !row.Entry.Live() {
				t.Error("it is taken for deleted")
			}
		})
	}
}

func patterns(t *testing.T, text string) ignore.Patterns {
	t.Helper()
	p, err := ignore.Parse([]byte(text + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reopen starts the core again with what the index holds, without a full scan.
func (k *quick) reopen(now ignore.Patterns) {
	store := k.index.(*durable.Store)
	core, err := folder.New(folder.Config{
		Folder: ident.FolderID{1}, Device: ident.DeviceID{1}, Index: k.index, State: store.State(),
		Totals: store.Totals(), Summary: &k.summary, Rand: rand.New(rand.NewPCG(1, 1)), Notes: store.Notes(), Patterns: now,
	})
	if err != nil {
		k.b.Fatal(err)
	}
	k.core = core
}
