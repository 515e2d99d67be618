package disk

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk/disktest"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// noise returns bytes that are cut into several chunks.
func noise(size int, seed byte) []byte {
	content := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{seed}).Read(content); err != nil {
		panic("bug: a generator cannot fail: " + err.Error())
	}
	return content
}

func chunkOf(content []byte, r recipe.Recipe, i int) []byte {
	at := r.Offset(i)
	return content[at : at+int64(r.Chunks[i].Size)]
}

func begin(t testing.TB, r real, rec recipe.Recipe) *Stage {
	t.Helper()
	s, err := r.Begin(rec.ID(), rec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// whole returns an order for a file of several chunks.
func whole(path string, rec recipe.Recipe, victim *tree.Stat) tree.Order {
	o := disktest.Install(path, nil, victim)
	o.Content, o.Size = rec.ID(), rec.Size()
	return o
}

func TestStageInAnyOrder(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(3<<20, 1)
	rec := recipe.Of(content)
	s := begin(t, r, rec)
	if n := len(rec.Chunks); n < 10 || s.Missing() != n {
		t.Fatalf("%d of %d chunks missing", s.Missing(), n)
	}
	var all sync.WaitGroup
	for _, i := range rand.Perm(len(rec.Chunks)) {
		all.Go(func() {
			if err := s.Put(i, chunkOf(content, rec, i)); err != nil {
				t.Error(err)
			}
			got, err := r.ReadChunk(rec.ID(), i, nil)
			if err != nil || !bytes.Equal(got, chunkOf(content, rec, i)) {
				t.Errorf("chunk %d cannot be served once it is there: %v", i, err)
			}
		})
	}
	all.Wait()
	if !r.Complete(rec.ID()) {
		t.Fatal("not complete")
	}
	is := r.do(t, whole("f", rec, nil), tree.Done)
	r.holds(t, "f", string(content))
	got, err := r.ReadChunkAt("f", is, Range{rec.Offset(2), int64(rec.Chunks[2].Size)}, nil)
	if err != nil || !bytes.Equal(got, chunkOf(content, rec, 2)) {
		t.Errorf("read chunk of the installed file: %v", err)
	}
	if _, err := r.ReadChunkAt("f", is, Range{is.Size - 1, 2}, nil); err == nil {
		t.Error("read beyond the end")
	}
	if _, err := r.ReadChunk(rec.ID(), 0, nil); !errors.Is(err, ErrNotStaged) {
		t.Errorf("read after install: %v", err)
	}
	r.onceAt(t, "read", func() error { return rewriteInPlace(filepath.Join(r.dir, "f")) })
	for _, when := range []string{"during", "after"} {
		if _, err := r.ReadChunkAt("f", is, Range{0, 3}, nil); !errors.Is(err, ErrChanged) {
			t.Errorf("read %s an edit: %v", when, err)
		}
	}
}

func TestPutRefusesOtherBytes(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(1<<20, 2)
	rec := recipe.Of(content)
	s := begin(t, r, rec)
	for _, chunk := range [][]byte{nil, chunkOf(content, rec, 1), chunkOf(content, rec, 0)[1:]} {
		if err := s.Put(0, chunk); !errors.Is(err, ErrBadChunk) {
			t.Errorf("got %v, want ErrBadChunk", err)
		}
	}
	if err := s.Put(len(rec.Chunks), nil); err == nil {
		t.Error("a chunk that does not exist was taken")
	}
	if s.Missing() != len(rec.Chunks) {
		t.Error("a bad chunk counts")
	}
	r.do(t, whole("f", rec, nil), tree.ContentGone)
}

// TestResumeTornStage tears the last chunk that was written, as a power cut does.
func TestResumeTornStage(t *testing.T) {
	r := newReal(t, Limits{})
	content := noise(2<<20, 3)
	rec := recipe.Of(content)
	s := begin(t, r, rec)
	for i := 0; i < 5; i++ {
		if err := s.Put(i, chunkOf(content, rec, i)); err != nil {
			t.Fatal(err)
		}
	}
	r = r.reopen(t)
	staged := filepath.Join(r.dir, tree.PrivateDir, stageName, rec.ID().String())
	f, err := os.OpenFile(staged, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	half := int(rec.Chunks[3].Size) / 2
	_, err = f.WriteAt(make([]byte, half), rec.Offset(3)+int64(half))
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	s = begin(t, r, rec)
	for i := range rec.Chunks {
		if want := i < 5 && i != 3; s.Has(i) != want || s.Present()[0]>>i&1 == 1 != want {
			t.Errorf("chunk %d: has %v, want %v", i, s.Has(i), want)
		}
	}
	for i := range rec.Chunks {
		if err := s.Put(i, chunkOf(content, rec, i)); err != nil {
			t.Fatal(err)
		}
	}
	r.do(t, whole("f", rec, nil), tree.Done)
	r.holds(t, "f", string(content))
}

func TestTakesChunksOfTheOldVersion(t *testing.T) {
	r := newReal(t, Limits{})
	old := noise(2<<20, 4)
	oldRecipe := recipe.Of(old)
	content := bytes.Clone(old)
	copy(content[1<<20:], "a change in the middle")
	rec := recipe.Of(content)
	is := r.save(t, "f", string(old))
	s := begin(t, r, rec)
	n, err := s.CopyFrom("f", *is, oldRecipe)
	if err != nil || n == 0 || s.Missing() == 0 || s.Missing() > 3 {
		t.Fatalf("%d chunks taken, %d missing, %v", n, s.Missing(), err)
	}
	for i := range rec.Chunks {
		if err := s.Put(i, chunkOf(content, rec, i)); err != nil {
			t.Fatal(err)
		}
	}
	r.do(t, whole("f", rec, is), tree.Done)
	r.holds(t, "f", string(content))
	s = begin(t, r, oldRecipe)
	if _, err := s.CopyFrom("f", *is, oldRecipe); !errors.Is(err, ErrChanged) {
		t.Errorf("took chunks from another file: %v", err)
	}
	// A file that lies about its time is found out by its bytes.
	r.save(t, "g", string(noise(2<<20, 5)))
	if n, err := s.CopyFrom("g", *r.see(t, "g"), oldRecipe); !errors.Is(err, ErrChanged) || n != 0 {
		t.Errorf("%d chunks taken from other bytes, %v", n, err)
	}
}

// TestTakesChunksAcrossClasses: a file grows over the border of a size class, and all its
// chunks are others. What it held before is taken from the old copy all the same.
func TestTakesChunksAcrossClasses(t *testing.T) {
	r := newReal(t, Limits{})
	const border = 16 << 20
	content := noise(border+100_000, 8)
	old := content[:border-200_000]
	rec, oldRecipe := recipe.Of(content), recipe.Of(old)
	if rec.Class == oldRecipe.Class {
		t.Fatal("both are of one class")
	}
	is := r.save(t, "f", string(old))
	s := begin(t, r, rec)
	n, err := s.CopyFrom("f", *is, oldRecipe)
	if err != nil || n == 0 || s.Missing() > 2 {
		t.Fatalf("%d chunks taken, %d of %d missing, %v", n, s.Missing(), len(rec.Chunks), err)
	}
	for i := range rec.Chunks {
		if err := s.Put(i, chunkOf(content, rec, i)); err != nil {
			t.Fatal(err)
		}
	}
	r.do(t, whole("f", rec, is), tree.Done)
	r.holds(t, "f", string(content))
}

// TestCopyOfALargeFile needs more than the stat only where the recipe is known.
func TestCopyOfALargeFile(t *testing.T) {
	content := noise(1<<20, 10)
	rec := recipe.Of(content)
	for _, known := range []bool{false, true} {
		limits := Limits{}
		if known {
			limits.Recipe = func(id ident.ContentID) (recipe.Recipe, bool) {
				return rec, id == rec.ID()
			}
		}
		r := newReal(t, limits)
		o := whole("to", rec, nil)
		o.Copy, o.CopyStat = "from", *r.save(t, "from", string(content))
		r.save(t, "from", string(noise(1<<20, 12)))
		r.do(t, o, tree.ContentGone)
		o.CopyStat = *r.save(t, "from", string(noise(1<<20, 11)))
		if known {
			r.do(t, o, tree.ContentGone)
		}
		o.CopyStat = *r.save(t, "from", string(content))
		r.do(t, o, tree.Done)
		r.holds(t, "to", string(content))
		if n := r.inPrivate(t, stageName); n != 0 {
			t.Errorf("%d leftovers are staged", n)
		}
	}
}

func TestZerosAreHoles(t *testing.T) {
	r := newReal(t, Limits{})
	content := make([]byte, 8<<20)
	copy(content, noise(1<<20, 6))
	rec := recipe.Of(content)
	s := begin(t, r, rec)
	before := s.Missing()
	if before == len(rec.Chunks) {
		t.Error("chunks of zeros have to be fetched")
	}
	for i := range rec.Chunks {
		if err := s.Put(i, chunkOf(content, rec, i)); err != nil {
			t.Fatal(err)
		}
	}
	r.do(t, whole("f", rec, nil), tree.Done)
	r.holds(t, "f", string(content))
}

func TestNoSpace(t *testing.T) {
	r := newReal(t, Limits{KeepFree: 1 << 60})
	content := noise(1<<20, 7)
	rec := recipe.Of(content)
	if _, err := r.Begin(rec.ID(), rec); !errors.Is(err, ErrNoSpace) {
		t.Errorf("got %v, want ErrNoSpace", err)
	}
	if err := r.PutWhole(disktest.ID([]byte("x")), []byte("x")); !errors.Is(err, ErrNoSpace) {
		t.Errorf("got %v, want ErrNoSpace", err)
	}
	is := r.save(t, "from", "x")
	o := disktest.Install("to", []byte("x"), nil)
	o.Copy, o.CopyStat = "from", *is
	r.do(t, o, tree.NoSpace)
}

func TestSweep(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Now: func() time.Time { return now }})
	wanted, unwanted := r.put(t, "wanted"), r.put(t, "unwanted")
	keep := func(id ident.ContentID) bool { return id == disktest.ID(wanted) }
	sweep := func(left int) {
		t.Helper()
		if err := r.Sweep(keep); err != nil {
			t.Error(err)
		}
		if n := r.inPrivate(t, stageName); n != left {
			t.Errorf("%d staged, want %d", n, left)
		}
	}
	sweep(2)
	now = now.Add(stageAge)
	sweep(1)
	if r.Complete(disktest.ID(unwanted)) || !r.Complete(disktest.ID(wanted)) {
		t.Error("the wrong one was dropped")
	}
	r.put(t, "left by a run")
	r = r.reopen(t)
	now = now.Add(-time.Minute) // the system's time of a file may lag behind the clock
	sweep(2)
	now = now.Add(2 * stageAge)
	sweep(1)
}

func TestPutWholeAfterRestart(t *testing.T) {
	r := newReal(t, Limits{})
	content := r.put(t, "one")
	r = r.reopen(t)
	r.do(t, disktest.Install("f", content, nil), tree.ContentGone)
	r.put(t, "one")
	r.do(t, disktest.Install("f", content, nil), tree.Done)
	r.holds(t, "f", "one")
}

// What a crash has left of a small file, or what came of it just now, need not come again.
func TestSmallFilesAreBegunWithWhatIsThere(t *testing.T) {
	r := newReal(t, Limits{})
	content := r.put(t, "one")
	id := disktest.ID(content)
	rec, _ := recipe.Implied(id, int64(len(content)))
	for _, from := range []string{"this run", "the run before"} {
		s := begin(t, r, rec)
		if s.Missing() != 0 || !s.Has(0) || !r.Complete(id) {
			t.Errorf("from %s: %d pieces are missing", from, s.Missing())
		}
		r = r.reopen(t)
	}
	s := begin(t, r, rec)
	if err := s.Put(0, content); err != nil {
		t.Error(err)
	}
	r.do(t, disktest.Install("f", content, nil), tree.Done)
	r.holds(t, "f", "one")
}

func TestSameContentFromManySides(t *testing.T) {
	r := newReal(t, Limits{})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := r.PutWhole(disktest.ID([]byte("same")), []byte("same")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := r.inPrivate(t, stageName); n != 1 {
		t.Errorf("%d staged files", n)
	}
	r.do(t, disktest.Install("f", []byte("same"), nil), tree.Done)
}

// smallFiles returns 20,000 files of 1 to 16 KiB in 200 directories.
func smallFiles() (paths []string, contents [][]byte, ids []ident.ContentID) {
	rng := rand.New(rand.NewPCG(1, 2))
	pool := noise(1<<20, 8)
	for i := range 20_000 {
		size := 1<<10 + rng.IntN(15<<10)
		at := rng.IntN(len(pool) - size)
		content := append(fmt.Appendf(nil, "%d ", i), pool[at:at+size]...)
		paths = append(paths, fmt.Sprintf("d%03d/file%05d", i/100, i))
		contents = append(contents, content)
		ids = append(ids, disktest.ID(content))
	}
	return paths, contents, ids
}

func BenchmarkSmallFiles(b *testing.B) {
	paths, contents, ids := smallFiles()
	plain := func(sync bool) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				dir := b.TempDir()
				b.StartTimer()
				for i, path := range paths {
					if err := plainInstall(dir, path, contents[i], sync); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	}
	b.Run("shoal", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			r := newRealIn(b, b.TempDir(), Limits{})
			b.StartTimer()
			orders := make([]tree.Order, 0, len(paths)+200)
			for i, path := range paths {
				if i%100 == 0 {
					orders = append(orders, tree.Order{Op: tree.MakeDir, Path: filepath.Dir(path),
						Mode: 0o755})
				}
				if err := r.PutWhole(ids[i], contents[i]); err != nil {
					b.Fatal(err)
				}
				orders = append(orders, disktest.Install(path, contents[i], nil))
				orders[len(orders)-1].Content = ids[i]
				if len(orders) >= 1000 || i == len(paths)-1 {
					for _, o := range r.Execute(orders) {
						if o.Refusal != tree.Done {
							b.Fatalf("%+v", o)
						}
					}
					orders = orders[:0]
				}
			}
		}
	})
	b.Run("plain", plain(false))
	b.Run("fsync each", plain(true))
}

