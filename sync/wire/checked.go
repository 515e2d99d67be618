package wire

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// CheckedMax is how many ranges one Checked may hold: one for each replica, and one more
// for each time that a brake was off or a person was asked.
const CheckedMax = 4096

// Checked tells which writes are known to be meant: the brake of the device that made them
// has let them pass, or a person has said yes to them on some device. It comes before the
// rows that hold them, and says all that the sender knows when the conversation begins,
// then what is new. Deletes that nobody has checked may be held by whoever hears of them.
type Checked struct {
	Folder ident.FolderID
	Ranges []tree.Range
}

func (Checked) message() {}

func (Checked) kind() byte { return typeChecked }

func (m Checked) appendTo(b []byte) []byte {
	return appendRanges(append(b, m.Folder[:]...), m.Ranges)
}

func (m Checked) size() int { return folderLen + rangesSize(m.Ranges) }

func parseChecked(r *reader) (m Checked) {
	r.into("folder", m.Folder[:])
	m.Ranges = ranges(r)
	return m
}
