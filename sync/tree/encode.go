package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/version"
)

// An entry is written as one record, in the index, on the wire, and where it is hashed
// for the state summary. There is exactly one byte string for each entry: ParseEntry
// refuses every other. Numbers are unsigned varints where they are not said to be fixed;
// fixed ones are big-endian.
//
//	id 16 | kind 1 | tables 1: number of vectors << 2 | number of versions
//	each vector:   number of dots, then of each dot replica 8, counter
//	each version:  place of its dot in its vector + 1 (0: it is not there) << 3 | vector
//	               [replica 8, counter]  if it is not there
//	               stamp's time 8
//	placement:     register | parent 16 | name | [was parent 16, was name]
//	content:       register | [content id 32] | size
//	attributes:    register | mode | [mtime 8]
//	fields:        tag, length, bytes; tags strictly increasing
//
// A register byte is context << 3 | more << 2 | version: more says that the part in
// brackets follows, context 0 that it equals what the version saw. Vectors and versions
// are counted from 1 in the order of their first use (what versions saw, contexts, what
// a delete saw); 0 is the empty vector and the null version. The registers of most
// entries share one version, so most records say everything about it once.
//
// Known fields are the target of a link (1), a delete with the vector of what it saw of
// the placement (2; with a zero behind it when a content stands against the delete) and
// the ancestors of the content (3) and the traits (4). Fields with higher tags belong
// to newer programs: they are kept as they are in Entry.Extra.

// Limits of a record. What is beyond them is refused before memory is given to it.
const (
	RecordMax = 512 << 10 // bytes of a record
	VectorMax = 4096      // dots of a vector: more replicas do not write to one entry
	TargetMax = 4096      // bytes a link points with: the limit of Linux paths
	ExtraMax  = 64 << 10  // bytes of fields only newer programs know
)

// ErrBadEntry reports bytes that are no record, or an entry that no record can hold.
var ErrBadEntry = errors.New("not an entry")

const (
	tagTarget    = 1
	tagDeleted   = 2
	tagAncestors = 3
	tagTraits    = 4
	tagLast      = tagTraits
)

const (
	modeMax      = 0o777
	dotSizeLeast = 9 // bytes of a dot: the replica and a counter of one byte
)

// clocks are the versions and vectors of a record, each once.
type clocks struct {
	versions [3]version.Version
	vectors  [7]version.Vector // three that versions saw, three contexts, one of a delete
	nVersion int
	nVector  int
	register [3]byte // version and context of placement, content, attributes
	saw      byte    // vector of what a delete saw
}

func gather(e *Entry) (c clocks) {
	versions := [3]*version.Version{&e.Place.Version, &e.Content.Version, &e.Attrs.Version}
	for i, v := range versions {
		c.register[i] = c.version(v)
	}
	for i, context := range [3]version.Vector{e.Place.Context, e.Content.Context, e.Attrs.Context} {
		if !context.Equal(versions[i].Seen) {
			c.register[i] |= c.vector(context) << 3
		}
	}
	c.saw = c.vector(e.Content.SawPlace)
	return c
}

func (c *clocks) version(v *version.Version) byte {
	if v.IsNull() {
		return 0
	}
	for i := range c.versions[:c.nVersion] {
		known := &c.versions[i]
		if known.Dot == v.Dot && known.Stamp.Time == v.Stamp.Time && known.Seen.Equal(v.Seen) {
			return byte(i + 1)
		}
	}
	c.vector(v.Seen)
	c.versions[c.nVersion] = *v
	c.nVersion++
	return byte(c.nVersion)
}

func (c *clocks) vector(v version.Vector) byte {
	if len(v) == 0 {
		return 0
	}
	for i, known := range c.vectors[:c.nVector] {
		if known.Equal(v) {
			return byte(i + 1)
		}
	}
	c.vectors[c.nVector] = v
	c.nVector++
	return byte(c.nVector)
}