func plainInstall(dir, path string, content []byte, sync bool) error {
	path = filepath.Join(dir, path)
	f, err := os.Create(path + ".tmp")
	if errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		f, err = os.Create(path + ".tmp")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if sync {
		err = errors.Join(err, f.Sync())
	}
	return errors.Join(err, f.Close(), os.Rename(path+".tmp", path))
}

func BenchmarkLargeFile(b *testing.B) {
	const size = 1 << 30
	block := noise(64<<20, 9)
	content := bytes.Repeat(block, size/len(block))
	rec := recipe.Of(content)
	b.Run("shoal", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			r := newRealIn(b, b.TempDir(), Limits{})
			s := begin(b, r, rec)
			var at int64
			for i, c := range rec.Chunks {
				if err := s.Put(i, content[at:at+int64(c.Size)]); err != nil {
					b.Fatal(err)
				}
				at += int64(c.Size)
			}
			r.do(b, whole("f", rec, nil), tree.Done)
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			f, err := os.Create(filepath.Join(b.TempDir(), "f"))
			if err != nil {
				b.Fatal(err)
			}
			var at int64
			for _, c := range rec.Chunks {
				if _, err := f.WriteAt(content[at:at+int64(c.Size)], at); err != nil {
					b.Fatal(err)
				}
				at += int64(c.Size)
			}
			if err := errors.Join(f.Sync(), f.Close()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hash only", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			var at int64
			for _, c := range rec.Chunks {
				if recipe.HashChunk(content[at:at+int64(c.Size)]) != c.ID {
					b.Fatal("bug: the recipe is not of this content")
				}
				at += int64(c.Size)
			}
		}
	})
}
