package post

import (
	"crypto/ed25519"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func TestMessages(t *testing.T) {
	m := Message{
		Kind: Letter, Ticket: 7, Device: ident.DeviceID{1, 2}, Body: []byte("sealed"), Slot: 4829,
		At: netip.MustParseAddrPort("203.0.113.9:5000"), Turn: &Turn{URLs: []string{"stun:x:1"}, Lasts: 600},
	}
	back, err := Parse(Append(nil, m))
	if err != nil || !reflect.DeepEqual(back, m) {
		t.Fatalf("came back as %+v, %v", back, err)
	}
	if got := string(Append(nil, Message{Kind: Alive})); got != `{"kind":"alive"}` {
		t.Errorf("alive is %s", got)
	}
	for _, text := range []string{
		"", "{", "[]", `{"ticket":1}`, `{"kind":"letter","device":"abc"}`, `{"kind":"hello","nonce":"AAAA"}`,
		`{"kind":"claim","slot":70000}`, `{"kind":"claim","lasts":-1}`,
		`{"kind":"letter","body":"` + strings.Repeat("A", 4*BodyMax/3+8) + `"}`,
		`{"kind":"share","shares":[{"key":"AAAA"}]}`, `{"kind":"members","folder":"AAAA"}`,
		`{"kind":"share","shares":[{"key":"AAAAAAAAAAAAAAAAAAAAAA==","part":11}]}`,
		`{"kind":"members","members":[` + strings.Repeat("{},", MembersMax) + `{}]}`,
		`{"kind":"x","reason":"` + strings.Repeat("x", MessageMax) + `"}`,
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
}

// The largest answers fit one message, and keys tell nothing of a folder at another server.
func TestShares(t *testing.T) {
	folder := ident.FolderID{1, 2, 3}
	key := KeyOf("pin", folder)
	if key == KeyOf("other", folder) || key == KeyOf("pin", ident.FolderID{1}) || key != KeyOf("pin", folder) {
		t.Error("keys are equal where they must not be, or differ")
	}
	told := Message{Kind: Shares, Ticket: 1<<64 - 1}
	for range SharesMax {
		told.Shares = append(told.Shares, Share{Key: key[:], Part: PartAll})
	}
	named := Message{Kind: Members, Ticket: 1<<64 - 1}
	for range MembersMax {
		named.Members = append(named.Members, Member{Device: ident.DeviceID{9}, Card: make([]byte, CardMax), Part: PartAll})
	}
	for _, m := range []Message{told, named} {
		if back, err := Parse(Append(nil, m)); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s of %d bytes: %v", m.Kind, len(Append(nil, m)), err)
		}
	}
}

func TestProofIsForOneServerAndOneNonce(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	nonce := make([]byte, NonceSize)
	m := Message{Key: key.Public().(ed25519.PublicKey), Signature: Sign(key, "pin", nonce)}
	if d, ok := Proven(m, "pin", nonce); !ok || d != ident.DeviceFromKey(m.Key) {
		t.Fatal("an honest proof is refused")
	}
	if _, ok := Proven(m, "other", nonce); ok {
		t.Error("the proof holds at another server")
	}
	nonce[3]++
	if _, ok := Proven(m, "pin", nonce); ok {
		t.Error("the proof holds again")
	}
}

func TestPlaces(t *testing.T) {
	pin := PinOf([]byte("key"))
	for text, want := range map[string]Place{
		"https://203.0.113.1:22101/?pin=" + pin:                 {Host: "203.0.113.1:22101", Pin: pin},
		" https://meet.example.org ":                            {Host: "meet.example.org:22101"},
		"https://[2001:db8::1]:443?token=a-b":                   {Host: "[2001:db8::1]:443", Token: "a-b"},
		"https://h:1/?pin=" + strings.ToUpper(pin) + "&token=x": {Host: "h:1", Pin: pin, Token: "x"},
	} {
		got, err := ParsePlace(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
			continue
		}
		if again, err := ParsePlace(got.String()); err != nil || again != got {
			t.Errorf("%s: written as %s", text, got)
		}
		if strings.Contains(got.Plain(), "x") && got.Token == "x" {
			t.Errorf("%s shows the token", got.Plain())
		}
	}
	for _, text := range []string{"", "http://h:1", "https://", "https://h/?pin=abc", "https://u:p@h", "https://h/path", "https://h:0", "https://h:99999", "https://?pin=", "https://h?token=a%20b",
		"https://h?token=" + strings.Repeat("t", TokenMax+1)} {
		if p, err := ParsePlace(text); err == nil {
			t.Errorf("%q was read as %+v", text, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"kind":"letter","device":"x","body":"AAAA"}`))
	f.Add(Append(nil, Message{Kind: Hello, Nonce: make([]byte, NonceSize)}))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := Parse(text); err == nil {
			if _, err := Parse(Append(nil, m)); err != nil && len(Append(nil, m)) <= MessageMax {
				t.Fatalf("what was read cannot be read again: %v", err)
			}
		}
	})
}
