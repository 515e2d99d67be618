package wire

import (
	"encoding/binary"
	"errors"

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
	b = binary.AppendUvarint(append(b, m.Folder[:]...), uint64(len(m.Ranges)))
	for _, r := range m.Ranges {
		b = binary.BigEndian.AppendUint64(b, uint64(r.Replica))
		b = binary.AppendUvarint(b, r.From)
		b = binary.AppendUvarint(b, r.To)
	}
	return b
}

func (m Checked) size() int {
	n := folderLen + uvarintLen(uint64(len(m.Ranges)))
	for _, r := range m.Ranges {
		n += 8 + uvarintLen(r.From) + uvarintLen(r.To)
	}
	return n
}

func parseChecked(r *reader) (m Checked) {
	r.into("folder", m.Folder[:])
	n := r.count("ranges", CheckedMax, 8+1+1)
	if n == 0 {
		return m
	}
	m.Ranges = make([]tree.Range, n)
	for i := range m.Ranges {
		r.item = i
		at := &m.Ranges[i]
		at.Replica = r.replica("replica")
		at.From, at.To = r.number("from"), r.number("to")
		if r.err == nil && (at.From == 0 || at.From > at.To) {
			r.fail("to", errors.New("the range is empty"))
		}
	}
	return m
}
