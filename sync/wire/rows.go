package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

const (
	folderLen  = len(ident.FolderID{})
	contentLen = len(ident.ContentID{})
	rootLen    = 32

	// What an item of a list needs at least, by which its count is bounded before memory
	// is taken for the list.
	replicaSizeMin = 8 + len(ident.DeviceID{}) + 1
	entrySizeMin   = 1 + len(ident.EntryID{})
)

func (Join) kind() byte { return typeJoin }

func (m Join) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Replica))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Log))
	b = binary.AppendUvarint(b, m.Head)
	b = binary.BigEndian.AppendUint64(b, uint64(m.TookLog))
	b = binary.AppendUvarint(b, m.TookSeq)
	b = append(b, m.Root[:]...)
	b = binary.AppendUvarint(b, m.Counter)
	b = binary.AppendUvarint(b, m.Call)
	b = binary.AppendUvarint(b, m.Answers)
	return appendReplicas(b, m.Replicas)
}

func (m Join) size() int {
	n := folderLen + 3*8 + rootLen + uvarintLen(m.Head) + uvarintLen(m.TookSeq)
	n += uvarintLen(m.Counter) + uvarintLen(m.Call) + uvarintLen(m.Answers)
	return n + replicasSize(m.Replicas)
}

func parseJoin(r *reader) (m Join) {
	r.into("folder", m.Folder[:])
	m.Replica = r.replica("replica")
	m.Log = ident.LogID(r.fixed64("log"))
	m.Head = r.number("head")
	m.TookLog = ident.LogID(r.fixed64("took log"))
	m.TookSeq = r.number("took number")
	r.into("root", m.Root[:])
	m.Counter = r.number("counter")
	m.Call = r.number("call")
	m.Answers = r.number("answers")
	m.Replicas = replicas(r)
	return m
}

func (Refuse) kind() byte { return typeRefuse }

func (m Refuse) appendTo(b []byte) []byte {
	return append(append(b, m.Folder[:]...), byte(m.Reason))
}

func (m Refuse) size() int { return folderLen + 1 }

func parseRefuse(r *reader) (m Refuse) {
	r.into("folder", m.Folder[:])
	m.Reason = RefuseReason(r.byte("reason"))
	return m
}

func (State) kind() byte { return typeState }

func (m State) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, m.Head)
	b = append(b, m.Root[:]...)
	b = appendVector(b, m.Knowledge)
	b = appendFlag(b, m.Scanning)
	b = binary.AppendUvarint(b, m.NeedFiles)
	b = binary.AppendUvarint(b, m.NeedBytes)
	b = binary.AppendUvarint(b, m.Files)
	return binary.AppendUvarint(b, m.Bytes)
}

func (m State) size() int {
	return folderLen + uvarintLen(m.Head) + rootLen + vectorSize(m.Knowledge) + 1 +
		uvarintLen(m.NeedFiles) + uvarintLen(m.NeedBytes) +
		uvarintLen(m.Files) + uvarintLen(m.Bytes)
}

func parseState(r *reader) (m State) {
	r.into("folder", m.Folder[:])
	m.Head = r.number("head")
	r.into("root", m.Root[:])
	m.Knowledge = r.vector("knowledge", KnowledgeMax)
	m.Scanning = r.flag("scanning")
	m.NeedFiles = r.number("needed files")
	m.NeedBytes = r.number("needed bytes")
	m.Files = r.number("files")
	m.Bytes = r.number("bytes")
	return m
}

func (Rows) kind() byte { return typeRows }

func (m Rows) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Log))
	b = binary.AppendUvarint(b, m.After)
	b = binary.AppendUvarint(b, m.Upto)
	return appendEntries(b, m.Entries, m.Has)
}

func appendEntries(b []byte, list []tree.Entry, has []bool) []byte {
	if len(has) != len(list) {
		panic(fmt.Sprintf("bug: wire: %d entries are told with the content of %d", len(list), len(has)))
	}
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = appendSizedEntry(b, &list[i])
	}
	return appendBits(b, has)
}

