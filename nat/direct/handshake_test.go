package direct

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"github.com/shoal-sync/shoal/internal/caller"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

func TestCertificateIsAFunctionOfTheKey(t *testing.T) {
	one, err := Certificate(keyOf(1))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Certificate(keyOf(1))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Certificate[0], again.Certificate[0]) {
		t.Error("the same key gave two certificates")
	}
	if _, err := Certificate(ed25519.PrivateKey("short")); err == nil {
		t.Error("a key of 5 bytes gave a certificate")
	}
}

type refusal struct {
	device ident.DeviceID
	from   netip.AddrPort
}

// A caller that is not trusted is refused and reported, and learns why.
func TestUntrustedCallerIsRefused(t *testing.T) {
	caller, server := keyOf(1), keyOf(2)
	refused := make(chan refusal, 1)
	addr, links := serve(t, endpoint(t, Options{
		Key:     server,
		Refused: func(d ident.DeviceID, from netip.AddrPort) { refused <- refusal{d, from} },
	}))
	_, err := endpoint(t, Options{Key: caller}).Dial(context.Background(), deviceOfKey(server), addr)
	if !errors.Is(err, ErrNotTrusted) {
		t.Fatalf("the caller got %v", err)
	}
	r := <-refused
	if r.device != deviceOfKey(caller) || r.from.Addr() != addr.Addr() {
		t.Errorf("reported %s at %s", r.device, r.from)
	}
	if len(links) != 0 {
		t.Error("a refused call became a link")
	}
}

// The dialer breaks off inside the handshake: the listener never gets to welcome it.
func TestAnotherDeviceAnswers(t *testing.T) {
	caller, server := keyOf(1), keyOf(2)
	asked := atomic.Bool{}
	addr, links := serve(t, endpoint(t, Options{
		Key:    server,
		Trusts: func(ident.DeviceID) bool { asked.Store(true); return true },
	}))
	_, err := endpoint(t, Options{Key: caller}).Dial(context.Background(), deviceOfKey(keyOf(3)), addr)
	if !errors.Is(err, ErrWrongDevice) || !strings.Contains(err.Error(), deviceOfKey(server).String()) {
		t.Errorf("the caller got %v", err)
	}
	// A second call is answered after the first one, so the first one is over.
	link, err := endpoint(t, Options{Key: caller}).Dial(context.Background(), deviceOfKey(server), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close("test over")
	(<-links).Close("test over")
	if len(links) != 0 {
		t.Error("a call meant for another device became a link")
	}
}

// A caller that shows a trusted device's certificate without holding its key is neither
// let in nor reported.
func TestStolenCertificate(t *testing.T) {
	trusted, thief, server := keyOf(1), keyOf(3), keyOf(2)
	addr, links := serve(t, endpoint(t, Options{
		Key: server, Trusts: trusts(deviceOfKey(trusted)),
		Refused: func(ident.DeviceID, netip.AddrPort) { t.Error("an unproven device was reported") },
	}))
	for _, shown := range []ed25519.PrivateKey{trusted, keyOf(4)} {
		cert, err := Certificate(shown)
		if err != nil {
			t.Fatal(err)
		}
		cert.PrivateKey = thief
		conn, err := tls.Dial("tcp", addr.String(), &tls.Config{
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
			InsecureSkipVerify:   true, NextProtos: []string{protocol},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 4)); err == nil {
			t.Error("the thief got an answer")
		}
		conn.Close()
	}
	if len(links) != 0 {
		t.Error("the thief got a link")
	}
}

func ecdsaCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// allStrangers returns ways to connect that no device of ours would choose.
func allStrangers(t *testing.T) map[string]func(addr string) (net.Conn, error) {
	t.Helper()
	cert, err := Certificate(keyOf(1))
	if err != nil {
		t.Fatal(err)
	}
	strangers := map[string]func(addr string) (net.Conn, error){
		"plain text": func(addr string) (net.Conn, error) {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shoal\r\n\r\n")
			}
			return conn, err
		},
		"silence": func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) },
		"the beginning of a long handshake message, then silence": func(addr string) (net.Conn, error) {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				hello := []byte{22, 3, 1, 0x10, 0, 1, 0, 0x3f, 0xfc} // 4 KiB record of 16 KiB hello
				_, err = conn.Write(append(hello, make([]byte, 4000)...))
			}
			return conn, err
		},
	}
	for name, config := range map[string]*tls.Config{
		"TLS 1.2": {Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12,
			NextProtos: []string{protocol}},
		"no certificate":      {NextProtos: []string{protocol}},
		"ECDSA certificate":   {Certificates: []tls.Certificate{ecdsaCertificate(t)}, NextProtos: []string{protocol}},
		"no protocol":         {Certificates: []tls.Certificate{cert}},
		"another protocol":    {Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}},
		"a later shoal alone": {Certificates: []tls.Certificate{cert}, NextProtos: []string{"shoal/2"}},
	} {
		strangers[name] = func(addr string) (net.Conn, error) {
			config.InsecureSkipVerify = true
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				return nil, err
			}
			client := tls.Client(conn, config)
			_ = client.Handshake() // fails here or at the first read
			return client, nil
		}
	}
	return strangers
}

