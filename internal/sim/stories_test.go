package sim

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// chapter is one thing that one person does at one device, while the devices cannot talk.
type chapter struct {
	at       int // device
	before   meeting
	verb     string
	path, to string
}

// meeting is what happens before a chapter: the devices come together until all is at
// rest, for a moment in which some of it has happened, or until both crash, or not at all;
// in a hurry nobody has even looked at what was done last.
type meeting int

const (
	apart meeting = iota
	hurry
	glimpse
	rested
	crashed
)

var meetings = [...]string{"", "at once ", "after a moment together ", "after they have met ", "after a crash while together "}

func (c chapter) String() string {
	text := fmt.Sprintf("%s%c %s %s", meetings[c.before], 'A'+c.at, c.verb, c.path)
	if c.to != "" {
		text += " to " + c.to
	}
	return text
}

// play lets a world live through a story, from the same beginning every time, and returns
// it after the last chapter, or where it broke a rule.
func play(story []chapter, start int) *World {
	w := newWorld(Options{
		Name: "story", Seed: 7, Nodes: 2, Delay: 20 * time.Millisecond, Pause: 2 * time.Millisecond,
		CommitDelay: 5 * time.Millisecond, LossNotice: 100 * time.Millisecond, Quiet: true, Silent: true,
	})
	w.begin(start)
	w.rest()
	w.separate()
	for _, c := range story {
		w.meet(c.before)
		if w.failed != nil {
			break
		}
		w.act(c)
	}
	return w
}

func (w *World) meet(how meeting) {
	switch how {
	case hurry:
		w.run(5 * time.Millisecond)
		return
	case glimpse:
		w.run(3 * time.Second)
		w.devices[1].far = false
		for _, l := range w.links {
			l.restore()
		}
		w.run(150 * time.Millisecond)
	case crashed:
		w.run(3 * time.Second)
		w.devices[1].far = false
		for _, l := range w.links {
			l.restore()
		}
		w.run(time.Duration(90+w.handled%200) * time.Millisecond)
		for _, d := range w.devices {
			d.crash()
		}
		w.run(50 * time.Millisecond)
		for _, d := range w.devices {
			d.start()
		}
	case rested:
		w.rest()
	default:
		w.run(3 * time.Second)
		return
	}
	w.separate()
}

// begin puts files on the disks that first scans find: none, one that both have, one name
// with two contents, or a directory with a file on one side.
func (w *World) begin(start int) {
	a, b := w.devices[0], w.devices[1]
	switch start {
	case 1:
		c := w.contents.small(100)
		a.furnish("a", c)
		b.furnish("a", c)
	case 2:
		a.furnish("a", w.contents.small(100))
		b.furnish("a", w.contents.small(100))
	case 3:
		a.furnish("a/a", w.contents.small(100))
	}
	for _, l := range w.witness.files {
		l.contested = true
	}
	for _, d := range w.devices {
		d.start()
	}
}

func (w *World) separate() {
	w.devices[1].far = true
	for _, l := range w.links {
		l.cut()
	}
	w.run(time.Second)
}

func (w *World) act(c chapter) {
	p := &person{world: w, device: w.devices[c.at]}
	d := p.device
	switch c.verb {
	case "writes", "makes":
		p.save(c.path, w.contents.small(uint32(200+w.handled%7)))
	case "makes the same":
		p.save(c.path, w.contents.all[w.contents.same()])
	case "makes the directory":
		d.disk.mkdir(c.path)
		d.noteUnseen(c.path)
	case "moves":
		p.move(c.path, c.to)
	case "deletes":
		p.remove(c.path)
	}
}

// same is the content that everybody makes alike: the empty file.
func (l *library) same() [32]byte {
	for id, c := range l.all {
		if c.size == 0 {
			return id
		}
	}
	panic("bug: there is no empty content")
}