func (c *clocks) append(b []byte) []byte {
	b = append(b, byte(c.nVector<<2|c.nVersion))
	for _, v := range c.vectors[:c.nVector] {
		b = binary.AppendUvarint(b, uint64(len(v)))
		for _, d := range v {
			b = appendDot(b, d)
		}
	}
	for i := range c.versions[:c.nVersion] {
		v := &c.versions[i]
		vector := uint64(c.vector(v.Seen))
		if at := slices.Index(v.Seen, v.Dot); at >= 0 {
			b = binary.AppendUvarint(b, uint64(at+1)<<3|vector)
		} else {
			b = appendDot(binary.AppendUvarint(b, vector), v.Dot)
		}
		b = binary.BigEndian.AppendUint64(b, uint64(v.Stamp.Time))
	}
	return b
}

func appendDot(b []byte, d version.Dot) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(d.Replica))
	return binary.AppendUvarint(b, d.Counter)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

const more = 1 << 2 // bit of a register byte

// AppendEntry appends the record of an entry that passes Check. Of any other it appends
// bytes that mean nothing: ParseEntry refuses them or reads another entry.
func AppendEntry(b []byte, e *Entry) []byte {
	c := gather(e)
	b = append(append(b, e.ID[:]...), byte(e.Kind))
	b = c.append(b)
	if p := &e.Place; p.WasParent != ident.Root || p.WasName != "" {
		b = append(append(b, c.register[0]|more), p.Parent[:]...)
		b = append(appendText(b, p.Name), p.WasParent[:]...)
		b = appendText(b, p.WasName)
	} else {
		b = append(append(b, c.register[0]), p.Parent[:]...)
		b = appendText(b, p.Name)
	}
	if e.Content.ID.IsZero() {
		b = append(b, c.register[1])
	} else {
		b = append(append(b, c.register[1]|more), e.Content.ID[:]...)
	}
	b = binary.AppendUvarint(b, uint64(e.Content.Size))
	if a := &e.Attrs; a.Mtime == 0 {
		b = append(b, c.register[2])
		b = binary.AppendUvarint(b, uint64(a.Mode))
	} else {
		b = append(b, c.register[2]|more)
		b = binary.AppendUvarint(b, uint64(a.Mode))
		b = binary.BigEndian.AppendUint64(b, uint64(a.Mtime))
	}
	if e.Content.Target != "" {
		b = appendText(append(b, tagTarget), e.Content.Target)
	}
	if e.Content.Deleted {
		b = append(b, tagDeleted, 1, c.saw)
	} else if len(e.Content.SawPlace) > 0 {
		b = append(b, tagDeleted, 2, c.saw, 0)
	}
	if n := len(e.Content.Ancestors); n > 0 {
		b = binary.AppendUvarint(append(b, tagAncestors), uint64(n*len(ident.ContentID{})))
		for i := range e.Content.Ancestors {
			b = append(b, e.Content.Ancestors[i][:]...)
		}
	}
	if e.Attrs.Traits != "" {
		b = appendText(append(b, tagTraits), string(e.Attrs.Traits))
	}
	return append(b, e.Extra...)
}

// ParseEntry reads a record. The entry shares no memory with b. The error wraps
// ErrBadEntry when b is not, byte for byte, the record of an entry.
func ParseEntry(b []byte) (e Entry, err error) {
	if err = e.Parse(b); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// Parse is ParseEntry into the place of an entry, a zero one: entries are large, and who
// reads a million of them would copy each several times. After an error it holds anything.
func (e *Entry) Parse(b []byte) error {
	if len(b) > RecordMax {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrBadEntry, len(b), RecordMax)
	}
	d := decoder{rest: b}
	d.entry(e)
	if d.wrong != "" {
		return fmt.Errorf("%w: %s", ErrBadEntry, d.wrong)
	}
	if err := e.Check(); err != nil {
		return err
	}
	var room [512]byte // of nearly every record, without asking the heap
	if !bytes.Equal(AppendEntry(room[:0], e), b) {
		return fmt.Errorf("%w: %v is not written in the one form", ErrBadEntry, e.ID)
	}
	return nil
}

// DigestOf is Digest of an entry whose canonical encoding is at hand.
func DigestOf(record []byte) [32]byte { return sha256.Sum256(record) }

// Digest is the SHA-256 of an entry's record: equal digests mean equal entries.
func Digest(e *Entry) [32]byte {
	var room [512]byte
	return sha256.Sum256(AppendEntry(room[:0], e))
}

// decoder takes a record apart. After the first thing that is wrong it returns zeros.
type decoder struct {
	rest  []byte
	wrong string
}

