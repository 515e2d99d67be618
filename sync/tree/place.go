package tree

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/version"
)

// FileID is how a file system names a file independently of its path: volume, inode (or
// Windows file id) and birth time. The zero FileID means the system gave none.
type FileID struct {
	Volume uint64
	Inode  uint64
	Birth  int64 // nanoseconds since 1970, 0 where the file system has none
}

// IsZero reports whether the system gave no identity.
func (f FileID) IsZero() bool { return f == FileID{} }

// Stat is what a look at a name on disk shows.
type Stat struct {
	Kind  Kind
	Size  int64 // bytes; 0 for directories
	Mtime int64 // nanoseconds since 1970; 0 for directories, theirs is not compared
	Mode  uint32
	// Traits is the mark of the traits (Traits.Mark), 0 where they were not looked at.
	Traits uint32
	Links  uint32 // hard links; more than one are never paired as a move
	File   FileID
}

// SameContent reports whether two looks at a name show a file that has not changed in
// between: same kind, size, time and identity. Permission bits do not matter.
func (s Stat) SameContent(o Stat) bool {
	if s.Kind != o.Kind || s.File != o.File {
		return false
	}
	return s.Kind == Dir || s.Size == o.Size && s.Mtime == o.Mtime
}

// Base is what this replica last put on disk, or read from it, for one entry.
type Base struct {
	Entry   ident.EntryID
	Parent  ident.EntryID
	Name    string
	Content ident.ContentID // zero for directories
	Stat    Stat
	// Rev changes with every change of this row, so that a finding made against an older
	// row is recognised (package folder looks again instead of believing it).
	Rev uint64
	// SawPlace, SawContent and SawAttrs are the contexts of the entry's registers when the
	// disk was last brought in line with them. A person who now changes the file has seen
	// that much and no more: a remote write that is recorded but not yet on disk stays
	// concurrent with theirs, so neither is lost.
	SawPlace   version.Vector
	SawContent version.Vector
	SawAttrs   version.Vector
	// Racy is set when the content was hashed so soon after its last change that a later
	// change may carry the same time: it is looked at once more.
	Racy bool
}

// Row is an entry as the index keeps it.
type Row struct {
	Entry Entry
	Seq   uint64 // number of the last change in this replica's log
	Need  bool   // the disk does not yet show what the view wants
	// Died is when a deleted entry was first known here to be deleted, in unix
	// milliseconds; 0 of a live one.
	Died int64
}

// Replica is what is known of one device's copy of the folder.
type Replica struct {
	ID     ident.ReplicaID
	Device ident.DeviceID
	Name   string // the device's name when the replica joined; used in conflict names
}

// Cursor says how much of a peer's change log has been taken in.
type Cursor struct {
	Device ident.DeviceID
	Log    ident.LogID
	Seq    uint64
	Life   uint64 // of the peer, in which the last of it was taken; 0 when not known
}

// ErrBadName reports a name that can be no entry's name on any system.
var ErrBadName = errors.New("not a name")

// NameMax is the longest name, in bytes: the limit of ext4, XFS, APFS and (in UTF-16
// units, which are never more) NTFS.
const NameMax = 255

// PrivateDir is the directory at a folder's top that belongs to Shoal. It is never an
// entry, at whatever case the file system shows it.
const PrivateDir = ".shoal"

// ParkingDir is where a file or directory rests whose name another entry needs while its
// own is not free yet: two files that swapped names. It is named there by its entry id.
const ParkingDir = PrivateDir + "/parked"

// Parking is the parent that base rows of parked entries have.
var Parking = ident.EntryID{0xff, 'p', 'a', 'r', 'k'}

// CheckName returns an error wrapping ErrBadName when name can be no entry's name: empty,
// ".", "..", longer than NameMax, or holding a slash or NUL. Every name from a peer
// passes here before it is used.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%w: %q", ErrBadName, name)
	case len(name) > NameMax:
		return fmt.Errorf("%w: %d bytes, more than %d", ErrBadName, len(name), NameMax)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%w: %q holds a slash or NUL", ErrBadName, name)
	}
	return nil
}

// Reserved reports whether a name at the folder's top is Shoal's own.
func Reserved(parent ident.EntryID, name string) bool {
	return parent.IsRoot() && strings.EqualFold(name, PrivateDir)
}

// Reader is a read-only look at the index, handed to a core for the length of one call.
// It answers at once and sees everything the core has ordered to be recorded before. A
// reader that cannot read does not return: it unwinds to the host, which stops the folder
// and says why, because no rule may be applied to half of the facts.
type Reader interface {
	// Entry returns the row of an entry.
	Entry(id ident.EntryID) (Row, bool)
	// Placed returns the rows whose winning placement is (parent, name), live or not,
	// ordered by id. With an empty name: the conflict entries resting beside parent. Nobody
	// changes what it returned.
	Placed(parent ident.EntryID, name string) []Row
	// Children returns up to limit rows whose winning placement has this parent, live or
	// not, ordered by id, beginning after the given id.
	Children(parent, after ident.EntryID, limit int) []Row
	// Base returns what is on disk for an entry.
	Base(id ident.EntryID) (Base, bool)
	// BaseAt returns what is on disk under a name, ordered by entry id: more than one
	// entry where twins share the name. Nobody changes what it returned.
	BaseAt(parent ident.EntryID, name string) []Base
	// BaseChildren returns up to limit base rows in a directory, ordered by name then
	// entry id, beginning after the given name.
	BaseChildren(parent ident.EntryID, after string, limit int) []Base
	// Holding returns one base row that holds the content.
	Holding(content ident.ContentID) (Base, bool)
}

