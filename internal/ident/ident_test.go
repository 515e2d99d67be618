package ident

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// form is an id whose text people see or type.
type form struct {
	name   string
	length int // characters without dashes
	draw   func(r *rand.Rand) string
	parse  func(text string) (again string, err error)
}

var forms = []form{
	{
		"device id", 56,
		func(r *rand.Rand) string {
			var d DeviceID
			fill(r, d[:])
			return d.String()
		},
		func(text string) (string, error) {
			d, err := ParseDevice(text)
			return d.String(), err
		},
	},
	{
		"folder id", 32,
		func(r *rand.Rand) string {
			var f FolderID
			fill(r, f[:])
			return f.String()
		},
		func(text string) (string, error) {
			f, err := ParseFolder(text)
			return f.String(), err
		},
	},
}

func fill(r *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

func TestTextRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range forms {
		for range 1000 {
			text := f.draw(r)
			bare := strings.ReplaceAll(text, "-", "")
			if len(bare) != f.length {
				t.Fatalf("%s %s has %d characters, want %d", f.name, text, len(bare), f.length)
			}
			for _, typed := range []string{
				text, bare, strings.ToUpper(text), " " + strings.ReplaceAll(text, "-", " ") + "\r\n",
				strings.ReplaceAll(text, "-", "\t-"),
			} {
				if again, err := f.parse(typed); err != nil || again != text {
					t.Fatalf("%s typed as %q: %s, %v", f.name, typed, again, err)
				}
			}
		}
	}
}

// TestMistypedIDsAreRefused tries every other character in every place, and every swap of
// neighbours, on random ids.
func TestMistypedIDsAreRefused(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	r := rand.New(rand.NewPCG(3, 4))
	for _, f := range forms {
		for range 20 {
			bare := []byte(strings.ReplaceAll(f.draw(r), "-", ""))
			refused := func(what string, typed string) {
				if _, err := f.parse(typed); !errors.Is(err, ErrMalformed) {
					t.Errorf("%s %s, %s: %v", f.name, bare, what, err)
				}
			}
			for i := range bare {
				for _, c := range []byte(letters) {
					if c != bare[i] {
						typed := append([]byte(nil), bare...)
						typed[i] = c
						refused("one character changed", string(typed))
					}
				}
				refused("one character lost", string(bare[:i])+string(bare[i+1:]))
				refused("one character twice", string(bare[:i+1])+string(bare[i:]))
				if i > 0 && bare[i-1] != bare[i] {
					typed := append([]byte(nil), bare...)
					typed[i-1], typed[i] = typed[i], typed[i-1]
					refused("neighbours swapped", string(typed))
				}
			}
		}
	}
}

func TestRefusedTexts(t *testing.T) {
	device, folder := DeviceID{1}.String(), FolderID{1}.String()
	for _, c := range []struct {
		text string
		says string
	}{
		{"", "wrong length"},
		{"otter", "wrong length"},
		{device + "aaaaaaaa", "wrong length"},
		{strings.Replace(device, "a", "0", 1), "characters"},
		{strings.Replace(device, "a", "é", 1), "characters"},
		{strings.Replace(device, "a", ".", 1), "characters"},
		{strings.Repeat("a", 56), "mistyped"},
		{strings.Repeat("-", 10_000) + device, "too long"},
	} {
		for _, f := range forms {
			text, says := c.text, c.says
			if f.name == "folder id" {
				text = strings.ReplaceAll(text, device, folder)
				says = ""
			}
			_, err := f.parse(text)
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s %.80q: %v, which does not say %q", f.name, text, err, says)
				continue
			}
			if !strings.HasPrefix(err.Error(), f.name) || len(err.Error()) > 300 {
				t.Errorf("%s %.80q: the error is %.400v", f.name, text, err)
			}
		}
	}
	if _, err := ParseDevice(folder); !errors.Is(err, ErrMalformed) {
		t.Errorf("a folder id was taken for a device id: %v", err)
	}
}

// TestOnlyOurLettersHaveCase: signs that Unicode lowers to our letters are not them.
func TestOnlyOurLettersHaveCase(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, f := range forms {
		text := f.draw(r)
		for !strings.Contains(text, "k") || !strings.Contains(text, "i") {
			text = f.draw(r)
		}
		for _, typed := range []string{
			strings.Replace(text, "k", "\u212a", 1), // the Kelvin sign
			strings.Replace(text, "i", "\u0130", 1), // I with a dot
		} {
			if _, err := f.parse(typed); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s %q: %v", f.name, typed, err)
			}
		}
	}
}

func TestFailedParseGivesNoID(t *testing.T) {
	text := DeviceID{1, 2, 3}.String()
	d, err := ParseDevice(text[:len(text)-1] + "?")
	if err == nil || !d.IsZero() {
		t.Errorf("%v, %v", d, err)
	}
	d = DeviceID{9}
	if err := d.UnmarshalText([]byte("otter")); err == nil || !d.IsZero() {
		t.Errorf("%v, %v", d, err)
	}
}

