package node

import (
	"crypto/ed25519"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// reads returns the folder core of a device that may only read, holding what f does.
func (f *far) reads(t testing.TB) *folder.Core {
	t.Helper()
	gone := &summary.Tree{}
	for _, id := range f.index.log {
		if row := f.index.own[id]; !row.Entry.Live() {
			gone.Set(id, tree.Digest(&row.Entry))
		}
	}
	core, err := folder.New(folder.Config{
		Folder: ident.FolderID{7}, Device: f.device, Index: f.index, State: f.state, Summary: f.sums, Gone: gone,
		Replicas: []tree.Replica{{ID: 1, Device: ident.DeviceID{1}}}, Reader: true, Rand: rand.New(rand.NewPCG(1, 1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return core
}

// signedOf is what a writer signed who stood as f stands.
func signedOf(f *far, gone [32]byte) wire.SignedRoot {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	v := wire.SignedRoot{
		Folder: ident.FolderID{7}, Log: 55, Head: f.state.Head, Wall: 1, Root: f.sums.Root(), Gone: gone,
		Knowledge: f.state.Knowledge,
	}
	copy(v.Key[:], key.Public().(ed25519.PublicKey))
	copy(v.Sign[:], ed25519.Sign(key, v.ToSign()))
	return v
}

// proofCost lets a reader prove to another one four edits and a delete among many
// entries, and returns the bytes both said and the round trips.
func proofCost(t testing.TB, plain uint64) (size, rounds int) {
	a, b := newFar(1, plain), newFar(2, plain)
	differ(a, newFar(3, plain))
	from, to := a.reads(t), b.reads(t)
	var gone summary.Tree
	for _, id := range a.index.log {
		if row := a.index.own[id]; !row.Entry.Live() {
			gone.Set(id, tree.Digest(&row.Entry))
		}
	}
	v := signedOf(a, gone.Root())
	now := step.Instant(0)
	words := to.Handle(now, folder.SignedHeard{From: a.device, Signed: v, Trusted: true, Wall: 1})
	now = now.Add(time.Second)
	words = append(append([]folder.Effect(nil), words...), to.Tick(now)...)
	size = wire.Size(v)
	for ; len(words) > 0; rounds++ {
		words = shuttle(t, party{from, a.device, b.device}, words, now, &size)
		words = shuttle(t, party{to, b.device, a.device}, words, now, &size)
	}
	if a.sums.Root() != b.sums.Root() {
		t.Fatal("not all of it was proven")
	}
	to.Handle(now, folder.Committed{})
	if s := to.Snapshot(); s.Signed == nil || !s.Knowledge.CoversAll(a.state.Knowledge) {
		t.Fatal("what was proven is not held")
	}
	return size, rounds
}

// party is one side of a talk.
type party struct {
	core        *folder.Core
	self, other ident.DeviceID
}

// shuttle lets a core hear what was said to it, and returns what it says.
func shuttle(t testing.TB, p party, words []folder.Effect, now step.Instant, size *int) (out []folder.Effect) {
	for _, word := range words {
		tell, ok := word.(folder.Tell)
		if !ok || tell.To != p.self {
			continue
		}
		*size += wire.Size(tell.Message)
		m, err := wire.Parse(wire.Append(nil, tell.Message))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.core.Handle(now, folder.RepairHeard{From: p.other, Message: m, Wall: 1})...)
		out = append(out, p.core.Handle(now, folder.Committed{})...)
	}
	return out
}

// A reader proves few differences among many entries as cheaply as a writer tells them.
func TestProofOfManyEntries(t *testing.T) {
	size, rounds := proofCost(t, 100_000)
	t.Logf("five differences in 100,000 entries: %d bytes in %d round trips", size, rounds)
	if size >= 64<<10 || rounds >= 12 {
		t.Errorf("five differences cost %d bytes in %d round trips", size, rounds)
	}
}

// BenchmarkProofOfAMillionEntries says what it costs on the wire.
func BenchmarkProofOfAMillionEntries(b *testing.B) {
	for b.Loop() {
		size, rounds := proofCost(b, 1_000_000)
		b.ReportMetric(float64(size), "wire-B")
		b.ReportMetric(float64(rounds), "rounds")
	}
}
