package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
)

// feed builds the recipe of content on one goroutine, in blocks of the given size. Each
// block is wiped once it is fed, as a reader does that uses its memory again.
func feed(content []byte, block int) (Recipe, error) {
	b, err := NewBuilder(int64(len(content)))
	if err != nil {
		return Recipe{}, err
	}
	buffer := make([]byte, block)
	for len(content) > 0 {
		n := copy(buffer, content)
		if err := b.Feed(buffer[:n]); err != nil {
			return Recipe{}, err
		}
		clear(buffer)
		content = content[n:]
	}
	return b.Finish()
}

// hashed builds the recipe of size bytes of r with two hashing goroutines, in the shape
// that the comment of Builder describes.
func hashed(r io.Reader, size int64, block int) (Recipe, error) {
	b, err := NewBuilder(size)
	if err != nil {
		return Recipe{}, err
	}
	type job struct {
		chunk []byte
		into  *Chunk
	}
	jobs := make(chan job)
	var workers, pending sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for j := range jobs {
				*j.into = Chunk{ID: HashChunk(j.chunk), Size: uint32(len(j.chunk))}
				pending.Done()
			}
		})
	}
	defer workers.Wait()
	defer close(jobs)
	p := b.Params()
	cutter := chunker.NewCutter(p)
	buffer := make([]byte, p.Max()+block)
	start, kept := int64(0), 0
	for {
		n, readErr := io.ReadFull(r, buffer[kept:kept+block])
		cuts := cutter.Cuts(buffer[kept:kept+n], nil)
		if readErr != nil {
			cuts = cutter.Finish(cuts)
		}
		rest, done := buffer[:kept+n], make([]Chunk, len(cuts))
		pending.Add(len(cuts))
		for i, end := range cuts {
			jobs <- job{rest[:end-start], &done[i]}
			rest, start = rest[end-start:], end
		}
		pending.Wait()
		for _, c := range done {
			if err := b.Add(c.ID, int(c.Size)); err != nil {
				return Recipe{}, err
			}
		}
		if readErr != nil {
			return b.Finish()
		}
		kept = copy(buffer, rest)
	}
}

func sameRecipe(t *testing.T, where string, got Recipe, err error, want Recipe) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", where, err)
	}
	if got.Class != want.Class || !slices.Equal(got.Chunks, want.Chunks) {
		t.Errorf("%s: got %d chunks of class %d, want %d of class %d, equal ones", where,
			len(got.Chunks), got.Class, len(want.Chunks), want.Class)
	}
}

func TestEveryWayBuildsTheSameRecipe(t *testing.T) {
	all := patternless(17 << 20)
	for _, size := range []int{0, 1, 16 << 10, 16<<10 + 1, 300_000, 5 << 20, 17 << 20} {
		content := all[:size]
		want := Of(content)
		if err := want.Validate(); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if want.Size() != int64(size) {
			t.Errorf("%d bytes: the recipe has %d", size, want.Size())
		}
		start := 0
		for i, c := range want.Chunks {
			end := start + int(c.Size)
			if HashChunk(content[start:end]) != c.ID {
				t.Errorf("%d bytes: chunk %d has not the id of its bytes", size, i)
			}
			start = end
		}
		for _, block := range []int{1 << 10, 77_777, 8 << 20} {
			where := fmt.Sprintf("%d bytes in blocks of %d", size, block)
			got, err := feed(content, block)
			sameRecipe(t, where, got, err, want)
			got, err = hashed(bytes.NewReader(content), int64(size), block)
			sameRecipe(t, where+", two hashers", got, err, want)
		}
	}
}

func TestBuilderNoticesAChangedSize(t *testing.T) {
	content := patternless(200_000)
	for name, build := range map[string]func(size int64) error{
		"Feed": func(size int64) error {
			b, err := NewBuilder(size)
			if err != nil {
				return err
			}
			if err := b.Feed(content); err != nil {
				return err
			}
			_, err = b.Finish()
			return err
		},
		"Add": func(size int64) error {
			_, err := hashed(bytes.NewReader(content), size, 50_000)
			return err
		},
	} {
		for _, off := range []int64{-200_000, -1, 1, 1000, 20 << 20} {
			if err := build(200_000 + off); !errors.Is(err, ErrSizeChanged) {
				t.Errorf("%s, said to be %d bytes longer: got %v", name, off, err)
			}
		}
		if err := build(200_000); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that grows as fast as it is read must not keep its reader busy for ever.
func TestBuilderStopsAtTheFirstByteTooMany(t *testing.T) {
	fed, err := NewBuilder(10)
	if err != nil {
		t.Fatal(err)
	}
	if err := fed.Feed(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := fed.Feed(make([]byte, 1)); !errors.Is(err, ErrSizeChanged) {
		t.Errorf("Feed: got %v, want ErrSizeChanged", err)
	}
	added, err := NewBuilder(10)
	if err != nil {
		t.Fatal(err)
	}
	if err := added.Add(ident.ChunkID{}, 11); !errors.Is(err, ErrSizeChanged) {
		t.Errorf("Add: got %v, want ErrSizeChanged", err)
	}
}

func TestBuilderRefusesWhatNoRecipeCanHold(t *testing.T) {
	for _, size := range []int64{-1, MaxSize + 1} {
		if _, err := NewBuilder(size); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes: got %v", size, err)
		}
	}
	b, err := NewBuilder(MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	least := b.Params().Min()
	for range MaxChunks {
		if err := b.Add(ident.ChunkID{}, least); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Add(ident.ChunkID{}, least); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a chunk too many: got %v", err)
	}
}

func TestFinishRefusesChunksThatWereNotCutByTheRule(t *testing.T) {
	for name, sizes := range map[string][]int{
		"small inside": {100, 30_000}, "too large": {300_000}, "empty": {30_000, 0},
		"below nothing": {30_000, -1, 1},
	} {
		total := 0
		for _, size := range sizes {
			total += size
		}
		b, err := NewBuilder(int64(total))
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range sizes {
			if err := b.Add(ident.ChunkID{}, size); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Finish(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	content := patternless(64 << 20)
	run := func(name string, build func() (Recipe, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := build(); err != nil {
					b.Fatal(err)
				}
			}
			perRun := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(float64(len(content))/(1<<30)/perRun, "GiB/s")
		})
	}
	run("feed", func() (Recipe, error) {
		built, err := NewBuilder(int64(len(content)))
		if err != nil {
			return Recipe{}, err
		}
		for block := range slices.Chunk(content, 8<<20) {
			if err := built.Feed(block); err != nil {
				return Recipe{}, err
			}
		}
		return built.Finish()
	})
	run("2 hashers", func() (Recipe, error) {
		return hashed(bytes.NewReader(content), int64(len(content)), 8<<20)
	})
	run("only hash", func() (Recipe, error) {
		HashChunk(content)
		return Recipe{}, nil
	})
}

func BenchmarkParse(b *testing.B) {
	chunks := make([]Chunk, 1<<20)
	for i := range chunks {
		chunks[i] = Chunk{ID: ident.ChunkID{byte(i), byte(i >> 8), byte(i >> 16)}, Size: 1 << 20}
	}
	encoded := Recipe{Class: 2, Chunks: chunks}.Append(nil)
	b.SetBytes(int64(len(encoded)))
	for b.Loop() {
		if _, err := Parse(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
