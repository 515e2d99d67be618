package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/version"
)

// written returns the version of a write whose writer had seen the given dots.
func written(replica ident.ReplicaID, counter uint64, seen ...version.Dot) version.Version {
	dot := version.Dot{Replica: replica, Counter: counter}
	v := version.Vector(nil).With(dot)
	for _, d := range seen {
		v = v.With(d)
	}
	time := version.HybridOf(1_700_000_000_000) + version.Hybrid(counter)
	return version.Version{Dot: dot, Seen: v, Stamp: version.Stamp{Time: time, Replica: replica}}
}

// newFile is what a scan records for a file made a moment ago.
func newFile(name string) Entry {
	v := written(0x0102030405060708, 4321)
	e := Entry{ID: ident.EntryID{1, 2, 3}, Kind: File}
	e.Place = Placement{Version: v, Context: v.Seen, Parent: ident.EntryID{9, 9}, Name: name}
	e.Content = Content{Version: v, Context: v.Seen, ID: sha256.Sum256([]byte(name)), Size: 12345}
	e.Attrs = Attributes{Version: v, Context: v.Seen, Mode: 0o644, Mtime: 1_700_000_000_123_456_789}
	return e
}

// elaborate uses every part of a record.
func elaborate() Entry {
	a, b := version.Dot{Replica: 5, Counter: 1}, version.Dot{Replica: 7, Counter: 300}
	e := newFile("new name")
	e.Kind = Link
	e.Place.Version = written(9, 12, a)
	e.Place.Context = e.Place.Seen.With(b)
	e.Place.WasParent, e.Place.WasName = ident.EntryID{4}, "old name"
	e.Content.Version = written(5, 2, a)
	e.Content.Context = e.Content.Seen
	e.Content.Target = "../else/where"
	e.Content.Deleted = true
	e.Content.SawPlace = version.Vector{a, b}
	e.Content.Ancestors = []ident.ContentID{{1}, {2}, {3}}
	e.Attrs.Version, e.Attrs.Context = version.Version{}, version.Vector{b}
	e.Attrs.Traits = TraitSet{Owner: "anna", Attributes: map[string]string{"a": "1"}}.Encode()
	e.Extra = []byte{5, 2, 0xaa, 0xbb, 200, 1, 0}
	return e
}