// Whoever is not a device of ours gets no answer, whatever it sends.
func TestStrangersGetNoAnswer(t *testing.T) {
	strangers := allStrangers(t)
	addr, links := serve(t, endpoint(t, Options{
		Key: keyOf(2), Trusts: func(ident.DeviceID) bool { return true },
		Refused:       func(d ident.DeviceID, _ netip.AddrPort) { t.Errorf("%s was reported", d) },
		HandshakeTime: 200 * time.Millisecond,
	}))
	for name, connect := range strangers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := connect(addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			// A TLS alert is all that may come back, and then the end.
			got, err := io.ReadAll(conn)
			if errors.Is(err, syscall.ETIMEDOUT) || len(got) > 7 {
				t.Errorf("got %x, %v", got, err)
			}
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Error("the connection was left open")
			}
		})
	}
	t.Cleanup(func() {
		if len(links) != 0 {
			t.Error("a stranger got a link")
		}
	})
}

// A dialer is as careful as a listener.
func TestDialingStrangers(t *testing.T) {
	patient := endpoint(t, Options{Key: keyOf(1)})
	for name, c := range map[string]struct {
		answer func(net.Conn)
		want   string
	}{
		"silence":       {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "no answer within 1s"},
		"plain text":    {func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.9\r\n") }, "no shoal device"},
		"closes":        {func(net.Conn) {}, "closed the connection|reset by peer"},
		"wrong key":     {func(c net.Conn) { _ = tls.Server(c, serverConfig(t, ecdsaCertificate(t))).Handshake() }, "no Ed25519 key"},
		"no welcome":    {func(c net.Conn) { greet(t, c, nil) }, "did not welcome"},
		"odd welcome":   {func(c net.Conn) { greet(t, c, []byte{0, 0, 0, 9}) }, "unknown answer 9"},
		"half a word":   {func(c net.Conn) { greet(t, c, []byte{0, 0}) }, "did not welcome"},
		"never decides": {func(c net.Conn) { greet(t, c, []byte{0}); _, _ = io.Copy(io.Discard, c) }, "within 1s|did not welcome"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialer := patient
			if strings.Contains(c.want, "within") { // nothing else may take its time
				dialer = endpoint(t, Options{Key: keyOf(1), HandshakeTime: time.Second})
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				if conn, err := l.Accept(); err == nil {
					c.answer(conn)
					conn.Close()
				}
			}()
			link, err := dialer.Dial(context.Background(), deviceOfKey(keyOf(2)), addrPort(l.Addr()))
			if err == nil {
				link.Close("test over")
				t.Fatal("became a link")
			}
			fits := false
			for want := range strings.SplitSeq(c.want, "|") {
				fits = fits || strings.Contains(err.Error(), want)
			}
			if !fits {
				t.Errorf("%v: want it to say %q", err, c.want)
			}
			<-done
		})
	}
}

func serverConfig(t *testing.T, cert tls.Certificate) *tls.Config {
	t.Helper()
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{protocol},
		ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true,
	}
}

func greet(t *testing.T, c net.Conn, word []byte) {
	cert, err := Certificate(keyOf(2))
	if err != nil {
		t.Error(err)
		return
	}
	conn := tls.Server(c, serverConfig(t, cert))
	if err := conn.Handshake(); err != nil {
		t.Error(err)
		return
	}
	if _, err := conn.Write(word); err != nil {
		t.Error(err)
	}
	_ = conn.CloseWrite() // the dialer may be gone
}

