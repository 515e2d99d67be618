package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Sizes of the cases: small ones, so that the table is there in two or three minutes, and
// those of the goals.
type sizes struct {
	files, many  int
	large, delta int64
}

func (o options) sizes() sizes {
	if o.full {
		return sizes{files: 20_000, many: 5000, large: 2 << 30, delta: 1 << 30}
	}
	return sizes{files: 4000, many: 1000, large: 256 << 20, delta: 128 << 20}
}

// scenario is a change of one folder that is to appear in another.
type scenario struct {
	// before makes what both folders hold at the beginning; nil makes nothing.
	before func(dir string) error
	// change makes the new state of the source, in one step where it can.
	change func(dir string) error
	// fresh data is made beside the source first, and moved in when the clock runs.
	fresh bool
	// rivals says whether rsync is asked to do the same, and bytes what a plain copy that is
	// made durable would write; 0 when that is no measure.
	rivals bool
	bytes  int64
	goal   float64 // of the ratio to rsync
	most   float64 // seconds, where the goal is a time
}

// programs are cases of the whole program.
func programs(o options) []benchCase {
	s := o.sizes()
	grove := func(dir string) error { return makeGrove(dir, s.files, s.files/100) }
	one := func(dir string) error { return makeFile(filepath.Join(dir, "large.bin"), s.delta, 1) }
	var out []benchCase
	add := func(name string, c scenario) {
		out = append(out, benchCase{name, func() (result, error) { return measure(o, c) }})
	}
	add(fmt.Sprintf("%d files of 1 to 16 KiB", s.files), scenario{change: grove, fresh: true, rivals: true, goal: 0.8})
	add(fmt.Sprintf("a file of %d MiB", s.large>>20), scenario{
		change: func(dir string) error { return makeFile(filepath.Join(dir, "large.bin"), s.large, 2) },
		fresh:  true, rivals: true, goal: 0.5, bytes: s.large,
	})
	add(fmt.Sprintf("1 MiB and a byte put before %d MiB", s.delta>>20), scenario{
		before: one, rivals: true, most: 2.5,
		change: func(dir string) error { return insertInto(filepath.Join(dir, "large.bin")) },
	})
	add(fmt.Sprintf("100 times 4 KiB overwritten in %d MiB", s.delta>>20), scenario{
		before: one, rivals: true, most: 2,
		change: func(dir string) error { return overwriteIn(filepath.Join(dir, "large.bin")) },
	})
	add(fmt.Sprintf("a file of %d MiB renamed", s.delta>>20), scenario{
		before: one, rivals: true, most: 0.3,
		change: func(dir string) error {
			return os.Rename(filepath.Join(dir, "large.bin"), filepath.Join(dir, "moved.bin"))
		},
	})
	add(fmt.Sprintf("a directory of %d files renamed", s.many), scenario{
		before: func(dir string) error { return makeGrove(dir, s.many, 1) }, rivals: true, most: 0.4,
		change: func(dir string) error { return os.Rename(filepath.Join(dir, "d0000"), filepath.Join(dir, "renamed")) },
	})
	return append(out, benchCase{"a byte appended, until it is seen elsewhere", func() (result, error) { return latency(o) }})
}

// took is one run.
type took struct {
	wall, cpu float64 // seconds
	busy      float64 // of all processors, by all programs, 0 to 1
}

// measure runs a scenario by shoal and by rsync in turn.
func measure(o options, c scenario) (result, error) {
	var ours, theirs []took
	for range o.reps {
		t, err := once(o, c, shoalPair)
		if err != nil {
			return result{}, err
		}
		ours = append(ours, t)
		if !c.rivals {
			continue
		}
		if t, err = once(o, c, rsyncPair); err != nil {
			return result{}, fmt.Errorf("rsync: %w", err)
		}
		theirs = append(theirs, t)
	}
	r := result{ours: show(ours), goal: "-"}
	plain := 0.0
	if c.bytes > 0 {
		var err error
		if plain, err = writeDurably(o.dir, c.bytes); err != nil {
			return r, err
		}
	}
	us := middle(ours).wall
	r.binds = binds(ours, plain)
	if len(theirs) > 0 {
		r.peer = "rsync over ssh: " + show(theirs)
		r.ratio, r.cpu = us/middle(theirs).wall, middle(ours).cpu/middle(theirs).cpu
	}
	switch {
	case c.goal > 0 && plain > 0:
		r.goal = fmt.Sprintf("<= %.1f, or 1.25 x a durable write, %.2f s", c.goal, plain)
		r.misses = r.ratio > c.goal && us > 1.25*plain
	case c.goal > 0:
		r.goal = fmt.Sprintf("<= %.1f", c.goal)
		r.misses = r.ratio > c.goal
	case c.most > 0:
		r.goal = fmt.Sprintf("<= %.1f s", c.most)
		r.misses = us > c.most
	}
	return r, nil
}

func column(of []took, f func(took) float64) (out []float64) {
	for _, t := range of {
		out = append(out, f(t))
	}
	return out
}

func middle(of []took) took {
	return took{
		wall: median(column(of, func(t took) float64 { return t.wall })),
		cpu:  median(column(of, func(t took) float64 { return t.cpu })),
		busy: median(column(of, func(t took) float64 { return t.busy })),
	}
}

func show(of []took) string {
	m := middle(of)
	return fmt.Sprintf("%.2f s, CPU %.2f s", m.wall, m.cpu)
}

