package wire

import (
	"encoding/binary"
	"errors"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Limits of what is told of the trash.
const (
	TrashMax     = 1000 // items in one TrashHeld
	TrashPathMax = 8192 // bytes of a path: twice what Linux opens at once
)

// AskTrash asks what the receiver still holds in the folder's trash, so that the device
// that deleted, which keeps nothing itself, can undo too.
type AskTrash struct {
	Folder ident.FolderID
	Ticket uint64 // the asker's, to be repeated in the answer
}

// TrashHeld answers AskTrash, in one message or several; the last one has More unset.
type TrashHeld struct {
	Folder ident.FolderID
	Ticket uint64
	More   bool
	Items  []TrashItem
}

// TrashItem is one file that the sender has taken away and still holds.
type TrashItem struct {
	Path    string // where it was, relative to the folder, with slashes
	Content ident.ContentID
	Size    uint64
	Mode    uint32
	Mtime   int64 // nanoseconds since 1970
	Taken   int64 // the same: when it was taken away
	Deleted bool  // false: another version replaced it
	By      ident.DeviceID
}

func (AskTrash) message()  {}
func (TrashHeld) message() {}

func (AskTrash) kind() byte { return typeAskTrash }

func (m AskTrash) appendTo(b []byte) []byte {
	return binary.AppendUvarint(append(b, m.Folder[:]...), m.Ticket)
}

func (m AskTrash) size() int { return folderLen + uvarintLen(m.Ticket) }

func parseAskTrash(r *reader) (m AskTrash) {
	r.into("folder", m.Folder[:])
	m.Ticket = r.number("ticket")
	return m
}

func (TrashHeld) kind() byte { return typeTrashHeld }

func (m TrashHeld) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(append(b, m.Folder[:]...), m.Ticket)
	b = appendFlag(b, m.More)
	b = binary.AppendUvarint(b, uint64(len(m.Items)))
	for i := range m.Items {
		b = m.Items[i].appendTo(b)
	}
	return b
}

func (t *TrashItem) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(t.Path)))
	b = append(append(b, t.Path...), t.Content[:]...)
	b = binary.AppendUvarint(b, t.Size)
	b = binary.AppendUvarint(b, uint64(t.Mode))
	b = binary.BigEndian.AppendUint64(b, uint64(t.Mtime))
	b = binary.BigEndian.AppendUint64(b, uint64(t.Taken))
	return append(appendFlag(b, t.Deleted), t.By[:]...)
}

// TrashItemSize returns the bytes that an item adds to a TrashHeld; whoever gathers items
// adds them up to stay within FrameMax.
func TrashItemSize(t *TrashItem) int {
	return sizedLen(len(t.Path)) + contentLen + uvarintLen(t.Size) + uvarintLen(uint64(t.Mode)) +
		2*8 + 1 + len(t.By)
}

func (m TrashHeld) size() int {
	n := folderLen + uvarintLen(m.Ticket) + 1 + uvarintLen(uint64(len(m.Items)))
	for i := range m.Items {
		n += TrashItemSize(&m.Items[i])
	}
	return n
}

func parseTrashHeld(r *reader) (m TrashHeld) {
	r.into("folder", m.Folder[:])
	m.Ticket = r.number("ticket")
	m.More = r.flag("more")
	n := r.count("items", TrashMax, 1+contentLen+1+1+2*8+1+len(ident.DeviceID{}))
	if n == 0 {
		return m
	}
	m.Items = make([]TrashItem, n)
	for i := range m.Items {
		r.item = i
		t := &m.Items[i]
		if t.Path = r.text("path", TrashPathMax); t.Path == "" && r.err == nil {
			r.fail("path", errors.New("it is empty"))
		}
		r.into("content", t.Content[:])
		t.Size = r.atMost("size", 1<<63-1)
		t.Mode = uint32(r.atMost("mode", 0o777))
		t.Mtime = int64(r.fixed64("mtime"))
		t.Taken = int64(r.fixed64("taken"))
		t.Deleted = r.flag("deleted")
		r.into("by", t.By[:])
	}
	return m
}