// appendSizedEntry writes the record first and then moves it behind its length, which is
// cheaper than encoding it twice.
func appendSizedEntry(b []byte, e *tree.Entry) []byte {
	start := len(b)
	b = tree.AppendEntry(b, e)
	n := len(b) - start
	var length [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(length[:], uint64(n))
	b = append(b, length[:k]...)
	copy(b[start+k:], b[start:start+n])
	copy(b[start:], length[:k])
	return b
}

func (m Rows) size() int {
	return folderLen + 8 + uvarintLen(m.After) + uvarintLen(m.Upto) + entriesSize(m.Entries, m.Has)
}

func entriesSize(list []tree.Entry, has []bool) int {
	n := uvarintLen(uint64(len(list))) + (len(has)+7)/8
	for i := range list {
		n += EntrySize(&list[i])
	}
	return n
}

// EntrySize returns the bytes that an entry adds to a Rows, bit of Has aside. Whoever
// gathers entries adds them up to stay within FrameMax: few records are longer than 200
// bytes, but one may be tree.RecordMax.
func EntrySize(e *tree.Entry) int {
	var room [512]byte
	return sizedLen(len(tree.AppendEntry(room[:0], e)))
}

func parseRows(r *reader) (m Rows) {
	r.into("folder", m.Folder[:])
	m.Log = ident.LogID(r.fixed64("log"))
	m.After = r.number("after")
	m.Upto = r.number("upto")
	if m.Upto < m.After {
		r.fail("upto", fmt.Errorf("%d, less than after, %d", m.Upto, m.After))
	}
	n := r.count("entries", RowsMax, entrySizeMin)
	if n == 0 {
		return m
	}
	if uint64(n) > m.Upto-m.After {
		r.fail("entries", fmt.Errorf("%d, more than the numbers %d..%d", n, m.After+1, m.Upto))
		return m
	}
	m.Entries, m.Has = entries(r, n)
	return m
}

// entries takes n records and the bits that follow them.
func entries(r *reader, n int) ([]tree.Entry, []bool) {
	if n == 0 {
		return nil, nil
	}
	list := make([]tree.Entry, n)
	for i := range list {
		r.item = i
		record := r.sized("entry", tree.RecordMax)
		if r.err != nil {
			return nil, nil
		}
		e, err := tree.ParseEntry(record)
		if err != nil {
			r.fail("entry", err)
			return nil, nil
		}
		list[i] = e
	}
	r.item = noItem
	return list, r.bits("has", n)
}

// appendBits writes bit i of a list into bit i%8 (counted from the least) of byte i/8.
func appendBits(b []byte, list []bool) []byte {
	start := len(b)
	b = append(b, make([]byte, (len(list)+7)/8)...)
	for i, set := range list {
		if set {
			b[start+i/8] |= 1 << (i % 8)
		}
	}
	return b
}

func (r *reader) bits(field string, n int) []bool {
	packed := r.raw(field, (n+7)/8)
	if r.err != nil {
		return nil
	}
	list := make([]bool, n)
	for i := range list {
		list[i] = packed[i/8]>>(i%8)&1 == 1
	}
	if n%8 != 0 && packed[n/8]>>(n%8) != 0 {
		r.fail(field, errors.New("bits set beyond the last entry"))
	}
	return list
}

func (RowsTaken) kind() byte { return typeRowsTaken }

func (m RowsTaken) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Log))
	return binary.AppendUvarint(b, m.Upto)
}

func (m RowsTaken) size() int { return folderLen + 8 + uvarintLen(m.Upto) }

func parseRowsTaken(r *reader) (m RowsTaken) {
	r.into("folder", m.Folder[:])
	m.Log = ident.LogID(r.fixed64("log"))
	m.Upto = r.number("upto")
	return m
}