func TestDialErrorsSayWhatHappened(t *testing.T) {
	dialer := endpoint(t, Options{Key: keyOf(1)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := addrPort(l.Addr())
	l.Close()
	_, err = dialer.Dial(context.Background(), deviceOfKey(keyOf(2)), addr)
	if err == nil || strings.Count(err.Error(), addr.String()) != 1 || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nothing listens: %v", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("shoal is stopping"))
	if _, err = dialer.Dial(ctx, deviceOfKey(keyOf(2)), addr); err == nil || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	e := endpoint(t, Options{Key: keyOf(1)})
	addr, _ := serve(t, e)
	_, err := e.Listen(addr)
	if want := fmt.Sprintf("port %d is in use", addr.Port()); !errors.Is(err, ErrPortInUse) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	everywhere, err := e.Listen(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	if everywhere.Addr().Port() == 0 {
		t.Error("no port was chosen")
	}
	if err := everywhere.Close(); err != nil {
		t.Error(err)
	}
}

// One address that only connects leaves room for the others, and places come back.
func TestStrangersAreBounded(t *testing.T) {
	caller, server := keyOf(1), keyOf(2)
	addr, links := serve(t, endpoint(t, Options{Key: server, Trusts: trusts(deviceOfKey(caller))}))
	dial := func(from string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		return d.Dial("tcp", addr.String())
	}
	var idle []net.Conn
	for range strangersPerAddress {
		conn, err := dial("127.0.0.2")
		if err != nil {
			t.Skip("this system has only one loopback address")
		}
		defer conn.Close()
		idle = append(idle, conn)
	}
	sendsAway := func() {
		t.Helper()
		surplus, err := dial("127.0.0.2")
		if err != nil {
			t.Fatal(err)
		}
		defer surplus.Close()
		// Well below the time after which silent connections are closed anyway.
		if err := surplus.SetReadDeadline(time.Now().Add(handshakeTime / 2)); err != nil {
			t.Fatal(err)
		}
		var late net.Error
		if _, err := surplus.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
			t.Error("a surplus connection was let in")
		}
	}
	sendsAway()
	link, err := endpoint(t, Options{Key: caller}).Dial(context.Background(), deviceOfKey(server), addr)
	if err != nil {
		t.Fatalf("another address is locked out: %v", err)
	}
	link.Close("test over")
	(<-links).Close("test over")
	// One place comes back, and only one.
	if tcp, ok := idle[0].(*net.TCPConn); !ok || tcp.CloseWrite() != nil {
		t.Fatal("cannot end a connection")
	}
	_, _ = io.Copy(io.Discard, idle[0]) // the listener's side has ended: the place is free
	again, err := dial("127.0.0.2")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	sendsAway()
}

func TestSourceIsANetworkInIPv6(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2:0:0:1")
	if caller.Source(a) != caller.Source(b) {
		t.Error("one network counts twice")
	}
	if caller.Source(a) == caller.Source(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("two networks count as one")
	}
}

// exhausted is a listening socket of a process that runs out of file descriptors at times.
type exhausted struct {
	net.Listener
	failures atomic.Int32
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return e.Listener.Accept()
}

func TestAcceptingGoesOnAfterExhaustion(t *testing.T) {
	caller, server := keyOf(1), keyOf(2)
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	poor := &exhausted{Listener: socket}
	poor.failures.Store(4)
	l := newListener(endpoint(t, Options{Key: server, Trusts: trusts(deviceOfKey(caller))}), poor)
	links, ended := make(chan *Link, 1), make(chan error, 1)
	go func() { ended <- l.Serve(func(link *Link) { links <- link }) }()
	link, err := endpoint(t, Options{Key: caller}).Dial(context.Background(), deviceOfKey(server), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	link.Close("test over")
	(<-links).Close("test over")
	if err := errors.Join(l.Close(), <-ended); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// A device we trust may still be broken: its frames are bounded before they are kept.
func TestRubbishFramesEndTheLink(t *testing.T) {
	for name, c := range map[string]struct {
		sent []byte
		want string
	}{
		"too long":   {binary.BigEndian.AppendUint32(nil, FrameMax+1), "announced a frame of 1114113 bytes"},
		"no bytes":   {[]byte{0, 0, 0, 0}, "announced a frame of 0 bytes"},
		"text":       {[]byte("HELO there"), "announced a frame of 1212501071 bytes"},
		"cut header": {[]byte{0, 0}, "closed it"},
		"cut frame":  {[]byte{0, 0, 0, 9, 1, 2, 3}, "closed it"},
	} {
		t.Run(name, func(t *testing.T) {
			caller, server := keyOf(1), keyOf(2)
			addr, links := serve(t, endpoint(t, Options{Key: server, Trusts: trusts(deviceOfKey(caller))}))
			e := endpoint(t, Options{Key: caller})
			conn, err := tls.Dial("tcp", addr.String(), e.config([]string{protocol}, func(ident.DeviceID) error { return nil }))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			link := <-links
			defer link.Close("test over")
			if _, err := conn.Write(c.sent); err != nil {
				t.Fatal(err)
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			err = link.Receive(func(f []byte) error { t.Errorf("a frame came: %x", f); return nil })
			if !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: want it to say %q", err, c.want)
			}
		})
	}
}