func (d *decoder) fail(what string) {
	if d.wrong == "" {
		d.wrong = what
	}
	d.rest = nil
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.fail("it ends early")
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) fixed() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) number(most uint64) uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > most {
		d.fail("a number is too large or not there")
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) text(most uint64) string { return string(d.take(int(d.number(most)))) }

func (d *decoder) dot() version.Dot {
	return version.Dot{Replica: ident.ReplicaID(d.fixed()), Counter: d.number(1<<64 - 1)}
}

func (d *decoder) entry(e *Entry) {
	copy(e.ID[:], d.take(len(e.ID)))
	e.Kind = Kind(d.byte())
	c := d.clocks()

	moved := d.register(&c, &e.Place.Version, &e.Place.Context)
	copy(e.Place.Parent[:], d.take(len(e.Place.Parent)))
	e.Place.Name = d.text(NameMax)
	if moved {
		copy(e.Place.WasParent[:], d.take(len(e.Place.WasParent)))
		e.Place.WasName = d.text(NameMax)
	}
	if d.register(&c, &e.Content.Version, &e.Content.Context) {
		copy(e.Content.ID[:], d.take(len(e.Content.ID)))
	}
	e.Content.Size = int64(d.number(1<<63 - 1))
	timed := d.register(&c, &e.Attrs.Version, &e.Attrs.Context)
	e.Attrs.Mode = uint32(d.number(modeMax))
	if timed {
		e.Attrs.Mtime = int64(d.fixed())
	}
	d.fields(e, &c)
}

func (d *decoder) clocks() (c clocks) {
	tables := d.byte()
	c.nVector, c.nVersion = int(tables>>2), int(tables&3)
	if c.nVector > len(c.vectors) {
		d.fail("it has too many vectors")
		return clocks{}
	}
	for i := range c.vectors[:c.nVector] {
		n := int(d.number(VectorMax))
		if n*dotSizeLeast > len(d.rest) {
			d.fail("it ends early")
			return c
		}
		vector := make(version.Vector, n)
		for j := range vector {
			vector[j] = d.dot()
		}
		c.vectors[i] = vector
	}
	for i := range c.versions[:c.nVersion] {
		v := &c.versions[i]
		n := d.number(VectorMax<<3 | 7)
		v.Seen = d.vector(&c, byte(n&7))
		if at := int(n >> 3); at == 0 {
			v.Dot = d.dot()
		} else if at <= len(v.Seen) {
			v.Dot = v.Seen[at-1]
		} else {
			d.fail("a version has no dot")
		}
		v.Stamp = version.Stamp{Time: version.Hybrid(d.fixed()), Replica: v.Dot.Replica}
	}
	return c
}

func (d *decoder) vector(c *clocks, n byte) version.Vector {
	if int(n) > c.nVector {
		d.fail("a vector is not there")
		return nil
	}
	if n == 0 {
		return nil
	}
	return c.vectors[n-1]
}

// register reads a register byte and reports whether its optional part follows.
func (d *decoder) register(c *clocks, v *version.Version, context *version.Vector) bool {
	b := d.byte()
	n := int(b & 3)
	if n > c.nVersion {
		d.fail("a version is not there")
		return false
	}
	if n > 0 {
		*v = c.versions[n-1]
	}
	*context = v.Seen
	if b>>3 != 0 {
		*context = d.vector(c, b>>3)
	}
	return b&more != 0
}

func (d *decoder) fields(e *Entry, c *clocks) {
	for len(d.rest) > 0 {
		all := d.rest
		tag := d.number(1<<64 - 1)
		if tag > tagLast {
			if len(all) > ExtraMax {
				d.fail("its unknown fields are too long")
				return
			}
			e.Extra = slices.Clone(all)
			d.rest = nil
			return
		}
		inner := decoder{rest: d.take(int(d.number(RecordMax)))}
		switch tag {
		case tagTarget:
			e.Content.Target = string(inner.take(min(len(inner.rest), TargetMax)))
		case tagDeleted:
			e.Content.SawPlace = inner.vector(c, inner.byte())
			e.Content.Deleted = len(inner.rest) == 0
			if !e.Content.Deleted && inner.byte() != 0 {
				inner.fail("it says more of a delete than there is to say")
			}
		case tagAncestors:
			n := min(len(inner.rest)/len(ident.ContentID{}), AncestorsMax)
			e.Content.Ancestors = make([]ident.ContentID, n)
			for i := range e.Content.Ancestors {
				copy(e.Content.Ancestors[i][:], inner.take(len(ident.ContentID{})))
			}
		case tagTraits:
			e.Attrs.Traits = Traits(inner.take(min(len(inner.rest), TraitsMax)))
		default:
			inner.fail("a field has no tag")
		}
		if inner.wrong == "" && len(inner.rest) > 0 {
			inner.fail("a field is too long")
		}
		if inner.wrong != "" {
			d.fail(inner.wrong)
		}
	}
}