// binds says what held a run up, as far as it can be told from outside: the processors when
// nearly none of their time was left, the disk when the bytes alone take most of the time.
func binds(runs []took, plain float64) string {
	m := middle(runs)
	own := m.cpu / (m.wall * float64(runtime.NumCPU()))
	switch {
	case m.busy > 0.85 && own < 0.5*m.busy:
		return fmt.Sprintf("CPU, %.0f %% of it used by other programs", 100*min(1, m.busy-own))
	case m.busy > 0.85:
		return "CPU"
	case plain > 0.6*m.wall:
		return "disk"
	case own*float64(runtime.NumCPU()) > 0.85:
		return "CPU, one processor"
	}
	return "waits: settling, fsync, round trips"
}

// pair is a source and a target, and what brings the one to the other.
type pair interface {
	// source and target are directories.
	source() string
	target() string
	// begin is called when both hold the same, before the clock runs; go on when the source
	// has changed. End gives everything back.
	begin() error
	changed() error
	cpu() float64 // seconds of all processes so far
	end() error
}

func once(o options, c scenario, of func(options, string) (pair, error)) (t took, err error) {
	dir, err := os.MkdirTemp(o.dir, "shoal-bench")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := of(o, dir)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	beside := filepath.Join(dir, "beside")
	for _, d := range []string{p.source(), p.target(), beside} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			return t, err
		}
	}
	for _, d := range []string{p.source(), p.target()} {
		if c.before != nil {
			if err := c.before(d); err != nil {
				return t, err
			}
		}
	}
	if c.fresh {
		if err := c.change(beside); err != nil {
			return t, err
		}
	}
	if err := p.begin(); err != nil {
		return t, err
	}
	syncAll()
	change := func() error { return c.change(p.source()) }
	if c.fresh {
		change = func() error { return moveAll(beside, p.source()) }
	}
	return clocked(p, change)
}

// clocked changes the source and waits until the target shows it.
func clocked(p pair, change func() error) (t took, err error) {
	cpu, busy, begun := p.cpu(), machine(), time.Now()
	if err := change(); err != nil {
		return t, err
	}
	if err := p.changed(); err != nil {
		return t, err
	}
	want, err := listing(p.source())
	if err != nil {
		return t, err
	}
	for left := want; len(left) > 0; {
		if left, err = lacking(p.target(), left); err != nil {
			return t, err
		}
		if time.Since(begun) > 15*time.Minute {
			return t, fmt.Errorf("%d files have not come", len(left))
		}
		if len(left) > 0 {
			<-time.After(10 * time.Millisecond)
		}
	}
	t.wall = time.Since(begun).Seconds()
	t.cpu = p.cpu() - cpu
	t.busy = (machine() - busy) / t.wall / float64(runtime.NumCPU())
	return t, gone(p.target(), want)
}

// file is how a file looks when it is the right one: contents come with their times.
type file struct {
	path string
	size int64
	time time.Time
}

// listing lists the files of a folder, without what programs keep there for themselves.
func listing(dir string) (out []file, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".shoal" {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err == nil && !strings.HasPrefix(d.Name(), ".shoal") {
			out = append(out, file{strings.TrimPrefix(path, dir), info.Size(), info.ModTime()})
		}
		return err
	})
	return out, err
}

// lacking returns the files that are not in a folder as they should be, from the first.
func lacking(dir string, files []file) ([]file, error) {
	for i, f := range files {
		info, err := os.Lstat(dir + f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return files[i:], nil
		}
		if err != nil {
			return nil, err
		}
		if info.Size() != f.size || !info.ModTime().Equal(f.time) {
			return files[i:], nil
		}
	}
	return nil, nil
}

// gone fails when the target holds what the source does not.
func gone(target string, want []file) error {
	have, err := listing(target)
	if err == nil && len(have) != len(want) {
		err = fmt.Errorf("the target has %d files, the source %d", len(have), len(want))
	}
	return err
}

// latency is how long a small change takes to be seen, which rsync does not do.
func latency(o options) (r result, err error) {
	dir, err := os.MkdirTemp(o.dir, "shoal-bench")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := shoalPair(o, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	for _, d := range []string{p.source(), p.target()} {
		if err := makeGrove(d, 100, 5); err != nil {
			return r, err
		}
	}
	if err := p.begin(); err != nil {
		return r, err
	}
	files, err := listing(p.source())
	if err != nil {
		return r, err
	}
	chance, seen := rand.New(rand.NewPCG(1, 1)), []float64{}
	for i := range 20 {
		<-time.After(time.Duration(300+chance.IntN(700)) * time.Millisecond)
		f := files[i%len(files)]
		begun := time.Now()
		if err := appendByte(p.source() + f.path); err != nil {
			return r, err
		}
		for grown := false; !grown; {
			<-time.After(time.Millisecond)
			info, err := os.Lstat(p.target() + f.path)
			grown = err == nil && info.Size() == f.size+1
			if time.Since(begun) > time.Minute {
				return r, errors.New("the change was not seen in a minute")
			}
		}
		seen = append(seen, float64(time.Since(begun).Milliseconds()))
	}
	r.ours = fmt.Sprintf("%.0f ms", median(seen))
	r.peer, r.goal, r.binds = "-", "<= 60 ms", "settling: 20 ms"
	r.misses = median(seen) > 60
	return r, nil
}
