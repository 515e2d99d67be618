package merge

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// replica writes and takes in records as package folder does: a write has seen the
// context of the register it changes, and passes Rank. Its clock hears of nobody else's,
// so stamps of different replicas are in any order the test wants.
type replica struct {
	id      ident.ReplicaID
	counter uint64
	clock   version.Clock
	wall    int64
	set     map[ident.EntryID]tree.Entry
	story   *story
	// disk is what the person at this replica has seen of entries whose disk lags behind:
	// what they change was that, and the contexts say what their write has seen.
	disk map[ident.EntryID]tree.Entry
}

// story is all that was ever written, by everybody.
type story struct {
	writes []write
	raw    []tree.Entry // the record of each write, as its writer had it
	told   []tree.Entry // each write before it was joined with what its writer had
}

type write struct {
	entry    ident.EntryID
	content  tree.Content // zero dot: of a move
	replaced tree.Content // what the writer had, and knew that it replaced
}

func newReplica(n int, wall int64, s *story) *replica {
	return &replica{
		id: ident.ReplicaID(n), wall: wall, story: s,
		set: map[ident.EntryID]tree.Entry{}, disk: map[ident.EntryID]tree.Entry{},
	}
}

func entryID(n byte) (id ident.EntryID) {
	id[0], id[15] = n, 0xe
	return id
}

func (r *replica) version(seen version.Vector) version.Version {
	r.counter++
	dot := version.Dot{Replica: r.id, Counter: r.counter}
	stamp := version.Stamp{Time: r.clock.Next(r.wall), Replica: r.id}
	return version.Version{Dot: dot, Seen: seen.With(dot), Stamp: stamp}
}

// create makes a new entry.
func (r *replica) create(id ident.EntryID, kind tree.Kind, parent ident.EntryID, name, content string) {
	v := r.version(nil)
	e := tree.Entry{ID: id, Kind: kind}
	e.Place = tree.Placement{Version: v, Context: v.Seen, Parent: parent, Name: name}
	e.Content = tree.Content{Version: v, Context: v.Seen}
	if kind != tree.Dir {
		e.Content.ID, e.Content.Size = contentID(content), int64(len(content))
	}
	e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o644, Mtime: r.wall}
	r.wrote(e, tree.Content{})
}

// find makes the null version of an entry, as a first scan does.
func (r *replica) find(id ident.EntryID, name, content string) {
	e := tree.Entry{ID: id, Kind: tree.File}
	e.Place.Name = name
	e.Content.ID, e.Content.Size = contentID(content), int64(len(content))
	e.Attrs.Mode = 0o600 + uint32(len(content))
	r.wrote(e, tree.Content{})
}

func (r *replica) wrote(e tree.Entry, replaced tree.Content) {
	if recorded, known := r.set[e.ID]; known {
		Rank(&e, &recorded)
	}
	r.story.writes = append(r.story.writes, write{e.ID, e.Content, replaced})
	r.story.told = append(r.story.told, e)
	r.take(e)
	r.story.raw = append(r.story.raw, r.set[e.ID])
}

// own returns what the replica has of an entry, to be changed, and what is on disk of it.
func (r *replica) own(id ident.EntryID) (recorded, disk tree.Entry) {
	recorded = r.set[id]
	disk = recorded
	if d, lags := r.disk[id]; lags {
		disk = d
	}
	return recorded.Clone(), disk.Clone()
}

// lag leaves the disk as it is; whatever is taken in from now on is only recorded.
func (r *replica) lag(id ident.EntryID) {
	if _, lags := r.disk[id]; !lags {
		r.disk[id] = r.set[id]
	}
}

// install brings the disk in line.
func (r *replica) install(id ident.EntryID) { delete(r.disk, id) }

// saw notes on a lagging disk what its person has just written.
func (r *replica) saw(id ident.EntryID, disk tree.Entry) {
	if _, lags := r.disk[id]; lags {
		r.disk[id] = disk
	}
}

func (r *replica) edit(id ident.EntryID, content string) {
	e, disk := r.own(id)
	v := r.version(disk.Content.Context)
	ancestors := []ident.ContentID{disk.Content.ID}
	if e.Content.ID == disk.Content.ID {
		ancestors = append(ancestors, e.Content.Ancestors...)
	}
	old := disk.Content
	e.Content = tree.Content{
		Version: v, Context: v.Seen, ID: contentID(content), Size: int64(len(content)),
		Ancestors: ancestors[:min(len(ancestors), tree.AncestorsMax)],
	}
	disk.Content = e.Content
	v.Seen = disk.Attrs.Context.With(v.Dot)
	e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o644, Mtime: int64(r.clock.Last)}
	disk.Attrs = e.Attrs
	r.saw(id, disk)
	r.wrote(e, old)
}

func (r *replica) remove(id ident.EntryID) {
	e, disk := r.own(id)
	v := r.version(disk.Content.Context)
	old := disk.Content
	e.Content = tree.Content{
		Version: v, Context: v.Seen, ID: old.ID, Size: old.Size, Ancestors: old.Ancestors,
		Deleted: true, SawPlace: disk.Place.Context,
	}
	disk.Content = e.Content
	r.saw(id, disk)
	r.wrote(e, old)
}

