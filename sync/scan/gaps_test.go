package scan

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/shoal-sync/shoal/sync/recipe"
)

// piece is what is written at a place of a file that is a hole elsewhere.
type piece struct{ at, size int64 }

// writeGapped makes a file of a size with pieces in it. It returns false where the file
// system does not say where holes are.
func (b *bed) writeGapped(name string, size int64, pieces ...piece) bool {
	b.t.Helper()
	f, err := os.Create(b.full(name))
	b.must(err)
	b.must(f.Truncate(size))
	for i, p := range pieces {
		_, err := f.WriteAt(noise(uint64(i+1), int(p.size)), p.at)
		b.must(err)
	}
	b.must(f.Close())
	top, err := openVolume(b.root)
	b.must(err)
	o, err := top.file(name)
	b.must(err)
	gaps := o.hasGaps(size)
	b.must(o.close())
	b.must(top.close())
	return !gaps.none
}

func TestHolesAreCutLikeTheZerosThatTheyHold(t *testing.T) {
	const m, k = 1 << 20, 1 << 10
	b := newBed(t)
	for n, c := range []struct {
		size   int64
		pieces []piece
	}{
		{40 * m, nil},
		{40*m + 5, nil},
		{40 * m, []piece{{0, 3 * m}}},
		{40*m + 4711, []piece{{0, 1}, {39*m + 8*k, 300 * k}}},
		{70*m + 1, []piece{{5*m + 4*k, 600 * k}, {12*m + 64*k, 4 * k}, {12*m + 900*k, 9 * m}, {60 * m, 10 * m}}},
		{30 * m, []piece{{0, 4*m + 4*k}, {7 * m, 4 * k}, {8*m + 8*k, 4 * k}, {29 * m, m}}},
	} {
		name := fmt.Sprint("file", n)
		if !b.writeGapped(name, c.size, c.pieces...) {
			t.Skip("this file system does not say where holes are")
		}
		content, err := os.ReadFile(b.full(name))
		b.must(err)
		var h heard
		h.listen(b)
		_, err = b.scanner.Names(context.Background(), []string{name})
		b.must(err)
		want := recipe.Of(content)
		if got := b.rows[b.entry(name)].Content; got != want.ID() {
			t.Errorf("%d bytes with %v: content %v, want %v", c.size, c.pieces, got, want.ID())
		}
		if c.size > prospectMin && h.whole(t).Verify(want.ID()) != nil {
			t.Errorf("%d bytes with %v: the parts that were told of are of another file", c.size, c.pieces)
		}
		g := &Growing{Path: name}
		h = heard{}
		b.must(b.scanner.ReadAhead(context.Background(), g))
		ahead := h.whole(t)
		for i, chunk := range ahead.Chunks {
			if chunk != want.Chunks[i] {
				t.Fatalf("%d bytes with %v, read ahead: chunk %d is another one", c.size, c.pieces, i)
			}
		}
	}
}

// To read all of it would take longer than a test may.
func TestAHoleOfATerabyteIsNotRead(t *testing.T) {
	b := newBed(t)
	const size = 1 << 40
	if !b.writeGapped("huge", size, piece{0, 1 << 20}, piece{size - 5<<20, 1 << 20}) {
		t.Skip("this file system does not say where holes are")
	}
	h, told := heard{}, 0
	h.listen(b)
	b.folder()
	for _, part := range h.parts {
		told += len(part.Chunks)
	}
	found := b.rows[b.entry("huge")]
	if found.Stat.Size != size || told < size/(4<<20) {
		t.Errorf("found were %d bytes and %d chunks", found.Stat.Size, told)
	}
}
