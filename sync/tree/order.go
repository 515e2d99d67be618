package tree

import (
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// Op is what an Order does.
type Op uint8

// The operations on disk. Each is atomic for whoever reads the folder meanwhile.
const (
	MakeDir       Op = iota + 1 // create the directory Path
	InstallFile                 // put staged content at Path, in place of Victim
	InstallLink                 // put a symbolic link to Target at Path, in place of Victim
	Move                        // rename Path to To, which must not exist
	Remove                      // move what is at Path to the trash; directories must be empty
	SetAttributes               // set mode and, for files, mtime of what is at Path
)

// Order tells the disk to change one name. Paths are relative to the folder, with
// slashes. The disk refuses, and changes nothing, when what it finds is not what the
// order was decided about.
type Order struct {
	Ticket step.Ticket
	Entry  ident.EntryID
	Op     Op
	Path   string
	To     string // Move only
	Victim *Stat  // what must be at Path; nil: Path must not exist
	// Into is the directory in which the order makes a name; the zero FileID is not looked
	// at. People move directories while orders are under way, and put others in their place.
	Into    FileID
	Content ident.ContentID
	Size    int64
	Target  string // InstallLink only
	Mode    uint32
	Mtime   int64
	Traits  Traits // as they are to be; empty: they are left alone
	// Copy is the path of a file in this folder that holds Content already, with the Stat
	// it must have; empty when the content was staged from peers. Of a Remove: a file that
	// must still be there, because it stands for the removed one too; else ContentGone.
	Copy     string
	CopyStat Stat
	// Old is what the victim holds as far as is known, By the device whose write takes it
	// away: for whoever looks for it in the trash.
	Old ident.ContentID
	By  ident.DeviceID
}

// Refusal says why an order was not carried out.
type Refusal uint8

// Why the disk refused. The zero value means it did not.
const (
	Done         Refusal = iota
	Changed              // what is at Path is not the Victim; look again
	Occupied             // something unexpected is at To, or at Path where nothing should be
	Missing              // Path, or its directory, is gone; look again
	NotEmpty             // a directory to be removed has unknown children; look again
	ContentGone          // the staged or copied content is no longer there; fetch again
	NoSpace              // the volume is full
	Denied               // the system does not permit it
	NameRefused          // this file system cannot hold the name
	Unsupported          // this system cannot hold this kind of entry
	OtherFailure         // anything else; Detail says what
)

// Outcome answers an Order.
type Outcome struct {
	Ticket  step.Ticket
	Refusal Refusal
	Detail  string // for people: what happened and to which file
	Stat    Stat   // what is at Path (Move: at To) now; unset after Remove
	// Recalled is set when the order was given before a crash, and what is on disk now
	// looks as if it had been carried out.
	Recalled bool
}

// Finding is one name a scan has something to say about: it differs from what the base
// says, or the base does not have it. Unchanged names are not reported.
type Finding struct {
	Path string // relative to the folder, with slashes
	// Known and Rev are the base row the scan compared with: the row of that name, or,
	// when Moved, the row whose file was found under this other name. Rev is 0 when the
	// base had no row for the name.
	Known ident.EntryID
	Rev   uint64
	Moved bool
	From  string // when Moved: the path where the index knew it when the scan looked
	Gone  bool   // nothing is there any more
	Stat  Stat
	// Content is the id of the file's or link's bytes (zero for directories). Its recipe
	// has been handed to the index before the finding is reported.
	Content ident.ContentID
	Target  string // of a link
	Traits  Traits // as found; empty where they were not looked at
	Racy    bool   // see Base.Racy
	// Problem, when set, says why the name could not be read; the other fields but Path
	// and Known then mean nothing and the entry must be left alone.
	Problem string
}

// LooksDone reports whether what is at an order's path (of a Move: at To) looks as if the
// order had been carried out. Content is judged by size and time: whoever believes it
// notes that the file is to be hashed once more (Base.Racy).
func LooksDone(o *Order, s Stat, there bool) bool {
	switch o.Op {
	case MakeDir:
		return there && s.Kind == Dir
	case InstallFile:
		return there && s.Kind == File && s.Size == o.Size && s.Mtime == o.Mtime && !o.isVictim(s)
	case InstallLink:
		return there && s.Kind == Link && s.Size == int64(len(o.Target)) && !o.isVictim(s)
	case Move:
		return there && o.Victim != nil && s.Kind == o.Victim.Kind &&
			s.File == o.Victim.File && !s.File.IsZero()
	case Remove:
		return !there
	case SetAttributes:
		return there && s.Mode&0o777 == o.Mode && (s.Kind != File || s.Mtime == o.Mtime)
	}
	return false
}

// isVictim reports whether a look shows what was to be replaced. A link of the same length
// may still be the old one, and so may a file of the same size whose time somebody has set,
// as archives and builds do.
func (o *Order) isVictim(s Stat) bool {
	return o.Victim != nil && s.File == o.Victim.File && !s.File.IsZero()
}

// LeftParking reports whether a Move has taken out of the parking place what it was to take,
// though that is not where it was put any more: nobody but us takes anything out of there,
// so a person has moved or replaced it since.
func LeftParking(o *Order, stillParked bool) bool {
	return o.Op == Move && o.Victim != nil && !stillParked && strings.HasPrefix(o.Path, ParkingDir+"/")
}
