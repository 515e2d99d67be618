// Package proxytest is a SOCKS5 and HTTP proxy for tests: it leads wherever the test says,
// and remembers what it was asked for. Tests of proxies, and of whole programs, start one.
package proxytest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// Proxy listens on loopback until its test ends.
type Proxy struct {
	// Login is USER:PASSWORD that an HTTP client must show; empty lets everybody in.
	Login string

	listener net.Listener
	leads    map[netip.AddrPort]netip.AddrPort
	mu       sync.Mutex
	asked    []netip.AddrPort
}

// Start begins a proxy that leads from addresses that do not exist to such that do. What
// it does not know it refuses.
func Start(t testing.TB, leads map[netip.AddrPort]netip.AddrPort) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, leads: leads}
	t.Cleanup(func() { _ = listener.Close() }) // nobody is left to care
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

// Addr is HOST:PORT of the proxy.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Asked returns the addresses it was asked for.
func (p *Proxy) Asked() []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// lead connects to where an address leads.
func (p *Proxy) lead(to netip.AddrPort) (net.Conn, error) {
	p.mu.Lock()
	p.asked = append(p.asked, to)
	p.mu.Unlock()
	real, known := p.leads[to]
	if !known {
		return nil, fmt.Errorf("no way to %s", to)
	}
	return net.Dial("tcp", real.String())
}

// serve tells the two protocols apart by their first byte.
func (p *Proxy) serve(conn net.Conn) {
	defer conn.Close()
	from := bufio.NewReader(conn)
	first, err := from.Peek(1)
	if err != nil {
		return
	}
	var out net.Conn
	if first[0] == 5 {
		out, err = p.socks(from, conn)
	} else {
		out, err = p.http(from, conn)
	}
	if err != nil {
		return
	}
	defer out.Close()
	var both sync.WaitGroup
	pass := func(to net.Conn, from io.Reader) {
		_, _ = io.Copy(to, from)           // it ends when one side does
		_ = to.(*net.TCPConn).CloseWrite() // likewise
	}
	both.Go(func() { pass(out, from) })
	both.Go(func() { pass(conn, out) })
	both.Wait()
}

// socks speaks RFC 1928, as far as a client without a name to look up needs it.
func (p *Proxy) socks(from *bufio.Reader, conn net.Conn) (net.Conn, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, from, int64(head[1])); err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{5, 0}); err != nil {
		return nil, err
	}
	ask := make([]byte, 10) // an IPv4 address and a port behind four bytes
	if _, err := io.ReadFull(from, ask); err != nil {
		return nil, err
	}
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte(ask[4:8])), binary.BigEndian.Uint16(ask[8:]))
	out, err := p.lead(to)
	answer := []byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	if err != nil || ask[3] != 1 {
		answer[1] = 4 // host unreachable
	}
	if _, failed := conn.Write(answer); err == nil {
		err = failed
	}
	return out, err
}

// http speaks CONNECT of RFC 9110.
func (p *Proxy) http(from *bufio.Reader, conn net.Conn) (net.Conn, error) {
	ask, err := http.ReadRequest(from)
	if err != nil {
		return nil, err
	}
	say := func(text string) error {
		_, err := io.WriteString(conn, "HTTP/1.1 "+text+"\r\nX-Proxy: test\r\n\r\n")
		return err
	}
	asker := &http.Request{Header: http.Header{"Authorization": ask.Header["Proxy-Authorization"]}}
	if user, password, _ := asker.BasicAuth(); p.Login != "" && user+":"+password != p.Login {
		return nil, fmt.Errorf("%w: login", say("407 Proxy Authentication Required"))
	}
	to, err := netip.ParseAddrPort(ask.Host)
	if err != nil || ask.Method != http.MethodConnect {
		return nil, fmt.Errorf("%w: %s %s", say("400 Bad Request"), ask.Method, ask.Host)
	}
	out, err := p.lead(to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, say("502 Bad Gateway"))
	}
	return out, say("200 Connection established")
}
