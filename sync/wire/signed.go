package wire

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// SignedRoot is how a writer's replica stood when everything up to a row of its log was
// recorded, signed by its device. Whoever holds exactly that may pass it on, with entries
// that hash up to its roots: so what a reader tells of the tree can be believed, for it is
// the writer's word (docs/decisions/0040).
type SignedRoot struct {
	Folder ident.FolderID
	Key    [32]byte // the signer's Ed25519 public key
	Log    ident.LogID
	Head   uint64 // the newest row of Log that is in it
	Wall   int64  // when it was signed, unix milliseconds by the signer's clock
	Root   [32]byte
	Gone   [32]byte // hash of the deleted entries that were not forgotten, like Root
	// Knowledge, Collected and Checked are those of the signer; see State, Horizon, Checked.
	Knowledge version.Vector
	Collected version.Vector
	Checked   []tree.Range
	// Replicas are those that Knowledge names, as far as there is room: what conflict
	// copies are called depends on them.
	Replicas []tree.Replica
	Sign     [64]byte // of ToSign
}

// AskGone asks for subtrees of the hash tree of the receiver's deleted entries. Parts
// answers it, as it does AskParts.
type AskGone struct {
	Folder   ident.FolderID
	Repair   uint64
	Prefixes []summary.Prefix
}

func (SignedRoot) message() {}
func (AskGone) message()    {}

// SignedNames bounds the bytes of Replicas, so that a SignedRoot with the longest vectors
// fits a frame.
const SignedNames = 384 << 10

// signedTag begins what is signed, so that no other signature of a device passes for it.
const signedTag = "shoal signed root 1\x00"

// Signer returns the device that signed.
func (m *SignedRoot) Signer() ident.DeviceID { return ident.DeviceFromKey(m.Key[:]) }

// ToSign returns the bytes that Sign signs: "shoal signed root 1", a zero byte, and the
// message up to its signature.
func (m *SignedRoot) ToSign() []byte { return m.unsigned([]byte(signedTag)) }

// Verify reports whether the signature is of the key that the message names. Whether that
// device may write is for others to say.
func (m *SignedRoot) Verify() bool {
	return ed25519.Verify(m.Key[:], m.ToSign(), m.Sign[:])
}

// NameSize returns how many bytes of SignedNames a replica takes.
func NameSize(r *tree.Replica) int {
	return 8 + len(ident.DeviceID{}) + textSize(r.Name, NameMax)
}

func (SignedRoot) kind() byte { return typeSignedRoot }

func (m SignedRoot) appendTo(b []byte) []byte { return append(m.unsigned(b), m.Sign[:]...) }

func (m *SignedRoot) unsigned(b []byte) []byte {
	b = append(append(b, m.Folder[:]...), m.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Log))
	b = binary.AppendUvarint(b, m.Head)
	b = binary.AppendUvarint(b, uint64(m.Wall))
	b = append(append(b, m.Root[:]...), m.Gone[:]...)
	b = appendVector(appendVector(b, m.Knowledge), m.Collected)
	b = appendRanges(b, m.Checked)
	return appendReplicas(b, m.Replicas)
}

func (m SignedRoot) size() int {
	return folderLen + 4*32 + 8 + uvarintLen(m.Head) + uvarintLen(uint64(m.Wall)) + 32 +
		vectorSize(m.Knowledge) + vectorSize(m.Collected) + rangesSize(m.Checked) + replicasSize(m.Replicas)
}

func parseSignedRoot(r *reader) (m SignedRoot) {
	r.into("folder", m.Folder[:])
	r.into("key", m.Key[:])
	m.Log = ident.LogID(r.fixed64("log"))
	m.Head = r.number("head")
	m.Wall = int64(r.number("wall"))
	r.into("root", m.Root[:])
	r.into("gone", m.Gone[:])
	m.Knowledge = r.vector("knowledge", KnowledgeMax)
	m.Collected = r.vector("collected", KnowledgeMax)
	m.Checked = ranges(r)
	m.Replicas = replicas(r)
	r.item = noItem
	r.into("signature", m.Sign[:])
	return m
}

func appendRanges(b []byte, list []tree.Range) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, r := range list {
		b = binary.BigEndian.AppendUint64(b, uint64(r.Replica))
		b = binary.AppendUvarint(b, r.From)
		b = binary.AppendUvarint(b, r.To)
	}
	return b
}

func rangesSize(list []tree.Range) int {
	n := uvarintLen(uint64(len(list)))
	for _, r := range list {
		n += 8 + uvarintLen(r.From) + uvarintLen(r.To)
	}
	return n
}

func ranges(r *reader) []tree.Range {
	n := r.count("ranges", CheckedMax, 8+1+1)
	if n == 0 {
		return nil
	}
	list := make([]tree.Range, n)
	for i := range list {
		r.item = i
		at := &list[i]
		at.Replica = r.replica("replica")
		at.From, at.To = r.number("from"), r.number("to")
		if r.err == nil && (at.From == 0 || at.From > at.To) {
			r.fail("to", errors.New("the range is empty"))
		}
	}
	r.item = noItem
	return list
}

func (AskGone) kind() byte { return typeAskGone }

func (m AskGone) appendTo(b []byte) []byte { return AskParts(m).appendTo(b) }

func (m AskGone) size() int { return AskParts(m).size() }

func parseAskGone(r *reader) AskGone { return AskGone(parseAskParts(r)) }