// chaptersAfter are all that people can do next, after each kind of meeting.
func chaptersAfter(story []chapter, start int) (out []chapter) {
	for before := apart; before <= crashed; before++ {
		if len(story) == 0 && before > apart {
			break // they have just met
		}
		w := play(story, start)
		w.meet(before)
		for at, d := range w.devices {
			if len(story) == 0 && at > 0 && start < 2 {
				break // both are alike
			}
			for _, c := range deedsAt(d) {
				c.at, c.before = at, before
				out = append(out, c)
			}
		}
	}
	return out
}

func deedsAt(d *device) (out []chapter) {
	var free, taken []string
	for _, dir := range []string{"", "a", "b"} {
		is := d.disk.at(dir)
		if dir != "" && (is == nil || is.kind != tree.Dir) {
			continue
		}
		for _, name := range []string{"a", "b"} {
			if path := join(dir, name); d.disk.at(path) == nil {
				free = append(free, path)
			}
		}
	}
	d.disk.walk(func(path string, _ *file) { taken = append(taken, path) })
	slices.Sort(taken)
	for _, path := range free {
		for _, verb := range []string{"makes", "makes the same", "makes the directory"} {
			out = append(out, chapter{verb: verb, path: path})
		}
	}
	for _, path := range taken {
		out = append(out, chapter{verb: "deletes", path: path})
		if d.disk.at(path).kind == tree.File {
			out = append(out, chapter{verb: "writes", path: path})
		}
		for _, to := range free {
			if !inside(to, path) {
				out = append(out, chapter{verb: "moves", path: path, to: to})
			}
		}
	}
	return out
}

// stories goes through all of them, or some.
type stories struct {
	t       *testing.T
	start   int
	every   int // of the longest stories, one in so many is played
	counted int
	played  int
}

func (s *stories) tell(story []chapter, left int) {
	w := play(story, s.start)
	if w.failed == nil && len(story) > 0 {
		w.rest()
	}
	s.played++
	if w.failed != nil {
		var lines []string
		for _, c := range story {
			lines = append(lines, c.String())
		}
		s.t.Errorf("begun as %d: %s\n%v", s.start, strings.Join(lines, "\n"), w.failed)
		return
	}
	if left == 0 {
		return
	}
	for _, next := range chaptersAfter(story, s.start) {
		s.counted++
		if left == 1 && s.counted%s.every > 0 {
			continue
		}
		s.tell(append(slices.Clip(story), next), left-1)
	}
}

// TestEveryStory plays everything that two people can do to two names in three chapters,
// apart or having met, with whole devices: looks, plans, orders and all. The checkers of
// every world say what must not come of it. It plays some; with SHOAL_MODEL_LARGE=1 ("make
// model") all of them.
func TestEveryStory(t *testing.T) {
	every := 600
	switch {
	case os.Getenv("SHOAL_MODEL_LARGE") != "":
		every = 1
	case testing.Short():
		every = 2000
	}
	for start := range 4 {
		t.Run(fmt.Sprint("begun as ", start), func(t *testing.T) {
			t.Parallel()
			s := &stories{t: t, start: start, every: every}
			s.tell(nil, 3)
			t.Logf("%d stories of %d", s.played, s.counted+1)
		})
	}
}

// TestKeptStories plays again what once came out wrong.
func TestKeptStories(t *testing.T) {
	for _, kept := range []struct {
		start int
		story []chapter
	}{
		// Two files with one content, whose times differ by less than a grain that is known.
		{0, []chapter{
			{verb: "makes", path: "b"},
			{before: crashed, verb: "makes the same", path: "a"},
			{at: 1, before: hurry, verb: "makes the same", path: "a"},
		}},
		// A directory takes the place of one that has just moved into it.
		{3, []chapter{
			{verb: "makes the directory", path: "b"},
			{before: crashed, verb: "moves", path: "a", to: "b/a"},
			{before: hurry, verb: "moves", path: "b", to: "a"},
		}},
	} {
		w := play(kept.story, kept.start)
		if w.failed == nil {
			w.rest()
		}
		if w.failed != nil {
			t.Errorf("begun as %d: %v\n%v", kept.start, kept.story, w.failed)
		}
	}
}
