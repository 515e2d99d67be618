package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/members"
)

// memberTalk is every message about members, with what it looks like by hand.
func memberTalk() []struct {
	message Message
	frame   string
} {
	folder, device := spelled[ident.FolderID](0xf0), spelledLong[ident.DeviceID](0xdd)
	f16, d32 := strings.Repeat("f0", 16), strings.Repeat("dd", 32)
	return []struct {
		message Message
		frame   string
	}{
		{Roster{
			Folder: folder, Founding: members.Founding{Founder: device, Nonce: spelled[members.Nonce](0xaa)},
			Have: []members.Seen{{Owner: device, Upto: 300}}, Hash: spelledLong[[32]byte](0x55),
		}, "1e" + f16 + d32 + strings.Repeat("aa", 16) + "01" + d32 + "ac02" + strings.Repeat("55", 32)},
		{Records{Folder: folder, Records: []members.Record{{
			Key: spelledLong[[32]byte](0x11), Epoch: 2, Subject: device, Role: members.Reader, Name: "x",
			Seen: []members.Seen{{Owner: spelledLong[ident.DeviceID](0x22), Upto: 1}},
		}}}, "1f" + f16 + "01" + strings.Repeat("11", 32) + "02" + d32 + "01" + "0178" +
			"01" + strings.Repeat("22", 32) + "01" + strings.Repeat("00", 64)},
		{Whereabouts{Folder: folder, Places: []Place{{Device: device, Addresses: []netip.AddrPort{
			netip.MustParseAddrPort("10.0.0.1:22100"), netip.MustParseAddrPort("[fd00::1]:5"),
		}}}}, "20" + f16 + "01" + d32 + "02" + "040a000001" + "5654" +
			"10fd000000000000000000000000000001" + "0005"},
	}
}

func TestMessagesAboutMembers(t *testing.T) {
	document, err := os.ReadFile("../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range memberTalk() {
		frame := Append(nil, c.message)
		if got := hex.EncodeToString(frame); got != c.frame {
			t.Errorf("%T:\n got %s\nwant %s", c.message, got, c.frame)
		}
		if Size(c.message) != len(frame) {
			t.Errorf("%T: size %d of %d", c.message, Size(c.message), len(frame))
		}
		for _, whole := range [][]byte{frame, append(bytes.Clone(frame), "of tomorrow"...)} {
			if m, err := Parse(whole); err != nil || !reflect.DeepEqual(m, c.message) {
				t.Errorf("%T: read as %+v, %v", c.message, m, err)
			}
		}
		for n := range frame {
			if m, err := Parse(frame[:n]); !errors.Is(err, ErrMalformed) || m != nil {
				t.Fatalf("%T cut to %d of %d bytes: %v, %v", c.message, n, len(frame), m, err)
			}
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", c.message), "wire.")
		_, section, found := strings.Cut(string(document), fmt.Sprintf("### %d %s\n", frame[0], name))
		section, _, _ = strings.Cut(section, "\n### ")
		for i := range reflect.TypeOf(c.message).NumField() {
			if field := reflect.TypeOf(c.message).Field(i).Name; !found || !strings.Contains(section, "| "+field+" |") {
				t.Errorf("docs/wire.md does not show %s.%s", name, field)
			}
		}
	}
}

func TestRefusedTalkAboutMembers(t *testing.T) {
	f16, d32 := strings.Repeat("f0", 16), strings.Repeat("dd", 32)
	for _, c := range []refusal{
		{"owners beyond the limit", "1e" + f16 + d32 + strings.Repeat("aa", 16) + "41", []string{"Roster", "have", "65"}},
		{"records beyond the limit", "1f" + f16 + "8102", []string{"Records", "records", "257"}},
		{"records beyond the frame", "1f" + f16 + "03" + strings.Repeat("00", 300), []string{"Records", "records", "ends early"}},
		{"a record about nobody", "1f" + f16 + "01" + strings.Repeat("01", 33) + strings.Repeat("00", 120),
			[]string{"Records", "item 0", "record", "nobody"}},
		{"places beyond the limit", "20" + f16 + "8102", []string{"Whereabouts", "places", "257"}},
		{"an address of 5 bytes", "20" + f16 + "01" + d32 + "01" + "05" + "0102030405" + "0001",
			[]string{"Whereabouts", "item 0", "address"}},
		{"port 0", "20" + f16 + "01" + d32 + "01" + "04" + "01020304" + "0000", []string{"Whereabouts", "address"}},
		{"IPv4 in IPv6", "20" + f16 + "01" + d32 + "01" + "10" + strings.Repeat("00", 10) + "ffff01020304" + "0001",
			[]string{"Whereabouts", "address"}},
	} {
		frame, err := hex.DecodeString(c.frame)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(frame)
		if m != nil || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %T, %v", c.what, m, err)
			continue
		}
		for _, name := range c.names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: the error does not say %q: %v", c.what, name, err)
			}
		}
	}
}

// TestFullTalkAboutMembersFits: the longest of these messages fit a frame.
func TestFullTalkAboutMembersFits(t *testing.T) {
	var seen []members.Seen
	for i := range members.OwnersMax {
		seen = append(seen, members.Seen{Owner: ident.DeviceID{byte(i + 1)}, Upto: 1<<64 - 1})
	}
	r := members.Record{Epoch: 1<<64 - 1, Name: strings.Repeat("x", members.NameMax), Seen: seen}
	records := Records{Records: make([]members.Record, RecordsMax)}
	for i := range records.Records {
		records.Records[i] = r
	}
	place := Place{Addresses: make([]netip.AddrPort, AddressesMax)}
	for i := range place.Addresses {
		place.Addresses[i] = netip.MustParseAddrPort("[fd00::1]:65535")
	}
	places := Whereabouts{Places: make([]Place, PlacesMax)}
	for i := range places.Places {
		places.Places[i] = place
	}
	for _, m := range []Message{records, places} {
		if n := Size(m); n > FrameMax {
			t.Errorf("%T: %d bytes", m, n)
		}
	}
}
