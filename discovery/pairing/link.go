package pairing

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	linkScheme  = "shoal://link/"
	linkVersion = 1
	linkFar     = 2 // with a rendezvous in it
	linkCheck   = 3 // check bytes: one damaged link in 16 million passes
	// linkAddrsMax bounds the addresses in a link: more would only make the picture of it
	// harder to read for a camera.
	linkAddrsMax = 6
	linkTextMax  = 1000
	// linkPlaceMax bounds the address of a rendezvous in a link, for the same camera.
	linkPlaceMax = 200
)

var linkEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Link is what a picture or a message carries from one person to the other instead of a
// code. It says which device to find and where, and holds a secret that nobody can guess.
type Link struct {
	Device ident.DeviceID
	Slot   uint16 // as in the code that is shown with it
	Secret [16]byte
	Addrs  []netip.AddrPort
	// Rendezvous is the address of one where the device is to be found; empty for none. One
	// that is too long for a picture is left out.
	Rendezvous string
}

// String returns the link as text. In capital letters it means the same, which takes less
// room in a picture.
//
//	shoal://link/ base32 of: 1 or 2, device (32), slot (2), secret (16),
//	              number of addresses, each 4 or 6, IP, port (2),
//	              of 2: length (1) and address of a rendezvous; then three check bytes
func (l Link) String() string {
	far := l.Rendezvous != "" && len(l.Rendezvous) <= linkPlaceMax
	raw := append([]byte{linkVersion}, l.Device[:]...)
	if far {
		raw[0] = linkFar
	}
	raw = binary.BigEndian.AppendUint16(raw, l.Slot)
	raw = append(raw, l.Secret[:]...)
	addrs := l.Addrs[:min(len(l.Addrs), linkAddrsMax)]
	raw = append(raw, byte(len(addrs)))
	for _, a := range addrs {
		ip := a.Addr().Unmap().AsSlice()
		raw = append(raw, map[int]byte{4: 4, 16: 6}[len(ip)])
		raw = binary.BigEndian.AppendUint16(append(raw, ip...), a.Port())
	}
	if far {
		raw = append(append(raw, byte(len(l.Rendezvous))), l.Rendezvous...)
	}
	sum := sha256.Sum256(raw)
	return linkScheme + linkEncoding.EncodeToString(append(raw, sum[:linkCheck]...))
}

// errLink reports text that is no whole link.
var errLink = errors.New("the link is damaged or incomplete: copy all of it, it begins with " + linkScheme)

// ParseLink reads what String writes, in small or capital letters.
func ParseLink(text string) (l Link, err error) {
	text = strings.ToLower(strings.TrimSpace(text))
	body, ok := strings.CutPrefix(text, linkScheme)
	if !ok || len(text) > linkTextMax {
		return l, errLink
	}
	raw, err := linkEncoding.DecodeString(body)
	if err != nil || len(raw) < linkCheck+1 || linkEncoding.EncodedLen(len(raw)) != len(body) {
		return l, errLink
	}
	raw, check := raw[:len(raw)-linkCheck], raw[len(raw)-linkCheck:]
	if sum := sha256.Sum256(raw); string(sum[:linkCheck]) != string(check) {
		return l, errLink
	}
	if raw[0] != linkVersion && raw[0] != linkFar {
		return l, fmt.Errorf("the link is of a newer program (form %d): update this one", raw[0])
	}
	r := reader{rest: raw[1:]}
	copy(l.Device[:], r.bytes(len(l.Device)))
	l.Slot = r.u16()
	copy(l.Secret[:], r.bytes(len(l.Secret)))
	n := int(r.u8())
	if n > linkAddrsMax {
		return Link{}, errLink
	}
	for range n {
		size := map[byte]int{4: 4, 6: 16}[r.u8()]
		if size == 0 {
			return Link{}, errLink
		}
		ip, ok := netip.AddrFromSlice(r.bytes(size))
		if port := r.u16(); ok && port != 0 {
			l.Addrs = append(l.Addrs, netip.AddrPortFrom(ip, port))
		}
	}
	if raw[0] == linkFar {
		l.Rendezvous = string(r.bytes(int(r.u8())))
		if len(l.Rendezvous) > linkPlaceMax {
			return Link{}, errLink
		}
	}
	if r.failed || len(r.rest) != 0 {
		return Link{}, errLink
	}
	return l, nil
}

// Entry is what a person entered: a code, or a link.
type Entry struct {
	Code Code
	Link *Link // nil for a code
}

// ParseEntry reads a code or a link, whichever the text is.
func ParseEntry(text string) (e Entry, err error) {
	if strings.Contains(strings.ToLower(text), ":") {
		l, err := ParseLink(text)
		return Entry{Link: &l}, err
	}
	e.Code, err = ParseCode(text)
	return e, err
}

// Slot is where the other device is found.
func (e Entry) Slot() uint16 {
	if e.Link != nil {
		return e.Link.Slot
	}
	return e.Code.Slot
}

func (e Entry) secret() []byte {
	if e.Link != nil {
		return e.Link.Secret[:]
	}
	return e.Code.secret()
}

// String hides the secret: entries end in logs.
func (e Entry) String() string { return fmt.Sprintf("%04d-…", e.Slot()) }
