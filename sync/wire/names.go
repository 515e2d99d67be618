package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Limits of a search for names.
const (
	SearchWordsMax = 16
	SearchWordMax  = 255
	NamesMax       = 1000 // items in one NamesFound, and in a whole answer
	NamePathMax    = 8192 // bytes of a path: twice what Linux opens at once
)

// AskNames asks which files the receiver holds in the folder whose names have these words.
type AskNames struct {
	Folder ident.FolderID
	Ticket uint64   // the asker's, to be repeated in the answer
	Limit  uint64   // how many are wanted at most, 1 to NamesMax
	Words  []string // 1 to SearchWordsMax
}

// NamesFound answers AskNames, in one message or several; the last one has More unset.
type NamesFound struct {
	Folder ident.FolderID
	Ticket uint64
	More   bool
	Items  []NameItem
}

// NameItem is a file, directory or link that the sender has on its disk.
type NameItem struct {
	Path    string // relative to the folder, with slashes
	Kind    tree.Kind
	Content ident.ContentID // zero for a directory
	Size    uint64
	Mtime   int64 // nanoseconds since 1970
}

func (AskNames) message()   {}
func (NamesFound) message() {}

func (AskNames) kind() byte { return typeAskNames }

func (m AskNames) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(append(b, m.Folder[:]...), m.Ticket)
	b = binary.AppendUvarint(b, m.Limit)
	b = binary.AppendUvarint(b, uint64(len(m.Words)))
	for _, w := range m.Words {
		b = append(binary.AppendUvarint(b, uint64(len(w))), w...)
	}
	return b
}

func (m AskNames) size() int {
	n := folderLen + uvarintLen(m.Ticket) + uvarintLen(m.Limit) + uvarintLen(uint64(len(m.Words)))
	for _, w := range m.Words {
		n += sizedLen(len(w))
	}
	return n
}

func parseAskNames(r *reader) (m AskNames) {
	r.into("folder", m.Folder[:])
	m.Ticket = r.number("ticket")
	if m.Limit = r.atMost("limit", NamesMax); m.Limit == 0 && r.err == nil {
		r.fail("limit", errors.New("nothing is wanted"))
	}
	n := r.count("words", SearchWordsMax, 2)
	if n == 0 && r.err == nil {
		r.fail("words", errors.New("there are none"))
	}
	for i := range n {
		r.item = i
		w := r.text("word", SearchWordMax)
		if w == "" && r.err == nil {
			r.fail("word", errors.New("it is empty"))
		}
		m.Words = append(m.Words, w)
	}
	return m
}

func (NamesFound) kind() byte { return typeNamesFound }

func (m NamesFound) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(append(b, m.Folder[:]...), m.Ticket)
	b = appendFlag(b, m.More)
	b = binary.AppendUvarint(b, uint64(len(m.Items)))
	for i := range m.Items {
		t := &m.Items[i]
		b = append(binary.AppendUvarint(b, uint64(len(t.Path))), t.Path...)
		b = append(append(b, byte(t.Kind)), t.Content[:]...)
		b = binary.AppendUvarint(b, t.Size)
		b = binary.BigEndian.AppendUint64(b, uint64(t.Mtime))
	}
	return b
}

// NameItemSize returns the bytes that an item adds to a NamesFound; whoever gathers items
// adds them up to stay within FrameMax.
func NameItemSize(t *NameItem) int {
	return sizedLen(len(t.Path)) + 1 + contentLen + uvarintLen(t.Size) + 8
}

func (m NamesFound) size() int {
	n := folderLen + uvarintLen(m.Ticket) + 1 + uvarintLen(uint64(len(m.Items)))
	for i := range m.Items {
		n += NameItemSize(&m.Items[i])
	}
	return n
}

func parseNamesFound(r *reader) (m NamesFound) {
	r.into("folder", m.Folder[:])
	m.Ticket = r.number("ticket")
	m.More = r.flag("more")
	n := r.count("items", NamesMax, 1+1+1+contentLen+1+8)
	if n == 0 {
		return m
	}
	m.Items = make([]NameItem, n)
	for i := range m.Items {
		r.item = i
		t := &m.Items[i]
		if t.Path = r.text("path", NamePathMax); t.Path == "" && r.err == nil {
			r.fail("path", errors.New("it is empty"))
		}
		if t.Kind = tree.Kind(r.byte("kind")); r.err == nil && (t.Kind < tree.File || t.Kind > tree.Link) {
			r.fail("kind", fmt.Errorf("there is no kind %d", t.Kind))
		}
		r.into("content", t.Content[:])
		t.Size = r.atMost("size", 1<<63-1)
		t.Mtime = int64(r.fixed64("mtime"))
	}
	return m
}