func TestRecordsArePinned(t *testing.T) {
	plain := newFile("a.txt")
	null := Entry{ID: ident.EntryID{1}, Kind: Dir, Place: Placement{Name: "d"}}
	for _, c := range []struct {
		name  string
		entry Entry
		want  string
	}{
		{"new file", plain, "0102030000000000000000000000000001" + // id, kind
			"05" + "01" + "0102030405060708" + "e121" + // one vector of one dot
			"09" + "018bcfe5680010e1" + // one version: the first dot of vector 1, its time
			"01" + "09090000000000000000000000000000" + "05" + "612e747874" +
			"05" + hex.EncodeToString(plain.Content.ID[:]) + "b960" +
			"05" + "a403" + "17979cfe3d85cd15"},
		{"null directory", null, "0100000000000000000000000000000002" + "00" +
			"00" + strings.Repeat("00", 16) + "0164" + "0000" + "0000"},
	} {
		if got := hex.EncodeToString(AppendEntry(nil, &c.entry)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestNewFileIsSmall(t *testing.T) {
	e := newFile("letter to me.txt")
	if n := len(AppendEntry(nil, &e)); n > 120 {
		t.Errorf("the record of a new file has %d bytes, more than 120", n)
	}
}

func TestRoundTrip(t *testing.T) {
	entries := []Entry{newFile("a"), newFile("caf\xe9 not UTF-8"), elaborate()}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		entries = append(entries, anyEntry(random))
	}
	for _, e := range entries {
		b := AppendEntry(nil, &e)
		got, err := ParseEntry(b)
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("read back\n%+v, wrote\n%+v", got, e)
		}
		clear(b)
		if !reflect.DeepEqual(got, e) {
			t.Fatal("the entry shares memory with its record")
		}
		if n := len(b); n > 0 {
			if _, err := ParseEntry(AppendEntry(nil, &e)[:n-1]); err == nil && len(e.Extra) == 0 {
				t.Fatalf("a record cut short is read: %+v", e)
			}
		}
	}
}

func TestDigestTellsEntriesApart(t *testing.T) {
	a, b := newFile("a"), newFile("a")
	if Digest(&a) != Digest(&b) {
		t.Error("equal entries have different digests")
	}
	if Digest(&a) != sha256.Sum256(AppendEntry(nil, &a)) {
		t.Error("the digest is not the SHA-256 of the record")
	}
	b.Attrs.Mode = 0o600
	if Digest(&a) == Digest(&b) {
		t.Error("different entries have equal digests")
	}
}

func TestRefusedEntries(t *testing.T) {
	dots := make(version.Vector, VectorMax+1)
	for i := range dots {
		dots[i] = version.Dot{Replica: ident.ReplicaID(i + 1), Counter: 1}
	}
	for name, spoil := range map[string]func(*Entry){
		"root":                 func(e *Entry) { e.ID = ident.Root },
		"no kind":              func(e *Entry) { e.Kind = 0 },
		"slash in name":        func(e *Entry) { e.Place.Name = "a/b" },
		"dots as name":         func(e *Entry) { e.Place.Name = ".." },
		"long name":            func(e *Entry) { e.Place.Name = strings.Repeat("x", NameMax+1) },
		"NUL in old name":      func(e *Entry) { e.Place.WasName = "\x00" },
		"negative size":        func(e *Entry) { e.Content.Size = -1 },
		"long target":          func(e *Entry) { e.Kind, e.Content.Target = Link, strings.Repeat("x", TargetMax+1) },
		"target of a file":     func(e *Entry) { e.Content.Target = "x" },
		"content of directory": func(e *Entry) { e.Kind = Dir },
		"nine ancestors":       func(e *Entry) { e.Content.Ancestors = make([]ident.ContentID, AncestorsMax+1) },
		"setuid":               func(e *Entry) { e.Attrs.Mode = 0o4755 },
		"dot without number":   func(e *Entry) { e.Place.Dot.Counter = 0 },
		"foreign stamp":        func(e *Entry) { e.Place.Stamp.Replica++ },
		"null with a stamp":    func(e *Entry) { e.Place.Version = version.Version{Stamp: version.Stamp{Time: 1}} },
		"null that saw":        func(e *Entry) { e.Place.Dot, e.Place.Stamp = version.Dot{}, version.Stamp{} },
		"narrow context":       func(e *Entry) { e.Place.Context = nil },
		"unsorted vector": func(e *Entry) {
			e.Place.Context = version.Vector{e.Place.Dot, {Replica: 1, Counter: 1}}
		},
		"long vector":            func(e *Entry) { e.Place.Context = dots.With(e.Place.Dot) },
		"traits in another form": func(e *Entry) { e.Attrs.Traits = "\x02" },
		"extra with a low tag":   func(e *Entry) { e.Extra = []byte{3, 0} },
		"extra out of order":     func(e *Entry) { e.Extra = []byte{6, 0, 5, 0} },
		"extra cut short":        func(e *Entry) { e.Extra = []byte{6, 2, 0} },
		"extra in a long form":   func(e *Entry) { e.Extra = []byte{0x86, 0, 0} },
		"extra of great length":  func(e *Entry) { e.Extra = append([]byte{6, 0x80, 0x80, 4}, make([]byte, ExtraMax)...) },
	} {
		e := newFile("a")
		spoil(&e)
		if err := e.Check(); !errors.Is(err, ErrBadEntry) {
			t.Errorf("%s: Check says %v", name, err)
		}
		if got, err := ParseEntry(AppendEntry(nil, &e)); err == nil && reflect.DeepEqual(got, e) {
			t.Errorf("%s: it is read back", name)
		}
	}
}

func TestRefusedRecords(t *testing.T) {
	e := newFile("a")
	good := AppendEntry(nil, &e)
	change := func(at int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[at:], b)
		return out
	}
	insert := func(at int, b ...byte) []byte {
		return append(append(bytes.Clone(good[:at]), b...), good[at:]...)
	}
	const tables, vector, ver = 17, 18, 29
	for name, b := range map[string][]byte{
		"empty":                   nil,
		"eight vectors":           change(tables, 8<<2|1),
		"unused vector":           append(append(change(tables, 2<<2|1)[:ver:ver], 1, 0, 0, 0, 0, 0, 0, 0, 1, 1), good[ver:]...),
		"vector without dots":     change(vector, 0),
		"huge vector":             insert(vector, 0xff, 0xff, 0xff, 0x7f),
		"counter in a long form":  append(append(bytes.Clone(good[:vector+9]), 0xe1, 0xa1, 0x00), good[vector+11:]...),
		"version without vector":  change(ver, 2),
		"dot beyond the vector":   change(ver, 2<<3|1),
		"register without one":    change(ver+9, 2),
		"context said twice":      change(ver+9, 1<<3|1),
		"high bits of a register": change(ver+9, 0x81),
		"field zero":              append(bytes.Clone(good), 0, 0),
		"empty target":            append(bytes.Clone(good), tagTarget, 0),
		"deleted twice":           append(bytes.Clone(good), tagDeleted, 1, 0, tagDeleted, 1, 0),
		"half an ancestor":        append(bytes.Clone(good), tagAncestors, 1, 0),
		"no ancestors":            append(bytes.Clone(good), tagAncestors, 0),
		"fields out of order":     append(bytes.Clone(good), 5, 0, tagDeleted, 1, 0),
		"longer than any":         append(bytes.Clone(good), make([]byte, RecordMax)...),
	} {
		if e, err := ParseEntry(b); !errors.Is(err, ErrBadEntry) {
			t.Errorf("%s: read as %+v, %v", name, e, err)
		}
	}
	if _, err := ParseEntry(append(bytes.Clone(good), tagDeleted, 1, 0)); err != nil {
		t.Errorf("a deleted file is refused: %v", err)
	}
}

