package scan

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// noise returns bytes that look random and are the same for the same seed.
func noise(seed uint64, size int) []byte {
	var key [32]byte
	key[0] = byte(seed)
	data := make([]byte, size)
	rand.NewChaCha8(key).Read(data)
	return data
}

// However a file is read, it has the recipe that its bytes have.
func TestLargeFiles(t *testing.T) {
	sizes := []int{0, 1, 16 << 10, blockSize - 1, blockSize, blockSize + 1, 2*blockSize + 1,
		16<<20 + 1, 5*blockSize + 12345}
	b := newBed(t)
	want := make(map[string]ident.ContentID)
	for i, size := range sizes {
		data := noise(uint64(i), size)
		if i == len(sizes)-1 {
			clear(data[:3*blockSize]) // cut where the largest chunk ends
		}
		name := fmt.Sprint("f", i)
		b.must(os.WriteFile(b.full(name), data, 0o644))
		builder, err := recipe.NewBuilder(int64(size))
		b.must(err)
		b.must(builder.Feed(data))
		made, err := builder.Finish()
		b.must(err)
		want[name] = made.ID()
	}
	result, err := b.scanner.Folder(context.Background())
	b.must(err)
	b.words()
	var total int64
	for i, size := range sizes {
		name := fmt.Sprint("f", i)
		if got := b.rows[b.entry(name)].Content; got != want[name] {
			t.Errorf("%d bytes: content %v, want %v", size, got, want[name])
		}
		total += int64(size)
	}
	if result.Files != int64(len(sizes)) || result.Bytes != total || result.HashTime <= 0 {
		t.Errorf("%+v, want %d files of %d bytes", result, len(sizes), total)
	}
}

func TestALargeFileThatShrinksOrGrows(t *testing.T) {
	for _, size := range []int64{blockSize + 5, 4 * blockSize} {
		b := newBed(t)
		b.must(os.WriteFile(b.full("f"), noise(1, 3*blockSize), 0o644))
		v, err := openVolume(b.root)
		b.must(err)
		o, err := v.file("f")
		b.must(err)
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		r := newRun(ctx, cancel, b.scanner.options, v)
		if made, err := r.readLarge(o, size, nil); err == nil {
			t.Errorf("%d of %d bytes: got %d chunks", size, 3*blockSize, len(made.Chunks))
		}
		b.must(o.close())
		b.must(v.close())
	}
}

// spin is busy for a while, as a slow disk is.
func spin(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
	}
}

func TestProgressAndSlowFiles(t *testing.T) {
	b := newBed(t)
	b.write("f", "one")
	var last Progress
	b.scanner.options.Progress = func(p Progress) { last = p }
	b.scanner.between = func(string) { spin(slowFrom) }
	result, err := b.scanner.Folder(context.Background())
	b.must(err)
	if last != (Progress{Files: 1, Bytes: 3, Path: "f"}) {
		t.Errorf("progress %+v", last)
	}
	if len(result.Slow) != 1 || result.Slow[0].Path != "f" || result.Slow[0].Took < slowFrom {
		t.Errorf("slow: %+v", result.Slow)
	}
}

// indexed is a Known that answers fast enough not to be what is measured.
type indexed struct {
	children map[ident.EntryID][]tree.Base
	paths    map[ident.EntryID]string
	files    map[tree.FileID]tree.Base
}

func (x *indexed) List(dir ident.EntryID) ([]tree.Base, error) { return x.children[dir], nil }
func (x *indexed) At(dir ident.EntryID, name string) ([]tree.Base, error) {
	for _, r := range x.children[dir] {
		if r.Name == name {
			return []tree.Base{r}, nil
		}
	}
	return nil, nil
}
func (x *indexed) ByFile(id tree.FileID) ([]tree.Base, error) {
	if r, ok := x.files[id]; ok {
		return []tree.Base{r}, nil
	}
	return nil, nil
}
func (x *indexed) Path(entry ident.EntryID) (string, bool, error) {
	p, ok := x.paths[entry]
	return p, ok, nil
}

func benchTree(b *testing.B, files, inDir int, size func(int) int) string {
	root := b.TempDir()
	data := noise(1, 16<<10+1)
	for i := range files {
		dir := filepath.Join(root, fmt.Sprintf("dir%05d", i/inDir))
		if i%inDir == 0 {
			if err := os.Mkdir(dir, 0o755); err != nil {
				b.Fatal(err)
			}
		}
		copy(data, fmt.Sprint("file ", i))
		name := filepath.Join(dir, fmt.Sprintf("file%05d", i))
		if err := os.WriteFile(name, data[:size(i)], 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return root
}

func benchScan(b *testing.B, s *Scanner) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Folder(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func nothing[T any]([]T) error { return nil }

func later() int64 { return time.Now().Add(time.Minute).UnixNano() }

func BenchmarkFirstScanOf20000SmallFiles(b *testing.B) {
	root := benchTree(b, 20_000, 100, func(i int) int { return 1<<10 + i*7919%(15<<10) })
	benchScan(b, New(root, Options{
		Known: &indexed{}, Recipes: nothing[Recipe], Report: nothing[tree.Finding], Now: later,
	}))
}

func BenchmarkRescanOf100000Files(b *testing.B) {
	root := benchTree(b, 100_000, 100, func(int) int { return 0 })
	x := &indexed{children: make(map[ident.EntryID][]tree.Base)}
	book := &book{t: b, rows: make(map[ident.EntryID]tree.Base), late: true}
	options := Options{Known: x, Recipes: nothing[Recipe], Report: book.report, Now: later}
	if _, err := New(root, options).Folder(context.Background()); err != nil {
		b.Fatal(err)
	}
	fillIndex(x, book.log)
	options.Report = func(f []tree.Finding) error {
		b.Errorf("%d findings, the first %+v", len(f), f[0])
		return nil
	}
	benchScan(b, New(root, options))
}

// fillIndex takes in the findings of a first scan.
func fillIndex(x *indexed, found []tree.Finding) {
	ids := map[string]ident.EntryID{".": ident.Root}
	for i, f := range found {
		id := ident.EntryID{1, byte(i), byte(i >> 8), byte(i >> 16)}
		ids[f.Path] = id
		parent := ids[filepath.Dir(f.Path)]
		x.children[parent] = append(x.children[parent], tree.Base{Entry: id, Parent: parent,
			Name: filepath.Base(f.Path), Content: f.Content, Stat: f.Stat})
	}
	for _, rows := range x.children {
		sortRows(rows)
	}
}

func BenchmarkLargeFile(b *testing.B) {
	root := b.TempDir()
	const size = 512 << 20
	if err := os.WriteFile(filepath.Join(root, "f"), noise(1, size), 0o644); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	benchScan(b, New(root, Options{
		Known: &indexed{}, Recipes: nothing[Recipe], Report: nothing[tree.Finding], Now: later,
	}))
}
