package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc"
	"github.com/jotfs/fastcdc-go"
	"github.com/vmihailenco/msgpack/v5"
	"go.etcd.io/bbolt"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// parts are parts of the program against libraries that do the same. What counts is the time
// of the processor, so that other programs matter little; but where it says otherwise,
// that is also what binds.
func parts() []benchCase {
	return []benchCase{
		{"cut 64 MiB into chunks of 256 KiB, against fastcdc-v1 of Plakar", cutAgainstPlakar},
		{"the same, against jotfs/fastcdc-go", cutAgainstJotfs},
		{"write and read 100,000 rows for the wire, against msgpack", rowsAgainstMsgpack},
		{"record 50,000 entries durably, against bbolt", indexAgainstBolt},
	}
}

const partReps = 5

// quickest is how much of a processor a call takes at best: others' programs only ever make
// it more.
func quickest(reps int, call func() error) (time.Duration, error) {
	best := time.Duration(1<<63 - 1)
	for range reps {
		begun := used()
		if err := call(); err != nil {
			return 0, err
		}
		best = min(best, used()-begun)
	}
	return best, nil
}

// used is the time of the processors that this program has had.
func used() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // there is no other reason than a wrong argument
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// against times two calls in turn.
func against(ours, theirs func() error) (us, them time.Duration, err error) {
	us, them = time.Duration(1<<63-1), time.Duration(1<<63-1)
	for range partReps {
		a, err := quickest(1, ours)
		if err != nil {
			return 0, 0, err
		}
		b, err := quickest(1, theirs)
		if err != nil {
			return 0, 0, err
		}
		us, them = min(us, a), min(them, b)
	}
	return us, them, nil
}

func noise(size int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	out := make([]byte, size)
	_, _ = r.Read(out) // never fails
	return out
}

func cutOurs(of []byte) func() error {
	return func() error {
		c := chunker.NewCutter(chunker.ForSize(1 << 30))
		var cuts []int64
		for block := range slices.Chunk(of, 8<<20) {
			cuts = c.Cuts(block, cuts)
		}
		if cuts = c.Finish(cuts); cuts[len(cuts)-1] != int64(len(of)) {
			return errors.New("the chunks do not add up")
		}
		return nil
	}
}

const cutSize = 64 << 20

func speed(size int, took time.Duration) string {
	return fmt.Sprintf("%.2f GiB/s", float64(size)/(1<<30)/took.Seconds())
}

func cutAgainst(theirs func([]byte) error) (r result, err error) {
	data := noise(cutSize)
	us, them, err := against(cutOurs(data), func() error { return theirs(data) })
	r = result{ours: speed(cutSize, us), peer: speed(cutSize, them), goal: "<= 0.77", binds: "CPU"}
	r.ratio = us.Seconds() / them.Seconds()
	r.misses = r.ratio > 0.77
	return r, err
}