// Batch is a set of changes to the index that become durable together or not at all.
type Batch struct {
	Rows     []Row           // entries inserted or replaced, by id
	Placed   []Base          // base rows inserted or replaced, by entry id
	Cleared  []ident.EntryID // base rows removed, before Placed is applied
	Replicas []Replica       // inserted unless known
	Cursors  []Cursor        // replaced, by device
	Intents  []Intent        // inserted, or removed where Body is nil
	Notes    []Note          // inserted or replaced, or removed where Body is nil
	// Forgotten entries are removed: deleted ones that nobody needs to hear of any more.
	Forgotten []ident.EntryID
	State     *State // replaced
}

// Intent says what a replica was about to do to the disk: a batch of orders, in the folder
// core's own encoding. It is durable before the disk is touched, so that after a crash our
// own half-done work is never taken for a person's.
type Intent struct {
	Number uint64 // from 1
	Body   []byte
}

// Range is writes of one replica with consecutive numbers.
type Range struct {
	Replica  ident.ReplicaID
	From, To uint64 // both included; From is at least 1
}

// Note is something small that a core must not forget, under a key of its own choosing and
// in its own encoding.
type Note struct {
	Key  string
	Body []byte
}

// State is what a replica must not forget besides its rows.
type State struct {
	Replica   ident.ReplicaID
	Log       ident.LogID
	Head      uint64         // Seq of the newest row
	Counter   uint64         // number of this replica's last own write
	Rev       uint64         // last Base.Rev given out
	Clock     uint64         // last reading of the hybrid clock (version.Hybrid)
	Scanned   bool           // the first scan is over: new names are writes from now on
	Knowledge version.Vector // highest change seen without gaps, per origin replica
	// Collected covers the writes of deleted entries whose records were forgotten. Whoever
	// has not heard of all of them may hold such an entry as a live one.
	Collected version.Vector
	// Life counts how often the index was opened. The folder's private directory notes it
	// too: an index that counts less is an old copy.
	Life uint64
	// Lives are the newest of them, oldest first.
	Lives Lives
}

// Lives are starts of a replica, in their order. A peer that took rows from one which is not
// among them, or more of them than it gave, knows of a past that this index does not.
type Lives []LifeMark

// LifeMark is one start of a replica.
type LifeMark struct {
	ID   uint64 // drawn at the start, never 0
	Head uint64 // newest row before it
}

// LivesMax is how many starts are remembered.
const LivesMax = 64

// Begin returns the lives with one more, and without what is too long ago.
func (l Lives) Begin(id, head uint64) Lives {
	out := append(Lives(nil), l[max(0, len(l)-LivesMax+1):]...)
	return append(out, LifeMark{id, head})
}

// Now returns the id of the life that goes on, 0 when none was begun.
func (l Lives) Now() uint64 {
	if len(l) == 0 {
		return 0
	}
	return l[len(l)-1].ID
}

// Gave reports whether rows up to a number may have been given in a life. Of those too long
// ago to be remembered nothing is known.
func (l Lives) Gave(id, seq uint64) bool {
	for i, mark := range l {
		if mark.ID == id {
			return i == len(l)-1 || seq <= l[i+1].Head
		}
	}
	return len(l) == LivesMax && seq <= l[0].Head
}

// Keeper is the note, in a folder's private directory, of the index that kept it last.
type Keeper struct {
	Log  ident.LogID
	Life uint64 // see State.Life
}

// Outlived reports whether a state is not what this keeper's index came to: it is an old
// copy of that index, put back from a backup, or another index altogether.
func (k Keeper) Outlived(s State) bool {
	return s.Replica != 0 && k.Log != 0 && (k.Log != s.Log || k.Life > s.Life)
}

// Index is the memory of a folder core: what it reads, and the one way to change it. A
// batch is seen by every later read at once; it is durable only when the host has
// committed and said so, and nobody is told of it before (docs/decisions).
type Index interface {
	Reader
	// Apply makes the changes of a batch, and keeps none of its lists. Like a Reader, it
	// unwinds when it cannot.
	Apply(Batch)
}

// Totals are counts over the rows of a folder.
type Totals struct {
	Files     int64 // live files
	Bytes     int64 // sum of their sizes
	Needs     int64 // rows of any kind, live or not, marked Need
	NeedFiles int64 // live files among them
	NeedBytes int64
	Conflicts int64 // live entries for which ShowsConflict
}
