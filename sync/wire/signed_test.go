package wire

import (
	"crypto/ed25519"
	"os"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// signedBy returns a word of a device whose key is made of a seed.
func signedBy(seed byte) SignedRoot {
	key := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
	m := SignedRoot{
		Folder: spelled[ident.FolderID](0xf0), Log: 9, Head: 300, Wall: 1_800_000_000_000,
		Root: spelledLong[[32]byte](0xaa), Gone: spelledLong[[32]byte](0xbb),
		Knowledge: version.Vector{{Replica: alice, Counter: 300}, {Replica: bob, Counter: 7}},
		Collected: version.Vector{{Replica: bob, Counter: 6}},
		Checked:   []tree.Range{{Replica: alice, From: 1, To: 300}},
		Replicas:  []tree.Replica{{ID: alice, Device: ident.DeviceFromKey(key.Public().(ed25519.PublicKey)), Name: "laptop"}},
	}
	copy(m.Key[:], key.Public().(ed25519.PublicKey))
	copy(m.Sign[:], ed25519.Sign(key, m.ToSign()))
	return m
}

func signedConversation() []line {
	return []line{
		{"a", signedBy(1)},
		{"a", SignedRoot{Folder: spelled[ident.FolderID](0xf0)}},
		{"b", AskGone{Folder: spelled[ident.FolderID](0xf0), Repair: 7, Prefixes: []summary.Prefix{
			{}, {ID: ident.EntryID{0xab, 0xc0}, Digits: 3},
		}}},
	}
}

// Every field is signed, and no other signature of the device passes.
func TestSignatureCoversEveryField(t *testing.T) {
	good := signedBy(1)
	if !good.Verify() || good.Signer() != good.Replicas[0].Device {
		t.Fatal("what was signed does not count")
	}
	other := signedBy(2)
	for name, change := range map[string]func(*SignedRoot){
		"folder":    func(m *SignedRoot) { m.Folder[0]++ },
		"key":       func(m *SignedRoot) { m.Key = other.Key },
		"log":       func(m *SignedRoot) { m.Log++ },
		"head":      func(m *SignedRoot) { m.Head++ },
		"wall":      func(m *SignedRoot) { m.Wall++ },
		"root":      func(m *SignedRoot) { m.Root[31]++ },
		"gone":      func(m *SignedRoot) { m.Gone[31]++ },
		"knowledge": func(m *SignedRoot) { m.Knowledge = m.Knowledge[:1] },
		"collected": func(m *SignedRoot) { m.Collected = nil },
		"checked":   func(m *SignedRoot) { m.Checked = nil },
		"replicas":  func(m *SignedRoot) { m.Replicas = nil },
		"name":      func(m *SignedRoot) { m.Replicas = []tree.Replica{{ID: alice, Name: "phone"}} },
		"signature": func(m *SignedRoot) { m.Sign = other.Sign },
		"shifted":   func(m *SignedRoot) { m.Collected, m.Knowledge = m.Knowledge, m.Collected },
	} {
		bad := signedBy(1)
		if change(&bad); bad.Verify() {
			t.Errorf("another %s passes for what was signed", name)
		}
	}
}

// With the longest vectors, ranges and names that a device composes, it fits a frame.
func TestLongestSignedRootFits(t *testing.T) {
	m := SignedRoot{Head: 1<<64 - 1, Wall: -1}
	for i := range uint64(KnowledgeMax) {
		m.Knowledge = append(m.Knowledge, version.Dot{Replica: ident.ReplicaID(i + 1), Counter: 1<<64 - 1})
	}
	m.Collected = m.Knowledge
	for range CheckedMax {
		m.Checked = append(m.Checked, tree.Range{Replica: 1, From: 1 << 63, To: 1<<64 - 1})
	}
	named := tree.Replica{ID: 1, Name: strings.Repeat("n", NameMax)}
	for size := 0; size+NameSize(&named) <= SignedNames; size += NameSize(&named) {
		m.Replicas = append(m.Replicas, named)
	}
	if n := Size(m); n > FrameMax {
		t.Errorf("it has %d bytes", n)
	}
}

func TestSignedRootIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/wire.md")
	for _, want := range []string{"### 26 SignedRoot\n", "### 27 AskGone\n", "shoal signed root 1"} {
		if err != nil || !strings.Contains(string(page), want) {
			t.Errorf("docs/wire.md does not say %q: %v", want, err)
		}
	}
}
