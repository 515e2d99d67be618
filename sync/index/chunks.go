package index

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
)

// sighting says that a content, of which the first eight bytes of the id are kept, has a
// chunk, of which the first eight bytes are kept. Both are only likely: the recipe and the
// bytes have the last word.
type sighting struct{ chunk, content uint64 }

// chunkTable tells which contents of the folder have a chunk. It is derived from the
// recipes when it is first asked, and never stored: a row for each chunk would make the
// index ten times as large and as slow. Up to residentMax sightings are in memory, what is
// more lies in sorted runs in files without a name.
type chunkTable struct {
	mu       sync.Mutex
	built    bool
	resident []sighting // sorted, but for the last fresh ones
	fresh    int
	runs     []chunkRun
	path     string // of the index; runs are beside it
	max      int    // residentMax, less in tests
	page     []byte
}

const (
	sightingSize = 16
	// residentMax keeps the table within 64 MiB: the chunks of some 350 GB of small and
	// middling files, or of 4 TB of large ones.
	residentMax = 64 << 20 / sightingSize
	// runPattern follows the name of the index.
	runPattern = "-chunks-*"
	// freshMax is how many new sightings are searched one by one before they are sorted in.
	freshMax = 2048
	// fenceEvery is how many sightings of a run are read to find one: one page of a disk.
	fenceEvery = 4096 / sightingSize
)

// chunkRun is a sorted part of the table in a file.
type chunkRun struct {
	file   *os.File
	count  int
	fences []uint64 // the chunk of every fenceEvery-th sighting
}

func compareSightings(a, b sighting) int {
	return cmp.Or(cmp.Compare(a.chunk, b.chunk), cmp.Compare(a.content, b.content))
}

// add notes the chunks of recipes, once the table is built. When that fails there is no
// table; the next question builds it, and is told what is wrong.
func (t *chunkTable) add(recipes []Recipe) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := 0; i < len(recipes) && t.built; i++ {
		if t.insert(recipes[i].Content, recipes[i].Body) != nil {
			t.built = false
		}
	}
}

func (t *chunkTable) insert(content ident.ContentID, body []byte) error {
	of := binary.BigEndian.Uint64(content[:8])
	for id := range recipe.ChunksIn(body) {
		t.resident = append(t.resident, sighting{binary.BigEndian.Uint64(id[:8]), of})
		t.fresh++
	}
	if len(t.resident) >= t.max {
		return t.spill()
	}
	if t.built && t.fresh > max(freshMax, len(t.resident)/16) {
		t.sort()
	}
	return nil
}

func (t *chunkTable) sort() {
	slices.SortFunc(t.resident, compareSightings)
	t.resident = slices.Compact(t.resident)
	t.fresh = 0
}

// spill moves what is in memory to a run. Its file has no name any more where the system
// allows that, so nothing is left behind by a crash.
func (t *chunkTable) spill() error {
	t.sort()
	f, err := os.CreateTemp(filepath.Dir(t.path), filepath.Base(t.path)+runPattern)
	if err != nil {
		return fmt.Errorf("write the table of chunks: %w", err)
	}
	r := chunkRun{file: f, count: len(t.resident)}
	// Where the system allows it the name goes now, and the file with the last who uses it;
	// elsewhere both go with the table.
	_ = os.Remove(f.Name())
	buf := make([]byte, 0, 1<<20)
	for i, s := range t.resident {
		if i%fenceEvery == 0 {
			r.fences = append(r.fences, s.chunk)
		}
		buf = binary.BigEndian.AppendUint64(buf, s.chunk)
		buf = binary.BigEndian.AppendUint64(buf, s.content)
		if len(buf) == cap(buf) || i == r.count-1 {
			if _, err := f.Write(buf); err != nil {
				return errors.Join(fmt.Errorf("write the table of chunks: %w", err), r.close())
			}
			buf = buf[:0]
		}
	}
	t.runs = append(t.runs, r)
	t.resident, t.fresh = t.resident[:0], 0
	return nil
}

