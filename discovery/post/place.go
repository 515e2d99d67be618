package post

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Place is where a rendezvous is, as its first line of output says and --rendezvous takes:
//
//	https://HOST:PORT/?pin=PIN&token=TOKEN
//
// With a pin the server shows that certificate key and no other; without one its
// certificate must be one that the system trusts. Token is for servers of a closed group.
type Place struct {
	Host  string // HOST:PORT
	Pin   string
	Token string
}

// DefaultPort is where a rendezvous listens unless told otherwise.
const DefaultPort = 22101

// placeMax bounds the text of a place in bytes.
const placeMax = 400

var pinText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// PinOf returns the pin of a certificate by its public key (DER of SubjectPublicKeyInfo).
func PinOf(publicKey []byte) string {
	sum := sha256.Sum256(publicKey)
	return pinText.EncodeToString(sum[:])
}

// ParsePlace reads what String writes. The error says what is wrong in a person's words.
func ParsePlace(text string) (p Place, err error) {
	const like = "it looks like https://HOST:22101/?pin=…; `shoal rendezvous` prints it"
	text = strings.TrimSpace(text)
	rest, ok := strings.CutPrefix(text, "https://")
	if !ok || len(text) > placeMax {
		return p, fmt.Errorf("%.100q is no address of a rendezvous: %s", text, like)
	}
	rest, query, _ := strings.Cut(rest, "?")
	if p.Host, err = hostPort(strings.TrimSuffix(rest, "/")); err != nil {
		return Place{}, fmt.Errorf("%q is no address of a rendezvous (%w): %s", text, err, like)
	}
	for field := range strings.SplitSeq(query, "&") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "pin":
			p.Pin = strings.ToLower(value)
		case "token":
			p.Token = value
		}
	}
	if raw, err := pinText.DecodeString(p.Pin); err != nil || p.Pin != "" && len(raw) != sha256.Size {
		return Place{}, fmt.Errorf("the pin in %q is damaged or incomplete: %s", text, like)
	}
	if err := CheckToken(p.Token); err != nil {
		return Place{}, err
	}
	return p, nil
}

// CheckToken reports what is wrong with a token: it must fit into an address as it is.
func CheckToken(token string) error {
	if len(token) > TokenMax {
		return fmt.Errorf("a token has at most %d letters", TokenMax)
	}
	for _, r := range token {
		if !plain(r) && r != '_' && r != '~' {
			return fmt.Errorf("the token %q: use letters, digits and - . _ ~", token)
		}
	}
	return nil
}

func plain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.'
}

// hostPort checks the part of an address before the path, and adds the usual port.
func hostPort(text string) (string, error) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.String(), nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(ip, DefaultPort).String(), nil
	}
	host, port, ok := strings.Cut(text, ":")
	if !ok {
		port = strconv.Itoa(DefaultPort)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("its port is no number from 1 to 65535")
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return !plain(r) }) {
		return "", errors.New("it names no host")
	}
	return host + ":" + port, nil
}

// String returns the place as text.
func (p Place) String() string {
	text, sep := "https://"+p.Host+"/", "?"
	if p.Pin != "" {
		text, sep = text+sep+"pin="+p.Pin, "&"
	}
	if p.Token != "" {
		text += sep + "token=" + p.Token
	}
	return text
}

// Plain is the place without what is secret in it, for people and logs.
func (p Place) Plain() string { return "https://" + p.Host }

// Audience is what a device signs to show that it means this server.
func (p Place) Audience() string {
	if p.Pin != "" {
		return p.Pin
	}
	return p.Host
}
