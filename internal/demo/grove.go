package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// leastFiles is enough for every act to find files of its own.
const leastFiles = 60

// Where things are in the folder when the play begins.
const (
	sourceDir = "source"
	bigFile   = "video/film.bin"
	planFile  = "notes/plan.md"
	oldDir    = "attic"
	runnable  = "odd names/run me.sh"
	aLink     = "odd names/link"
)

// grow makes the tree that the first device begins with.
func grow(root string, o options) error {
	g := &grower{root: root}
	var files []seed
	if o.source != "" {
		files = g.copied(o.source, o.files)
	}
	if len(files) < leastFiles {
		files = invented(o.files)
	}
	g.plant(files)
	g.oddities()
	for i := range 40 {
		g.file(fmt.Sprintf("%s/%d/%02d.txt", oldDir, i%4, i), fmt.Sprintf("old paper %d\n", i), 0o644)
	}
	g.file(planFile, "# Plan\n\nMeet at noon.\n", 0o644)
	g.big(o.bigBytes)
	if errors.Is(g.err, errNoSpace) {
		return fmt.Errorf("%w: set TMPDIR to a directory with some 2 GB of room", g.err)
	}
	return g.err
}

// goTree is the source of Go's standard library, a real tree that every builder of shoal
// has, or "" where it is not installed.
func goTree() string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return ""
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "src")
	if _, err := os.Stat(filepath.Join(dir, "fmt", "print.go")); err != nil {
		return ""
	}
	return dir
}

// seed is a file to be made: a copy of another one, or made-up text.
type seed struct {
	path string
	from string
	mode fs.FileMode
	size int64
}

// grower makes files until something fails.
type grower struct {
	root string
	mu   sync.Mutex
	err  error
}

func (g *grower) failed(err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = errors.Join(g.err, err)
	return g.err != nil
}

// full is the place of a path in the folder, with the directories that lead there.
func (g *grower) full(p string) string {
	full := filepath.Join(g.root, filepath.FromSlash(p))
	g.failed(os.MkdirAll(filepath.Dir(full), 0o755))
	return full
}

func (g *grower) file(p, text string, mode fs.FileMode) {
	full := g.full(p)
	g.failed(errors.Join(os.WriteFile(full, []byte(text), mode), os.Chmod(full, mode)))
}

// copied lists the files of Go's library. The tests and the commands beside it would
// triple their number, and the time in which nothing new is to be seen.
func (g *grower) copied(from string, most int) (files []seed) {
	err := filepath.WalkDir(from, func(full string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case len(files) == most:
			return fs.SkipAll
		case d.IsDir() && (d.Name() == "cmd" || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.Type().IsRegular() || strings.HasSuffix(d.Name(), "_test.go"):
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, full)
		mode := fs.FileMode(0o644) | info.Mode()&0o111
		files = append(files, seed{path.Join(sourceDir, filepath.ToSlash(rel)), full, mode, info.Size()})
		return err
	})
	g.failed(err)
	return files
}

// invented lists made-up text files, most of them small, as in trees of people.
func invented(most int) (files []seed) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range most {
		name := fmt.Sprintf("%s/part%d/chapter%02d/page%05d.txt", sourceDir, i%5, i/5%40, i)
		files = append(files, seed{name, "", 0o644, 100 << random.IntN(10)})
	}
	return files
}

// plant makes many files with several workers.
func (g *grower) plant(files []seed) {
	made := map[string]bool{}
	for _, f := range files {
		if dir := path.Dir(f.path); !made[dir] {
			g.full(f.path)
			made[dir] = true
		}
	}
	const workers = 4 // opening files waits more than it computes
	var work sync.WaitGroup
	for w := range workers {
		work.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(w)))
			for i := w; i < len(files); i += workers {
				if g.failed(g.plantOne(files[i], random)) {
					return
				}
			}
		})
	}
	work.Wait()
}

func (g *grower) plantOne(f seed, random *rand.Rand) error {
	full := filepath.Join(g.root, filepath.FromSlash(f.path))
	if f.from == "" {
		var text strings.Builder
		for int64(text.Len()) < f.size {
			fmt.Fprintf(&text, "%x and %x\n", random.Uint32(), random.Uint32())
		}
		return os.WriteFile(full, []byte(text.String()), f.mode)
	}
	content, err := os.ReadFile(f.from)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(full, content, f.mode), os.Chmod(full, f.mode))
}

// oddities are the things that simple programs get wrong.
func (g *grower) oddities() {
	const dir = "odd names"
	g.file(dir+"/naïve café.txt", "with accents\n", 0o644)
	g.file(dir+"/日本語/こんにちは.md", "# こんにちは\n", 0o644)
	g.file(dir+"/🐟 and 'quotes', 100 %.txt", "fish\n", 0o644)
	g.file(dir+"/empty.txt", "", 0o644)
	g.file(dir+"/one byte", "1", 0o644)
	g.file(dir+"/for me only.txt", "nobody else may read this\n", 0o600)
	g.file(runnable, "#!/bin/sh\necho it runs\n", 0o755)
	g.file(dir+"/"+strings.Repeat("deep/", 12)+"down here.txt", "deep\n", 0o644)
	g.failed(os.MkdirAll(g.full(dir+"/empty directory"), 0o755))
	g.failed(os.Symlink("naïve café.txt", g.full(aLink)))
	g.failed(os.Symlink("../"+planFile, g.full(dir+"/link to the plan")))
	g.failed(os.Symlink("nowhere/at/all", g.full(dir+"/link to nothing")))
}

// big makes one file that cannot be compressed, with several workers.
func (g *grower) big(size int64) {
	f, err := os.Create(g.full(bigFile))
	if g.failed(err) {
		return
	}
	workers := int64(runtime.GOMAXPROCS(0))
	share := (size + workers - 1) / workers
	var work sync.WaitGroup
	for at := int64(0); at < size; at += share {
		work.Go(func() {
			var key [32]byte
			key[0] = byte(at / share)
			noise := io.LimitReader(rand.NewChaCha8(key), min(share, size-at))
			_, err := io.CopyBuffer(io.NewOffsetWriter(f, at), noise, make([]byte, 1<<20))
			g.failed(err)
		})
	}
	work.Wait()
	// As if it had lain there for a while: a file that was only just written is looked at
	// more than once.
	then := time.Now().Add(-time.Hour)
	g.failed(errors.Join(f.Close(), os.Chtimes(f.Name(), then, then)))
}
