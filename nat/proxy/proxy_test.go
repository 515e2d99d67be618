package proxy

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/nat/proxy/proxytest"
)

var far, farther = netip.MustParseAddrPort("203.0.113.7:22100"), netip.MustParseAddrPort("203.0.113.8:22100")

// echo is a server that speaks first, as one behind a tunnel may, and then repeats.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, "hello ")
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return netip.MustParseAddrPort(listener.Addr().String())
}

func TestBothKindsLeadThere(t *testing.T) {
	there := echo(t)
	p := proxytest.Start(t, map[netip.AddrPort]netip.AddrPort{far: there})
	for _, scheme := range []string{"socks5", "socks5h", "http"} {
		c, err := New(scheme + "://" + p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := Dial(t.Context(), c.For(far), far)
		if err != nil {
			t.Fatalf("%s: %v", scheme, err)
		}
		if _, err := io.WriteString(conn, "world"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 11)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello world" {
			t.Errorf("%s: read %q, %v", scheme, got, err)
		}
		conn.Close()
		_, err = Dial(t.Context(), c.For(farther), farther)
		if err == nil || !strings.Contains(err.Error(), p.Addr()) {
			t.Errorf("%s: where it does not lead: %v", scheme, err)
		}
	}
	if got := p.Asked(); !slices.Equal(got, []netip.AddrPort{far, farther, far, farther, far, farther}) {
		t.Errorf("it was asked for %v", got)
	}
}

func TestLogins(t *testing.T) {
	p := proxytest.Start(t, map[netip.AddrPort]netip.AddrPort{far: echo(t)})
	p.Login = "anna:secret"
	for login, want := range map[string]string{"anna:secret@": "", "anna:wrong@": "407", "": "407"} {
		c, err := New("http://" + login + p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := Dial(t.Context(), c.For(far), far)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "wrong")) {
			t.Errorf("login %q: %v", login, err)
		}
		if strings.Contains(c.String(), "secret") {
			t.Errorf("it is shown as %s", c)
		}
	}
}

func TestAProxyThatHangsIsGivenUp(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, scheme := range []string{"socks5", "http"} {
		c, err := New(scheme + "://" + silent.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if conn, err := Dial(ctx, c.For(far), far); err == nil {
			conn.Close()
			t.Errorf("%s: connected through silence", scheme)
		}
		cancel()
	}
}

func TestChoice(t *testing.T) {
	clear := func() {
		for _, name := range []string{"ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
			t.Setenv(name, "")
		}
	}
	for _, c := range []struct{ setting, env, want string }{
		{"none", "ALL_PROXY=socks5://p:1", ""}, {"environment", "", ""},
		{"environment", "ALL_PROXY=socks5://p:1 HTTPS_PROXY=http://q:1", "socks5://p:1"},
		{"environment", "https_proxy=q:1", "http://q:1"}, {"socks5://p:2", "ALL_PROXY=http://q:1", "socks5://p:2"},
		{"socks5://p:2", "NO_PROXY=203.0.113.0/24", ""}, {"socks5://p:2", "no_proxy=203.0.113.7", ""},
		{"socks5://p:2", "NO_PROXY=198.51.100.0/24", "socks5://p:2"}, {"socks5://p:2", "NO_PROXY=*", ""},
	} {
		clear()
		for _, one := range strings.Fields(c.env) {
			key, value, _ := strings.Cut(one, "=")
			t.Setenv(key, value)
		}
		chooser, err := New(c.setting)
		got := ""
		if through := chooser.For(far); through != nil {
			got = through.String()
		}
		if err != nil || got != c.want {
			t.Errorf("%s with %s: %q, %v; want %q", c.setting, c.env, got, err, c.want)
		}
		if through := chooser.For(netip.MustParseAddrPort("127.0.0.1:1")); through != nil {
			t.Errorf("%s leads to this computer itself", through)
		}
	}
	clear()
	for _, text := range []string{"", "p:1", "https://p:1", "socks4://p:1", "socks5://p", "socks5://:1",
		"http://p:1/path", "http://p:1?x", "http://user:pa ss@p:1", "://"} {
		if _, err := New(text); err == nil {
			t.Errorf("%q was taken for a proxy", text)
		} else if strings.Contains(err.Error(), "pa ss") {
			t.Errorf("%q: the error shows a password: %v", text, err)
		}
	}
}