func FuzzParseEntry(f *testing.F) {
	full, plain := elaborate(), newFile("a")
	f.Add(AppendEntry(nil, &full))
	f.Add(AppendEntry(nil, &plain))
	random := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		e := anyEntry(random)
		f.Add(AppendEntry(nil, &e))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEntry(b)
		if err != nil {
			if !errors.Is(err, ErrBadEntry) {
				t.Fatalf("unexpected error %v", err)
			}
			return
		}
		if !bytes.Equal(AppendEntry(nil, &e), b) {
			t.Fatal("two byte strings for one entry")
		}
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

// anyEntry draws a valid entry.
func anyEntry(r *rand.Rand) Entry {
	versions := []version.Version{{}, anyVersion(r), anyVersion(r), anyVersion(r)}
	pick := func() (version.Version, version.Vector) {
		v := versions[r.IntN(len(versions))]
		if r.IntN(3) > 0 {
			return v, v.Seen
		}
		return v, v.Seen.Join(anyVersion(r).Seen)
	}
	var e Entry
	e.ID[0], e.ID[7] = 1, byte(r.Uint32())
	e.Kind = Kind(1 + r.IntN(5))
	e.Place.Version, e.Place.Context = pick()
	e.Place.Parent[3] = byte(r.Uint32())
	e.Place.Name = strings.Repeat("n", r.IntN(NameMax+1))
	if r.IntN(2) == 0 {
		e.Place.WasParent[1], e.Place.WasName = byte(r.IntN(2)), strings.Repeat("w", r.IntN(5))
	}
	e.Content.Version, e.Content.Context = pick()
	if e.Content.Deleted = r.IntN(4) == 0; e.Content.Deleted {
		_, e.Content.SawPlace = pick()
	}
	if e.Kind != Dir {
		e.Content.ID[5], e.Content.Size = byte(r.IntN(2)), r.Int64()>>r.IntN(63)
	}
	if e.Kind > Dir {
		e.Content.Target = strings.Repeat("t", r.IntN(20))
	}
	if n := r.IntN(AncestorsMax + 1); n > 0 {
		e.Content.Ancestors = make([]ident.ContentID, n)
	}
	e.Attrs.Version, e.Attrs.Context = pick()
	e.Attrs.Mode, e.Attrs.Mtime = r.Uint32()&0o777, r.Int64()-r.Int64()
	if r.IntN(4) == 0 {
		e.Extra = []byte{5, 1, byte(r.Uint32()), 9, 0}
	}
	return e
}

func anyVersion(r *rand.Rand) version.Version {
	v := written(ident.ReplicaID(1+r.IntN(4)), 1+r.Uint64N(1000))
	for range r.IntN(5) {
		v.Seen = v.Seen.With(version.Dot{Replica: ident.ReplicaID(5 + r.IntN(4)), Counter: 1 + r.Uint64N(9)})
	}
	return v
}

func BenchmarkAppendEntry(b *testing.B) {
	e := newFile("letter to me.txt")
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		room = AppendEntry(room[:0], &e)
	}
}

func BenchmarkParseEntry(b *testing.B) {
	e := newFile("letter to me.txt")
	record := AppendEntry(nil, &e)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEntry(record); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	e := newFile("letter to me.txt")
	for b.Loop() {
		Digest(&e)
	}
}