// Check returns an error wrapping ErrBadEntry when a record cannot hold e: a size beyond
// its limit, an impossible name, or versions that contradict themselves.
func (e *Entry) Check() error {
	wrong := e.wrongValue()
	if wrong == "" {
		wrong = e.wrongClock()
	}
	if wrong == "" {
		wrong = wrongExtra(e.Extra)
	}
	if wrong != "" {
		return fmt.Errorf("%w: %v: %s", ErrBadEntry, e.ID, wrong)
	}
	return nil
}

func (e *Entry) wrongValue() string {
	c := &e.Content
	switch {
	case e.ID.IsRoot():
		return "the top directory is no entry"
	case e.Kind == 0:
		return "it has no kind"
	case e.Place.Name != "" && CheckName(e.Place.Name) != nil,
		e.Place.WasName != "" && CheckName(e.Place.WasName) != nil:
		return "its name can be no name"
	case c.Size < 0:
		return "its size is negative"
	case len(c.Target) > TargetMax:
		return "its target is too long"
	case c.Target != "" && (e.Kind == File || e.Kind == Dir):
		return "it has a target but is no link"
	case e.Kind == Dir && (!c.ID.IsZero() || c.Size != 0):
		return "it is a directory with content"
	case len(c.Ancestors) > AncestorsMax:
		return "it has too many ancestors"
	case e.Attrs.Mode > modeMax:
		return "its mode is not of permission bits"
	}
	return wrongTraits(e.Attrs.Traits)
}

func (e *Entry) wrongClock() string {
	registers := [3]struct {
		v       *version.Version
		context version.Vector
	}{
		{&e.Place.Version, e.Place.Context},
		{&e.Content.Version, e.Content.Context},
		{&e.Attrs.Version, e.Attrs.Context},
	}
	for _, r := range registers {
		v := r.v
		switch {
		case len(v.Seen) > VectorMax || len(r.context) > VectorMax:
			return "a vector is too long"
		case !v.Seen.Valid() || !r.context.Valid():
			return "a vector is out of order"
		case v.Stamp.Replica != v.Dot.Replica:
			return "a stamp is another replica's"
		case v.IsNull() && (v.Dot != version.Dot{} || !v.Stamp.IsNull() || len(v.Seen) > 0):
			return "a null version says something"
		case !v.IsNull() && v.Dot.Counter == 0:
			return "a dot has no number"
		case !r.context.CoversAll(v.Seen) || !v.IsNull() && !r.context.Covers(v.Dot):
			return "a context does not cover its value"
		}
	}
	if saw := e.Content.SawPlace; len(saw) > VectorMax || !saw.Valid() {
		return "a vector is too long or out of order"
	}
	return ""
}

// wrongExtra looks at fields of newer programs: all that is known of them is their frame.
func wrongExtra(extra []byte) string {
	if len(extra) > ExtraMax {
		return "its unknown fields are too long"
	}
	d := decoder{rest: extra}
	for last := uint64(tagLast); len(d.rest) > 0; {
		frame := d.rest
		tag := d.number(1<<64 - 1)
		length := d.number(ExtraMax)
		var shortest [2 * binary.MaxVarintLen64]byte
		want := binary.AppendUvarint(binary.AppendUvarint(shortest[:0], tag), length)
		if tag <= last || d.wrong != "" || !bytes.HasPrefix(frame, want) {
			return "its unknown fields are out of order or malformed"
		}
		d.take(int(length))
		last = tag
	}
	return d.wrong
}
