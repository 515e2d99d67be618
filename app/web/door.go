package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// keyLasts is how long a link into the page is good: long enough to type it on a phone.
	keyLasts = 15 * time.Minute
	// stayLasts is how long a browser stays known after its last visit.
	stayLasts = 30 * 24 * time.Hour
	// guestsMax bounds how many browsers are known; the one that was away longest goes.
	guestsMax = 16
	// secretBytes is the length of keys and cookies: 128 bits cannot be guessed.
	secretBytes = 16

	keyFile    = "web-key.json"
	guestsFile = "web-guests.json"
	cookieName = "shoal_guest"
)

// secret is a random text for a link or a cookie.
func secret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // it never fails: the program ends instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashed is what is stored of a secret: who reads the file gets in nowhere.
func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// key is a link into the page that was not used yet.
type key struct {
	Hash  string    `json:"hash"`
	Until time.Time `json:"until"`
}

// NewKey makes the secret of a link that lets one browser in, once. It replaces the one
// before. Whoever can write to the home may do so: it is theirs.
func NewKey(home string, now time.Time) (string, error) {
	text := secret()
	if err := save(filepath.Join(home, keyFile), key{hashed(text), now.Add(keyLasts)}); err != nil {
		return "", fmt.Errorf("make a link to the web page: %w", err)
	}
	return text, nil
}

func save(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func load(path string, into any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	return err
}

// guest is a browser that came in by a link.
type guest struct {
	Hash string    `json:"hash"`
	Form string    `json:"form"` // what its forms must carry
	Seen time.Time `json:"seen"`
}

// door lets in the browsers that came by a link, and nobody else.
type door struct {
	home string
	now  func() time.Time
	mu   sync.Mutex
	in   []guest
}

func newDoor(home string, now func() time.Time) (*door, error) {
	d := &door{home: home, now: now}
	err := load(filepath.Join(home, guestsFile), &d.in)
	if damaged := (*json.SyntaxError)(nil); errors.As(err, &damaged) {
		d.in, err = nil, nil // a power cut may do that: everybody comes in anew by a link
	}
	if err != nil {
		return nil, fmt.Errorf("read which browsers may see the web page: %w", err)
	}
	return d, nil
}

// enter takes the secret of a link for a cookie.
func (d *door) enter(text string) (cookie string, ok bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var k key
	path := filepath.Join(d.home, keyFile)
	if err := load(path, &k); err != nil {
		return "", false, err
	}
	if k.Hash == "" || d.now().After(k.Until) ||
		subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hashed(text))) != 1 {
		return "", false, nil
	}
	if err := os.Remove(path); err != nil { // it is good once
		return "", false, err
	}
	cookie = secret()
	d.in = append(d.in, guest{hashed(cookie), secret(), d.now()})
	if len(d.in) > guestsMax {
		oldest := 0
		for i, g := range d.in {
			if g.Seen.Before(d.in[oldest].Seen) {
				oldest = i
			}
		}
		d.in = append(d.in[:oldest], d.in[oldest+1:]...)
	}
	return cookie, true, save(filepath.Join(d.home, guestsFile), d.in)
}

// known returns the guest of a request.
func (d *door) known(r *http.Request) (guest, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return guest{}, false
	}
	hash := hashed(c.Value)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	for i, g := range d.in {
		if subtle.ConstantTimeCompare([]byte(g.Hash), []byte(hash)) == 1 && now.Sub(g.Seen) < stayLasts {
			if now.Sub(g.Seen) > time.Hour { // written rarely: it only says who was away longest
				d.in[i].Seen = now
				if save(filepath.Join(d.home, guestsFile), d.in) != nil {
					return g, true // known all the same, until the next start
				}
			}
			return g, true
		}
	}
	return guest{}, false
}

// leave forgets the guest of a request.
func (d *door) leave(r *http.Request) error {
	g, ok := d.known(r)
	if !ok {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.in {
		if d.in[i].Hash == g.Hash {
			d.in = append(d.in[:i], d.in[i+1:]...)
			break
		}
	}
	return save(filepath.Join(d.home, guestsFile), d.in)
}

// ours reports whether a request was sent to this computer by a name of its own. A page of
// somebody else's can point a name of its own at us (DNS rebinding); it cannot choose the
// name its browser then sends.
func ours(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" {
		return true
	}
	if address, err := netip.ParseAddr(host); err == nil {
		local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if !ok {
			return false
		}
		at, err := netip.ParseAddrPort(local.String())
		return err == nil && at.Addr().Unmap().WithZone("") == address.Unmap().WithZone("")
	}
	own, err := os.Hostname()
	if err != nil {
		return false
	}
	own, _, _ = strings.Cut(strings.ToLower(own), ".")
	return host == own || host == own+".local" || host == own+".lan" || host == own+".home.arpa"
}

// addressFile tells shoal web, another process, where the page is served.
const addressFile = "web-address"

// Announce writes down where the page is served, and returns what takes that back.
func (s *Server) Announce() (withdraw func() error, err error) {
	path := filepath.Join(s.options.Home, addressFile)
	if err := os.WriteFile(path, []byte(s.Addr().String()+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write down where the web page is: %w", err)
	}
	return func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}, nil
}

// Links makes a secret and returns the links that let one browser in with it: one for each
// address of this computer that the page is reached at. It fails with fs.ErrNotExist where
// no agent shows a page.
func Links(home string, now time.Time) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(home, addressFile))
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddrPort(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read where the web page is: %w", err)
	}
	key, err := NewKey(home, now)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range reachedAt(at.Addr().Unmap()) {
		out = append(out, "http://"+netip.AddrPortFrom(a, at.Port()).String()+"/enter?key="+key)
	}
	return out, nil
}

// reachedAt returns the addresses a browser may use: the one served at, or, where that is
// all of them, those of the local network first.
func reachedAt(at netip.Addr) []netip.Addr {
	if !at.IsUnspecified() {
		return []netip.Addr{at}
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	list, err := net.InterfaceAddrs()
	if err != nil {
		return []netip.Addr{loopback}
	}
	var out []netip.Addr
	for _, one := range list {
		prefix, err := netip.ParsePrefix(one.String())
		if err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() && !prefix.Addr().IsLinkLocalUnicast() {
			out = append(out, prefix.Addr())
		}
	}
	return append(out, loopback)
}
