package pairing

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

// said is every message, with its bytes as they are sent for good.
var said = []struct {
	m   Message
	hex string
}{
	{Begin{byLink, 4829, [32]byte{1}}, "010212dd01" + zeros(31)},
	{Share{[32]byte{2}}, "0202" + zeros(31)},
	{Proof{[64]byte{3}}, "0303" + zeros(63)},
	{Sealed{[]byte{4, 5}}, "040405"},
	{Ask{"ab", [32]byte{6}, []Offer{{ident.FolderID{7}, "w", "owner", 8, 9}}},
		"05026162" + "06" + zeros(31) + "01" + "07" + zeros(15) + "0177" + "056f776e6572" +
			"0000000000000008" + "0000000000000009"},
	{Answered{"ab", [32]byte{6}}, "06026162" + "06" + zeros(31)},
	{Reveal{[16]byte{7}}, "0707" + zeros(15)},
	{Terms{Card{"ab", 22100, [32]byte{8}}, nil}, "080261625654" + "08" + zeros(31) + "00"},
	{Agree{Card{"ab", 22100, [32]byte{8}}, []ident.FolderID{{9}}}, "090261625654" + "08" + zeros(31) + "01" + "09" + zeros(15)},
	{Linked{}, "0a"},
	{Refuse{Busy}, "0b03"},
}

func zeros(n int) string { return strings.Repeat("00", n) }

func TestMessagesByteByByte(t *testing.T) {
	for _, s := range said {
		raw := Append([]byte("before"), s.m)[6:]
		if hex.EncodeToString(raw) != s.hex {
			t.Errorf("%T is sent as %x, want %s", s.m, raw, s.hex)
		}
		got, err := Parse(raw)
		if err != nil || !reflect.DeepEqual(got, s.m) {
			t.Errorf("%T is read as %+v, %v", s.m, got, err)
		}
		if _, sealed := s.m.(Sealed); sealed {
			continue
		}
		if got, err := Parse(append(raw, 1, 2, 3)); err != nil || !reflect.DeepEqual(got, s.m) {
			t.Errorf("%T of a newer program is read as %+v, %v", s.m, got, err)
		}
		for i := range raw {
			if _, err := Parse(raw[:i]); err == nil {
				t.Errorf("%T is read from %d of %d bytes", s.m, i, len(raw))
			}
		}
	}
	for _, raw := range [][]byte{nil, {0}, {99}, make([]byte, MessageMax+1)} {
		if _, err := Parse(raw); err == nil {
			t.Errorf("%d bytes are read as a message", len(raw))
		}
	}
}

func TestMessagesStayWithinTheirBounds(t *testing.T) {
	long := strings.Repeat("ü", 200)
	var offers []Offer
	for range 40 {
		offers = append(offers, Offer{Name: long, Role: "writer"})
	}
	raw := Append(nil, Terms{Card{Name: long}, offers})
	m, err := Parse(raw)
	if err != nil || len(raw) > MessageMax {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	terms := m.(Terms)
	if len(terms.Offers) != OffersMax || len(terms.Card.Name) != 254 || !strings.HasSuffix(terms.Card.Name, "ü") {
		t.Errorf("%d offers, a name of %d bytes", len(terms.Offers), len(terms.Card.Name))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range said {
		f.Add(Append(nil, s.m))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		if again := Append(nil, m); !bytes.HasPrefix(raw, again) {
			t.Errorf("%x is written as %x", raw, again)
		}
	})
}

// FuzzConversation plays any messages to a device that shows a code and to one that
// entered one: nobody is trusted, and nothing is left behind.
func FuzzConversation(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Add([]byte{5, 7, 8, 10})
	f.Fuzz(func(t *testing.T, kinds []byte) {
		w := newWorld(t, "laptop", "desktop")
		b := w.devices[1]
		invites(b, work)
		b.hear(Met{0, 1000, ident.DeviceID{66}, addr("10.0.0.66:5"), false, [32]byte{1}, w.chance()})
		for _, k := range kinds[:min(len(kinds), 100)] {
			b.hear(Heard{1000, said[int(k)%len(said)].m})
		}
		b.hear(Withdrawn{1})
		w.wait(3600e9)
		b.quiet()
		if len(b.saved) > 0 {
			t.Error("somebody is trusted")
		}
	})
}
