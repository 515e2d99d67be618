package rendezvous

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/turn/v5"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/discovery/rendezvous"
	"github.com/shoal-sync/shoal/discovery/tracker"
	"github.com/shoal-sync/shoal/internal/ident"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func open(t testing.TB, change func(*Options)) *Server {
	t.Helper()
	opts := Options{
		Listen: netip.AddrPortFrom(loopback, 0), Public: loopback, KeyDir: t.TempDir(), Devices: 20_000,
		Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&opts)
	}
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// phone is a device at a server.
type phone struct {
	*rendezvous.Client
	t       testing.TB
	id      ident.DeviceID
	letters chan string
	pipes   chan net.Conn
	changed chan struct{}
	stop    func()
}

func newPhone(t testing.TB, url string) *phone {
	t.Helper()
	return newPhoneWith(t, url, func(*rendezvous.Options) {})
}

func newPhoneWith(t testing.TB, url string, change func(*rendezvous.Options)) *phone {
	t.Helper()
	place, err := post.ParsePlace(url)
	if err != nil {
		t.Fatal(err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &phone{
		t: t, id: ident.DeviceFromKey(public), letters: make(chan string, 100), pipes: make(chan net.Conn, 10),
		changed: make(chan struct{}, 1),
	}
	opts := rendezvous.Options{
		Place: place, Key: key, Card: public, Log: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, at string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", at)
		},
		Letter: func(from ident.DeviceID, body []byte) { p.letters <- from.Short() + " " + string(body) },
		Takes:  func(ident.DeviceID, uint16) bool { return true },
		Called: func(_ ident.DeviceID, _ uint16, pipe net.Conn) { p.pipes <- pipe },
		Changed: func() {
			select {
			case p.changed <- struct{}{}:
			default:
			}
		},
	}
	change(&opts)
	p.Client = rendezvous.New(opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	p.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(p.stop)
	return p
}

// until waits for a state.
func (p *phone) until(ok func(rendezvous.State) bool) rendezvous.State {
	p.t.Helper()
	limit := time.After(patience)
	for {
		if s := p.State(); ok(s) {
			return s
		}
		select {
		case <-p.changed:
		case <-limit:
			p.t.Fatalf("the state stays %+v", p.State())
		}
	}
}

func (p *phone) connected() rendezvous.State {
	p.t.Helper()
	return p.until(func(s rendezvous.State) bool { return s.Connected })
}

func get[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case out := <-from:
		return out
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestDevicesMeet(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	a, b := newPhone(t, s.URL()), newPhone(t, s.URL())
	if at := a.connected().At; at.Addr() != loopback || at.Port() == 0 {
		t.Errorf("a is seen at %v", at)
	}
	b.connected()
	ctx := t.Context()
	card, err := a.Find(ctx, b.id)
	if err != nil || ident.DeviceFromKey(card) != b.id {
		t.Fatalf("found %x, %v", card, err)
	}
	if card, err := a.Find(ctx, ident.DeviceID{1}); err != nil || card != nil {
		t.Fatalf("found a device that is nowhere: %x, %v", card, err)
	}
	if err := a.Send(ctx, b.id, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	if got := get(t, b.letters); got != a.id.Short()+" sealed" {
		t.Errorf("b got %q", got)
	}
	if err := b.Claim(ctx, 4829, time.Minute); err != nil {
		t.Fatal(err)
	}
	var refusal rendezvous.Refusal
	if err := a.Claim(ctx, 4829, time.Minute); !errors.As(err, &refusal) {
		t.Errorf("two devices show one code: %v", err)
	}
	if _, err := a.CallSlot(ctx, 4830); !errors.As(err, &refusal) {
		t.Errorf("called a code that nobody shows: %v", err)
	}
	for range 2 {
		one, err := a.CallSlot(ctx, 4829)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, one, get(t, b.pipes))
	}
}

// exchange sends much both ways at once, and ends in order.
func exchange(t *testing.T, a, b net.Conn) {
	t.Helper()
	const size = 3 << 20
	body := make([]byte, size)
	rand.Read(body)
	done := make(chan error, 4)
	for _, end := range []net.Conn{a, b} {
		go func() {
			_, err := end.Write(body)
			done <- err
		}()
		go func() {
			got := make([]byte, size)
			_, err := io.ReadFull(end, got)
			if err == nil && !bytes.Equal(got, body) {
				err = errors.New("it arrived changed")
			}
			done <- err
		}()
	}
	for range 4 {
		if err := get(t, done); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if rest, err := io.ReadAll(b); string(rest) != "last" || err != nil {
		t.Fatalf("the end is %q, %v", rest, err)
	}
	b.Close()
}

func TestOnlyTheServerOfTheAddress(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) { o.Token = "for-friends" })
	place, err := post.ParsePlace(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	refused := func(change func(*post.Place), why string) {
		t.Helper()
		other := place
		change(&other)
		p := newPhone(t, other.String())
		got := p.until(func(s rendezvous.State) bool { return !strings.Contains(s.Reason, "for the first time") })
		if got.Connected || !strings.Contains(got.Reason, why) {
			t.Errorf("%s: %+v", other.Plain(), got)
		}
	}
	refused(func(p *post.Place) { p.Pin = post.PinOf([]byte("another key")) }, "the server shows another key")
	refused(func(p *post.Place) { p.Pin = "" }, "certificate")
	refused(func(p *post.Place) { p.Token = "" }, "closed group")
	newPhone(t, s.URL()).connected()
}

func TestServerStartsAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, func(o *Options) { o.KeyDir = dir })
	a := newPhone(t, first.URL())
	a.connected()
	at := first.front.tcp.Addr().(*net.TCPAddr).AddrPort()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	a.until(func(s rendezvous.State) bool { return !s.Connected })
	if err := a.Send(t.Context(), a.id, []byte("x")); !errors.Is(err, rendezvous.ErrAway) {
		t.Errorf("said something to nobody: %v", err)
	}
	second := open(t, func(o *Options) { o.KeyDir, o.Listen = dir, at })
	if first.URL() != second.URL() {
		t.Errorf("its address was %s and is %s", first.URL(), second.URL())
	}
	a.connected()
}

func TestTurnRelays(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	a := newPhone(t, s.URL())
	words := a.connected().Turn
	if words == nil || len(words.URLs) != 3 {
		t.Fatalf("the server tells %+v", words)
	}
	at := s.place.Host
	for _, network := range []string{"udp", "tcp", "tls"} {
		if err := relayed(t, network, at, words.Username, words.Password); err != nil {
			t.Errorf("%s: %v", network, err)
		}
	}
	if err := relayed(t, "udp", at, words.Username, "guessed"); err == nil {
		t.Error("a wrong password opens a relay")
	}
	old := "1000000000" + words.Username[10:]
	if err := relayed(t, "udp", at, old, s.password(old)); err == nil {
		t.Error("words that are over open a relay")
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(patience); s.relays.count() != 0; <-ticker.C {
		if time.Now().After(limit) {
			t.Fatalf("%d relays are left", s.relays.count())
		}
	}
}

// relayed opens a relay and has a packet of another relay come through it, and none go to
// anything else on the server.
func relayed(t *testing.T, network, at, user, password string) error {
	t.Helper()
	here, err := openRelay(network, at, user, password)
	if err != nil {
		return err
	}
	defer here.close()
	there, err := openRelay("udp", at, user, password)
	if err != nil {
		return err
	}
	defer there.close()
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer peer.Close()
	for _, send := range []struct {
		from net.PacketConn
		to   net.Addr
	}{
		{here.relay, peer.LocalAddr()},
		{here.relay, there.relay.LocalAddr()}, // lets the other one in
		{there.relay, here.relay.LocalAddr()},
	} {
		if _, err := send.from.WriteTo([]byte("hello"), send.to); err != nil {
			return err
		}
	}
	buffer := make([]byte, 100)
	if err := here.relay.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	n, _, err := here.relay.ReadFrom(buffer)
	if err != nil || string(buffer[:n]) != "hello" {
		return fmt.Errorf("got %q, %w", buffer[:n], err)
	}
	if err := peer.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		return err
	}
	if n, _, err := peer.ReadFrom(buffer); err == nil {
		return fmt.Errorf("%q reached a port of the server that is no relay", buffer[:n])
	}
	return nil
}

// relayEnd is one device's relay.
type relayEnd struct {
	relay net.PacketConn
	close func()
}

func openRelay(network, at, user, password string) (*relayEnd, error) {
	conn, err := toServer(network, at)
	if err != nil {
		return nil, err
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: at, Conn: conn, Username: user, Password: password, Realm: realm, LoggerFactory: quiet{},
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	out := &relayEnd{close: func() {
		client.Close()
		conn.Close()
	}}
	if err := client.Listen(); err != nil {
		out.close()
		return nil, err
	}
	if out.relay, err = client.Allocate(); err != nil {
		out.close()
		return nil, err
	}
	out.close = func() {
		out.relay.Close()
		client.Close()
		conn.Close()
	}
	return out, nil
}

func toServer(network, at string) (net.PacketConn, error) {
	var stream net.Conn
	var err error
	switch network {
	case "udp":
		return net.ListenPacket("udp", "127.0.0.1:0")
	case "tcp":
		stream, err = net.Dial("tcp", at)
	case "tls":
		stream, err = tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
	}
	if err != nil {
		return nil, err
	}
	return turn.NewSTUNConn(stream), nil
}

func TestWhereARelayMaySend(t *testing.T) {
	for _, c := range []struct {
		to, public string
		may        bool
	}{
		{"198.51.100.7", "203.0.113.1", true}, {"203.0.113.1", "203.0.113.1", true},
		{"10.0.0.5", "203.0.113.1", false}, {"192.168.1.1", "203.0.113.1", false},
		{"100.64.3.3", "203.0.113.1", false}, {"127.0.0.1", "203.0.113.1", false},
		{"169.254.169.254", "203.0.113.1", false}, {"224.0.0.251", "203.0.113.1", false},
		{"0.0.0.0", "203.0.113.1", false}, {"255.255.255.255", "203.0.113.1", false},
		{"fd00::1", "203.0.113.1", false}, {"fe80::1", "203.0.113.1", false}, {"::1", "203.0.113.1", false},
		{"10.0.0.5", "10.0.0.1", true}, {"127.0.0.1", "10.0.0.1", false}, {"169.254.169.254", "10.0.0.1", false},
	} {
		if got := mayRelay(netip.MustParseAddr(c.to), netip.MustParseAddr(c.public)); got != c.may {
			t.Errorf("a relay at %s to %s: %v", c.public, c.to, got)
		}
	}
}

// Nobody who does not keep to the rules harms the others, and nothing of them is left.
func TestHostileCallers(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	a, b := newPhone(t, s.URL()), newPhone(t, s.URL())
	a.connected()
	b.connected()
	at := s.place.Host
	dial := func() net.Conn {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range strangersOfOne + 50 { // they say nothing at all
		dial()
	}
	if _, err := a.Find(t.Context(), b.id); err != nil {
		t.Errorf("while others are silent: %v", err)
	}
	s2 := open(t, nil)
	at = s2.place.Host
	c := newPhone(t, s2.URL())
	c.connected()
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff" + strings.Repeat("x", 1000),
		"\x00\x01" + strings.Repeat("\xff", 2000), strings.Repeat("\x03", 50000)} {
		conn := dial()
		if _, err := io.WriteString(conn, text); err != nil {
			continue // it was thrown out already
		}
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer web.CloseIdleConnections()
	for path, want := range map[string]int{
		"/": 200, "/pipe": 400, "/pipe?secret=00": 400, "/devices": 426, "/metrics": 404, "/../etc": 404,
	} {
		answer, err := web.Get("https://" + at + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
	if _, err := c.Find(t.Context(), c.id); err != nil {
		t.Errorf("after rubbish: %v", err)
	}
}

// One address does not take all connections there are; what it closes makes room again.
func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.front.mu.Lock()
	s.front.heldOfOne = 5
	s.front.mu.Unlock()
	knock := func() (net.Conn, bool) {
		c, err := net.Dial("tcp", s.place.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		// A STUN request to bind, which is answered.
		if _, err := c.Write(append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...)); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, err = c.Read(make([]byte, 1))
		return c, err == nil
	}
	var first net.Conn
	for i := range 8 {
		c, answered := knock()
		if answered != (i < 5) {
			t.Errorf("connection %d: answered %v", i, answered)
		}
		if i == 0 {
			first = c
		}
	}
	first.Close()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(patience); ; <-ticker.C {
		if _, answered := knock(); answered {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("a connection that was closed makes no room")
		}
	}
}

// BenchmarkPipe sends through a pipe of a server in this process: four ends of TLS.
func BenchmarkPipe(b *testing.B) {
	s := open(b, nil)
	from, to := newPhone(b, s.URL()), newPhone(b, s.URL())
	from.connected()
	to.connected()
	one, err := from.Call(b.Context(), to.id)
	if err != nil {
		b.Fatal(err)
	}
	defer one.Close()
	other := get(b, to.pipes)
	defer other.Close()
	body := make([]byte, 128<<10)
	b.SetBytes(int64(len(body)))
	done := make(chan error, 1)
	b.ResetTimer()
	go func() {
		_, err := io.CopyN(io.Discard, other, int64(b.N)*int64(len(body)))
		done <- err
	}()
	for range b.N {
		if _, err := one.Write(body); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// TestManyWhoAreAway: who looks for a hundred devices at once, in every way there is, keeps
// to what the server takes of one, and a person is answered meanwhile.
func TestManyWhoAreAway(t *testing.T) {
	t.Parallel()
	a := newPhone(t, open(t, nil).URL())
	first := a.connected()
	ctx := t.Context()
	var asking sync.WaitGroup
	fine := func(err error) {
		var refused rendezvous.Refusal
		if errors.As(err, &refused) && strings.Contains(err.Error(), "slow down") || errors.Is(err, rendezvous.ErrAway) {
			t.Error(err)
		}
	}
	for i := range 100 {
		d := ident.DeviceID{1, byte(i)}
		asking.Go(func() {
			_, err := a.Find(ctx, d)
			fine(err)
		})
		for range 3 {
			asking.Go(func() { fine(a.Send(ctx, d, []byte("x"))) })
			asking.Go(func() {
				_, err := a.Call(ctx, d)
				fine(err)
			})
		}
	}
	for slot := range uint16(5) {
		if err := a.Claim(ctx, 100+slot, time.Minute); err != nil && !strings.Contains(err.Error(), "too many codes") {
			t.Error(err)
		}
	}
	asking.Wait()
	if now := a.connected(); now.At != first.At {
		t.Error("the server has ended the connection")
	}
}

// TestAnswersOfABurst: who says as much at once as the tracker lets a device say is not cut
// off for the answers, when none of them has left yet.
func TestAnswersOfABurst(t *testing.T) {
	d := &desk{talking: true} // but nothing gets away
	for range othersMax {
		d.tell(post.Message{Kind: post.Letter})
	}
	for range tracker.SayBurst {
		d.tell(post.Message{Kind: post.Found})
	}
	if d.ended {
		t.Error("it was cut off")
	}
}