func cutAgainstPlakar() (result, error) {
	return cutAgainst(func(data []byte) error {
		c, err := chunkers.NewChunker("fastcdc-v1.0.0", bytes.NewReader(data),
			&chunkers.ChunkerOpts{MinSize: 64 << 10, NormalSize: 256 << 10, MaxSize: 1 << 20})
		for err == nil {
			_, err = c.Next()
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	})
}

func cutAgainstJotfs() (result, error) {
	return cutAgainst(func(data []byte) error {
		c, err := fastcdc.NewChunker(bytes.NewReader(data), fastcdc.Options{
			MinSize: 64 << 10, AverageSize: 256 << 10, MaxSize: 1 << 20, BufSize: 8 << 20})
		for err == nil {
			_, err = c.Next()
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	})
}

// photographs are entries as a first scan makes them, in directories of a hundred.
func photographs(n int) []tree.Entry {
	out := make([]tree.Entry, n)
	var dir ident.EntryID
	for i := range out {
		e := &out[i]
		binary.BigEndian.PutUint64(e.ID[:], rand.NewPCG(1, uint64(i)).Uint64())
		binary.BigEndian.PutUint64(e.ID[8:], uint64(i)+1)
		if i%100 == 0 {
			dir = e.ID
		}
		v := version.Version{Dot: version.Dot{Replica: 7, Counter: uint64(i + 1)}}
		v.Seen = version.Vector{v.Dot}
		v.Stamp = version.Stamp{Time: version.HybridOf(1_700_000_000_000), Replica: 7}
		e.Kind = tree.File
		e.Place = tree.Placement{Version: v, Context: v.Seen, Parent: dir, Name: fmt.Sprintf("photograph %07d.jpg", i)}
		e.Content = tree.Content{Version: v, Context: v.Seen, Size: int64(i)}
		binary.BigEndian.PutUint64(e.Content.ID[:], rand.NewPCG(2, uint64(i)).Uint64())
		e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o644, Mtime: 1_700_000_000_123_456_789}
	}
	return out
}

// rowsAgainstMsgpack holds the same values, by the same names, against each other.
func rowsAgainstMsgpack() (r result, err error) {
	const n, page = 100_000, 1000
	entries := photographs(n)
	var ourBytes, theirBytes int
	ours := func() error {
		var room []byte
		ourBytes = 0
		for at := 0; at < n; at += page {
			m := wire.Rows{After: uint64(at), Upto: uint64(at + page), Entries: entries[at : at+page], Has: make([]bool, page)}
			room = wire.Append(room[:0], m)
			ourBytes += len(room)
			if _, err := wire.Parse(room); err != nil {
				return err
			}
		}
		return nil
	}
	theirs := func() error {
		theirBytes = 0
		for at := 0; at < n; at += page {
			body, err := msgpack.Marshal(entries[at : at+page])
			if err != nil {
				return err
			}
			theirBytes += len(body)
			var back []tree.Entry
			if err := msgpack.Unmarshal(body, &back); err != nil {
				return err
			}
		}
		return nil
	}
	us, them, err := against(ours, theirs)
	if err != nil {
		return r, err
	}
	r.ours = fmt.Sprintf("%.2f s, %d B a row", us.Seconds(), ourBytes/n)
	r.peer = fmt.Sprintf("%.2f s, %d B a row", them.Seconds(), theirBytes/n)
	r.ratio, r.goal, r.binds = us.Seconds()/them.Seconds(), "-", "CPU"
	return r, nil
}

// indexAgainstBolt records entries in transactions of 1,000. Shoal keeps them by id, number,
// directory, name, three letters of the name, and need; bbolt by id and by directory and
// name.
func indexAgainstBolt() (r result, err error) {
	const n, page = 50_000, 1000
	dir, err := os.MkdirTemp("", "shoal-bench")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	entries := photographs(n)
	serial := 0
	us, err := quickest(2, func() error {
		serial++
		s, _, err := index.Open(filepath.Join(dir, fmt.Sprint("index", serial)))
		if err != nil {
			return err
		}
		for at := 0; at < n; at += page {
			var b tree.Batch
			for i := at; i < at+page; i++ {
				b.Rows = append(b.Rows, tree.Row{Entry: entries[i], Seq: uint64(i + 1)})
			}
			s.Apply(b)
			if err := s.Commit(); err != nil {
				return errors.Join(err, s.Close())
			}
		}
		return s.Close()
	})
	if err != nil {
		return r, err
	}
	them, err := quickest(2, func() error {
		serial++
		return fillBolt(filepath.Join(dir, fmt.Sprint("bolt", serial)), entries, page)
	})
	r.ours = fmt.Sprintf("%.2f s", us.Seconds())
	r.peer = fmt.Sprintf("%.2f s", them.Seconds())
	r.ratio, r.goal, r.binds = us.Seconds()/them.Seconds(), "-", "CPU; fsync of 50 commits is not counted"
	return r, err
}

func fillBolt(path string, entries []tree.Entry, page int) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		return err
	}
	for at := 0; at < len(entries) && err == nil; at += page {
		err = db.Update(func(tx *bbolt.Tx) error {
			byID, err := tx.CreateBucketIfNotExists([]byte("id"))
			if err != nil {
				return err
			}
			byName, err := tx.CreateBucketIfNotExists([]byte("name"))
			if err != nil {
				return err
			}
			for i := at; i < at+page; i++ {
				e := &entries[i]
				if err := byID.Put(e.ID[:], tree.AppendEntry(nil, e)); err != nil {
					return err
				}
				if err := byName.Put(append(e.Place.Parent[:], e.Place.Name...), e.ID[:]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return errors.Join(err, db.Close())
}