func TestIDsInJSON(t *testing.T) {
	type view struct {
		Device DeviceID
		Folder FolderID
	}
	v := view{DeviceID{1}, FolderID{2}}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var again view
	if err := json.Unmarshal(text, &again); err != nil || again != v {
		t.Errorf("%s became %v, %v", text, again, err)
	}
	if err := json.Unmarshal([]byte(`{"Folder":"otter"}`), &again); !errors.Is(err, ErrMalformed) {
		t.Errorf("a wrong folder id in JSON: %v", err)
	}
}

func TestContentText(t *testing.T) {
	c := ContentID{0xab, 31: 0x01}
	again, err := ParseContent(c.String())
	if err != nil || again != c {
		t.Errorf("%v became %v, %v", c, again, err)
	}
	for _, text := range []string{"", "ab", c.String() + "00", strings.Repeat("zz", 32),
		strings.Repeat("a", 10_000)} {
		again, err := ParseContent(text)
		if !errors.Is(err, ErrMalformed) || !again.IsZero() || len(err.Error()) > 300 {
			t.Errorf("%.80q: %v, %.400v", text, again, err)
		}
	}
}

// TestPinnedTexts: what people wrote down, and what replicas derive without talking, must
// never change.
func TestPinnedTexts(t *testing.T) {
	ascending := func(b []byte) {
		for i := range b {
			b[i] = byte(i)
		}
	}
	var device DeviceID
	var folder FolderID
	var entry EntryID
	var content ContentID
	ascending(device[:])
	ascending(folder[:])
	ascending(entry[:])
	ascending(content[:])
	for _, pin := range []struct{ got, want string }{
		{device.String(), "aaaqeay-eaudaoc-ajbifqy-diob4ib-ceqtcqk-rmfyyde-nbwha5d-ypwgdon"},
		{device.Short(), "aaaqeay"},
		{folder.String(), "aaaqeaye-audaocaj-bifqydio-b67elszg"},
		{DeviceFromKey(device[:]).String(), "mmg42kl-gyqzwne-iskrelx-ms3j72b-fje4omw-3fsflyg-4fqg6xc-dos6kd3"},
		{entry.String(), "000102030405060708090a0b0c0d0e0f"},
		{ReplicaID(0xab).String(), "00000000000000ab"},
		{LogID(0xab).String(), "00000000000000ab"},
		{content.String(), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
		{ChunkID(content).String(), content.String()},
		{DerivedEntry(folder, entry, 1, "notes.txt").String(), "3520e2bbe2edac06abad35ac1f56c811"},
		{DerivedEntry(folder, Root, 2, "").String(), "b831c65398853f5cd17c356555a691e0"},
		{ConflictEntry(entry, 5, 300, content).String(), "9636399b624d0cb702e6f80b5755f0b1"},
		{ConflictEntry(entry, 0, 300, content).String(), "6c2674f099268953be43d5a20a61d9a1"},
	} {
		if pin.got != pin.want {
			t.Errorf("got %s, pinned %s", pin.got, pin.want)
		}
	}
}

func TestDerivedIDsDependOnAllTheyShould(t *testing.T) {
	seen := map[EntryID]string{}
	differs := func(what string, id EntryID) {
		if before, taken := seen[id]; taken {
			t.Errorf("%s gives the id of %s", what, before)
		}
		seen[id] = what
	}
	differs("an entry", DerivedEntry(FolderID{1}, EntryID{1}, 1, "a"))
	differs("another folder", DerivedEntry(FolderID{2}, EntryID{1}, 1, "a"))
	differs("another parent", DerivedEntry(FolderID{1}, EntryID{2}, 1, "a"))
	differs("another kind", DerivedEntry(FolderID{1}, EntryID{1}, 2, "a"))
	differs("another name", DerivedEntry(FolderID{1}, EntryID{1}, 1, "b"))
	differs("a conflict", ConflictEntry(EntryID{1}, 1, 1, ContentID{1}))
	differs("a conflict elsewhere", ConflictEntry(EntryID{2}, 1, 1, ContentID{1}))
	differs("a conflict of another replica", ConflictEntry(EntryID{1}, 2, 1, ContentID{1}))
	differs("a conflict of another write", ConflictEntry(EntryID{1}, 1, 2, ContentID{1}))
	differs("a null conflict", ConflictEntry(EntryID{1}, 0, 0, ContentID{1}))
	differs("a null conflict of other content", ConflictEntry(EntryID{1}, 0, 0, ContentID{2}))

	if ConflictEntry(EntryID{1}, 1, 1, ContentID{1}) != ConflictEntry(EntryID{1}, 1, 1, ContentID{2}) {
		t.Error("the conflict entry of a write depends on its content, not on its dot alone")
	}
}

func TestZeroIDs(t *testing.T) {
	if !(DeviceID{}).IsZero() || (DeviceID{31: 1}).IsZero() {
		t.Error("DeviceID.IsZero")
	}
	if !(FolderID{}).IsZero() || (FolderID{15: 1}).IsZero() {
		t.Error("FolderID.IsZero")
	}
	if !(ContentID{}).IsZero() || (ContentID{31: 1}).IsZero() {
		t.Error("ContentID.IsZero")
	}
	if !Root.IsRoot() || (EntryID{15: 1}).IsRoot() {
		t.Error("EntryID.IsRoot")
	}
}