func (r *chunkRun) close() error {
	err := r.file.Close()
	if e := os.Remove(r.file.Name()); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// contents returns the first bytes of up to limit contents that likely have the chunk.
func (t *chunkTable) contents(id ident.ChunkID, limit int) (out []uint64, err error) {
	want := binary.BigEndian.Uint64(id[:8])
	t.mu.Lock()
	defer t.mu.Unlock()
	sorted := t.resident[:len(t.resident)-t.fresh]
	at, _ := slices.BinarySearchFunc(sorted, want, func(s sighting, want uint64) int {
		return cmp.Compare(s.chunk, want)
	})
	for ; at < len(sorted) && sorted[at].chunk == want && len(out) < limit; at++ {
		out = append(out, sorted[at].content)
	}
	for _, s := range t.resident[len(sorted):] {
		if s.chunk == want && len(out) < limit {
			out = append(out, s.content)
		}
	}
	for i := range t.runs {
		if out, err = t.search(&t.runs[i], want, limit, out); err != nil {
			return nil, fmt.Errorf("read the table of chunks: %w", err)
		}
	}
	return out, nil
}

// search looks a chunk up in a run, from the page before the first fence that is not lower.
func (t *chunkTable) search(r *chunkRun, want uint64, limit int, out []uint64) ([]uint64, error) {
	page, _ := slices.BinarySearch(r.fences, want)
	page = max(page-1, 0)
	if t.page == nil {
		t.page = make([]byte, fenceEvery*sightingSize)
	}
	for ; page < len(r.fences) && r.fences[page] <= want && len(out) < limit; page++ {
		first := page * fenceEvery
		buf := t.page[:min(fenceEvery, r.count-first)*sightingSize]
		if _, err := r.file.ReadAt(buf, int64(first)*sightingSize); err != nil {
			return nil, err
		}
		for ; len(buf) > 0; buf = buf[sightingSize:] {
			if binary.BigEndian.Uint64(buf) == want && len(out) < limit {
				out = append(out, binary.BigEndian.Uint64(buf[8:]))
			}
		}
	}
	return out, nil
}

// drop forgets the table; it is built again when it is asked the next time.
func (t *chunkTable) drop() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropLocked()
}

func (t *chunkTable) dropLocked() error {
	var err error
	for i := range t.runs {
		err = errors.Join(err, t.runs[i].close())
	}
	t.built, t.resident, t.fresh, t.runs = false, nil, 0, nil
	return err
}

// build reads all recipes, if that was not done yet. Those that wait to be written come
// first: they may be written meanwhile.
func (t *chunkTable) build(c *conn, waiting []Recipe) error {
	for _, r := range waiting {
		if err := t.insert(r.Content, r.Body); err != nil {
			return err
		}
	}
	s, err := c.stmt(recipeBodies)
	if err != nil {
		return err
	}
	const pageRecipes = 64
	var last int64
	for {
		s.BindInt64(1, last)
		s.BindInt64(2, pageRecipes)
		met := 0
		err := each(s, func(s *sqlite.Stmt) error {
			met++
			last = s.ColumnInt64(0)
			var content ident.ContentID
			s.ColumnBytes(1, content[:])
			return t.insert(content, c.bytes(s, 2))
		})
		if err != nil {
			return err
		}
		if met < pageRecipes {
			t.sort()
			return nil
		}
	}
}

// buildOnce builds the table if it is not there. A failure leaves none.
func (t *chunkTable) buildOnce(c *conn, w *waiting) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.built {
		return nil
	}
	err := t.dropLocked() // what a failure left
	if err == nil {
		err = t.build(c, w.list())
	}
	if err != nil {
		return errors.Join(err, t.dropLocked())
	}
	t.built = true
	return nil
}

// removeRuns removes what a run of the program left whose files could not be unnamed.
func removeRuns(path string) error {
	left, err := filepath.Glob(path + runPattern)
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
