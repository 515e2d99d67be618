package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// large is the index of a folder that is larger than this disk: its rows and recipes are made
// up, as many and as long as those of real files would be.
func large(o options) []benchCase {
	l := library{films: 100, photographs: 50_000, goal: "<= 20 us"}
	if o.full {
		l.films, l.photographs, l.goal = 1000, 499_000, "<= 20 us, <= 250 MiB"
	}
	name := fmt.Sprintf("which file has a chunk, of %d files with %.1f TB", l.films+l.photographs, float64(l.bytes())/1e12)
	return []benchCase{{name, func() (result, error) { return l.ask(o.dir) }}}
}

// library is a folder of films and photographs.
type library struct {
	films, photographs int
	goal               string
	chunks             int
	sample             []ident.ChunkID
}

const (
	filmSize       = 3 << 30
	photographSize = 2 << 20
)

func (l *library) bytes() int64 {
	return int64(l.films)*filmSize + int64(l.photographs)*photographSize
}

// file makes up the recipe of a file: chunks of the usual size with ids that nothing has.
func (l *library) file(number uint64, size int64) (ident.ContentID, []byte) {
	r := recipe.Recipe{Class: chunker.ClassOf(size)}
	for left := size; left > 0; {
		n := min(left, int64(r.Class.Average()))
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, number), uint64(left)))
		r.Chunks = append(r.Chunks, recipe.Chunk{ID: sum, Size: uint32(n)})
		left -= n
	}
	l.chunks += len(r.Chunks)
	if len(l.sample) < 100_000 && number%5 == 0 || number%997 == 0 {
		l.sample = append(l.sample, r.Chunks[len(r.Chunks)/2].ID)
	}
	return r.ID(), r.Append(nil)
}

// fill makes up the whole folder, a thousand files in a directory.
func (l *library) fill(s *index.Store) error {
	var batch tree.Batch
	var recipes []index.Recipe
	var below ident.EntryID
	seq, size := uint64(0), 0
	add := func(kind tree.Kind, parent ident.EntryID, name string, size int64) ident.EntryID {
		seq++
		e, b := entryOf(seq, kind, parent, name)
		if kind == tree.File {
			var made index.Recipe
			made.Content, made.Body = l.file(seq, size)
			recipes = append(recipes, made)
			e.Content.ID, e.Content.Size = made.Content, size
			b.Content, b.Stat.Size = made.Content, size
		}
		batch.Rows = append(batch.Rows, tree.Row{Entry: e, Seq: seq})
		batch.Placed = append(batch.Placed, b)
		return e.ID
	}
	flush := func() error {
		err := s.PutRecipes(recipes)
		s.Apply(batch)
		batch, recipes, size = tree.Batch{}, nil, 0
		return errors.Join(err, s.Commit())
	}
	for i := range l.films + l.photographs {
		if i%1000 == 0 {
			below = add(tree.Dir, ident.Root, fmt.Sprint("shelf ", i), 0)
		}
		is := int64(photographSize)
		if i < l.films {
			is = filmSize
		}
		add(tree.File, below, fmt.Sprintf("file %07d", i), is)
		if size += len(recipes[len(recipes)-1].Body); size > 4<<20 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// ask asks for chunks one by one, as a device does that is told of a file which is like others,
// and looks how much memory this program has by then.
func (l *library) ask(dir string) (r result, err error) {
	place, err := os.MkdirTemp(dir, "bench-large-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	file := filepath.Join(place, "folder.db")
	s, _, err := index.Open(file)
	if err != nil {
		return r, err
	}
	if err = errors.Join(l.fill(s), s.Close()); err != nil {
		return r, err
	}
	if s, _, err = index.Open(file); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	v, err := s.View()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	begun := used()
	if _, err = v.FilesWith(l.sample[0], 1); err != nil {
		return r, err
	}
	built := used() - begun
	each, err := quickest(3, func() error {
		for _, at := range rand.Perm(len(l.sample)) {
			if files, err := v.FilesWith(l.sample[at], 1); err != nil || len(files) != 1 {
				return errors.Join(err, fmt.Errorf("%d files have the chunk", len(files)))
			}
		}
		return nil
	})
	each /= time.Duration(len(l.sample))
	mib := resident()
	r = result{ours: fmt.Sprintf("%.1f us, %d MiB with all of it in use, %.1f s until the first answer",
		float64(each.Nanoseconds())/1e3, mib, built.Seconds()),
		peer: "-", goal: l.goal, binds: "CPU: two questions to the index, and a page of each run"}
	r.misses = each > 20*time.Microsecond || mib > 250
	return r, err
}

// resident is how much memory this program has now, in MiB; 0 where it is not told.
func resident() (mib int) {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			mib, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		}
	}
	return mib / 1024
}