func (r *replica) move(id, parent ident.EntryID, name string) {
	e, disk := r.own(id)
	v := r.version(disk.Place.Context)
	e.Place = tree.Placement{
		Version: v, Context: v.Seen, Parent: parent, Name: name,
		WasParent: disk.Place.Parent, WasName: disk.Place.Name,
	}
	disk.Place = e.Place
	r.saw(id, disk)
	r.wrote(e, tree.Content{})
	r.story.writes = r.story.writes[:len(r.story.writes)-1] // no content was written
}

// take joins a record with what the replica has, and the losers in turn.
func (r *replica) take(e tree.Entry) { takeInto(r.set, e) }

func takeInto(set map[ident.EntryID]tree.Entry, e tree.Entry) {
	old, known := set[e.ID]
	if !known {
		set[e.ID] = e
		return
	}
	merged, losers, err := Join(old, e)
	if err != nil {
		panic(err)
	}
	set[e.ID] = merged
	for _, l := range losers {
		takeInto(set, l)
	}
}

// from takes in all that another replica has.
func (r *replica) from(o *replica) {
	for _, id := range ids(o.set) {
		r.take(o.set[id])
	}
}

func (r *replica) copy(s *story) *replica {
	c := *r
	c.set, c.disk, c.story = maps.Clone(r.set), maps.Clone(r.disk), s
	return &c
}

func (s *story) copy() *story {
	return &story{writes: slices.Clip(s.writes), raw: slices.Clip(s.raw), told: slices.Clip(s.told)}
}

// settleAll lets everybody exchange until nothing changes.
func settleAll(replicas []*replica) {
	for range len(replicas) {
		for _, to := range replicas {
			for _, from := range replicas {
				to.from(from)
			}
		}
	}
}

// digests are equal exactly when two sets of records are byte-identical.
func digests(set map[ident.EntryID]tree.Entry) string {
	var b []byte
	for _, id := range ids(set) {
		e := set[id]
		d := tree.Digest(&e)
		b = append(append(b, id[:]...), d[:]...)
	}
	return string(b)
}

func (s *story) String() (out string) {
	for i := range s.raw {
		out += "wrote " + show(s.raw[i]) + "\n"
	}
	return out
}

func showSet(set map[ident.EntryID]tree.Entry) (out string) {
	for _, id := range ids(set) {
		out += "  " + show(set[id]) + "\n"
	}
	return out
}

func show(e tree.Entry) string {
	c := e.Content
	text := fmt.Sprintf("%x %q in %x: content %q dot %v seen %v stamp %d context %v", e.ID[:2],
		e.Place.Name, e.Place.Parent[:2], trimmed(c.ID), c.Dot, c.Seen, c.Stamp.Time, c.Context)
	if c.Deleted {
		text += fmt.Sprintf(" deleted, saw place %v", c.SawPlace)
	}
	return text + fmt.Sprintf(" place %v stamp %d", e.Place.Dot, e.Place.Stamp.Time)
}

func trimmed(c ident.ContentID) string {
	n := 0
	for n < len(c) && c[n] != 0 {
		n++
	}
	return string(c[:n])
}

// checkStory fails the test when replicas that have exchanged everything differ, when
// something is wrong with what they have, or when a content was lost or came back.
func checkStory(t *testing.T, s *story, replicas []*replica) {
	t.Helper()
	set := replicas[0].set
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s\n%s%s", fmt.Sprintf(format, args...), s, showSet(set))
	}
	for _, r := range replicas[1:] {
		if digests(r.set) != digests(set) {
			fail("replicas %d and %d have different records; the other has\n%s",
				replicas[0].id, r.id, showSet(r.set))
		}
	}
	live := map[ident.ContentID]bool{}
	for _, e := range set {
		if err := e.Check(); err != nil {
			fail("%v", err)
		}
		if e.Live() {
			live[e.Content.ID] = true
		}
	}
	for _, w := range s.writes {
		if !w.content.Deleted && !live[w.content.ID] && !s.replaced(w.content.ID) {
			fail("content %q is lost", trimmed(w.content.ID))
		}
	}
	for id, best := range s.winners() {
		if e := set[id]; e.Content.Dot != best.Dot || e.Content.ID != best.ID {
			fail("entry %x holds %v %q, want %v %q", id[:2],
				e.Content.Dot, trimmed(e.Content.ID), best.Dot, trimmed(best.ID))
		}
	}
}

// replaced reports whether somebody who had a content, or the same bytes, replaced or
// deleted it.
func (s *story) replaced(id ident.ContentID) bool {
	return slices.ContainsFunc(s.writes, func(o write) bool {
		return o.replaced.ID == id
	})
}

// winners says what each entry that was written to must hold in the end: decided from all
// that was written, at once, in other words than Join's.
func (s *story) winners() map[ident.EntryID]tree.Content {
	out := map[ident.EntryID]tree.Content{}
	for _, w := range s.writes {
		c := w.content
		best, known := out[w.entry]
		switch {
		case !known:
		case c.IsNull() && best.IsNull():
			if string(best.ID[:]) <= string(c.ID[:]) {
				continue
			}
		case c.IsNull():
			continue
		case best.IsNull():
		case best.Seen.Covers(c.Dot):
			continue
		case c.Seen.Covers(best.Dot):
		case c.Stamp.Time == best.Stamp.Time && c.Deleted != best.Deleted:
			if c.Deleted {
				continue
			}
		case c.Stamp.Compare(best.Stamp) <= 0:
			continue
		}
		out[w.entry] = c
	}
	return out
}
