package pairing

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func anInvite(secret byte) Invite {
	i := Invite{
		Device: ident.DeviceID{1, 2}, Card: Card{Name: "anna", Port: 4, Announce: [32]byte{5}},
		Offers: []Offer{{Folder: ident.FolderID{6}, Name: "Fotos", Role: "writer", Files: 7, Bytes: 8}},
		Word:   []byte("a word"),
	}
	i.Secret[0] = secret
	return i
}

func aReply() Reply {
	return Reply{
		Device: ident.DeviceID{9}, Card: Card{Name: "bert"}, Taken: []ident.FolderID{{6}}, Word: []byte("another"),
	}
}

// Texts come through mail and chats: broken over lines, and in other letters.
func TestHandTextsComeBackTheSame(t *testing.T) {
	text := anInvite(1).String()
	broken := strings.ToUpper(text[:70] + "\r\n  " + text[70:90] + " " + text[90:] + "\n")
	got, err := ParseInvite(broken)
	if err != nil || !reflect.DeepEqual(got, anInvite(1)) {
		t.Errorf("%+v, %v", got, err)
	}
	text = aReply().Text(anInvite(2))
	reply, at, err := ParseReply(text, []Invite{anInvite(1), anInvite(2)})
	if err != nil || at != 1 || !reflect.DeepEqual(reply, aReply()) {
		t.Errorf("%+v of %d, %v", reply, at, err)
	}
	if !IsInvite(" "+broken) || IsInvite(text) || !IsReply(strings.ToUpper(text)) || IsReply("4829-otter-maple") {
		t.Error("the texts are not told apart")
	}
}

// A reply holds for the invitation it answers and no other, and cannot be made without it.
func TestReplyToAnotherInvite(t *testing.T) {
	other := anInvite(1)
	other.Device[0]++
	for _, to := range [][]Invite{nil, {anInvite(2)}, {other}} {
		if _, _, err := ParseReply(aReply().Text(anInvite(1)), to); !errors.Is(err, ErrOtherInvite) {
			t.Errorf("%v", err)
		}
	}
}

func TestDamagedHandTexts(t *testing.T) {
	invite, reply := anInvite(1), aReply().Text(anInvite(1))
	text := invite.String()
	for _, bad := range []string{
		"", inviteScheme, text[:len(text)-1], text + "a", text[:60] + text[61:], reply,
		strings.Replace(text, "a", "b", 1), inviteScheme + strings.Repeat("a", handTextMax),
	} {
		if _, err := ParseInvite(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
		if bad != reply && CheckEntry(bad) == nil {
			t.Errorf("%q may be entered", bad)
		}
	}
	for _, bad := range []string{"", replyScheme, reply[:len(reply)-1], text, handText(replyScheme, []byte{1, 2})} {
		if _, _, err := ParseReply(bad, []Invite{invite}); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	for _, good := range []string{text, reply, "4829-otter-maple"} {
		if err := CheckEntry(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if _, err := ParseInvite(handText(inviteScheme, []byte{2})); err == nil || !strings.Contains(err.Error(), "update") {
		t.Errorf("a newer one: %v", err)
	}
}

func FuzzHandTexts(f *testing.F) {
	raw := func(text, scheme string) []byte {
		b, err := linkEncoding.DecodeString(strings.TrimPrefix(text, scheme))
		if err != nil {
			f.Fatal(err)
		}
		return b[:len(b)-linkCheck]
	}
	f.Add(raw(anInvite(1).String(), inviteScheme))
	f.Add(raw(aReply().Text(anInvite(1)), replyScheme))
	f.Fuzz(func(t *testing.T, b []byte) {
		if i, err := ParseInvite(handText(inviteScheme, b)); err == nil && i.String() != handText(inviteScheme, b) {
			t.Errorf("%x reads as %+v", b, i)
		}
		_, _, _ = ParseReply(handText(replyScheme, b), []Invite{anInvite(1)}) // must not panic
		if len(b) > 1 {
			body := b[1:]
			signed := append(append([]byte{handVersion}, body...), anInvite(1).proof(append([]byte{handVersion}, body...))...)
			if r, _, err := ParseReply(handText(replyScheme, signed), []Invite{anInvite(1)}); err == nil &&
				r.Text(anInvite(1)) != handText(replyScheme, signed) {
				t.Errorf("%x reads as %+v", body, r)
			}
		}
	})
}
