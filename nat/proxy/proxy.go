// Package proxy connects to addresses through a SOCKS5 or an HTTP proxy, where a network
// lets nothing else out.
//
// It knows which proxy a person or the environment names, which addresses are to be
// reached without it, and how to ask it. It does not know what lies on the local network:
// the host asks it only for what leaves that. What comes back is a connection as good as a
// direct one; TLS inside it shows the proxy nothing but sizes and times.
package proxy

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// Chooser says which proxy leads to an address. The zero value says none.
type Chooser struct {
	through *url.URL
	choose  func(*url.URL) (*url.URL, error)
}

// Parse reads the address of a proxy: socks5://, socks5h:// or http://, then HOST:PORT,
// with USER:PASSWORD@ before it where the proxy wants that.
func Parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		// The error of package url repeats the text, which may hold a password.
		return nil, errors.New("the proxy cannot be read: want socks5://HOST:PORT or http://HOST:PORT")
	}
	switch u.Scheme {
	case "socks5", "socks5h", "http":
	default:
		return nil, fmt.Errorf("proxy %s: want socks5://HOST:PORT or http://HOST:PORT", u.Redacted())
	}
	if u.Hostname() == "" || u.Port() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("proxy %s: want socks5://HOST:PORT or http://HOST:PORT", u.Redacted())
	}
	return u, nil
}

// New returns who chooses as a person wants: "none" never, "environment" as ALL_PROXY,
// else HTTPS_PROXY, says, and otherwise the proxy that is named. NO_PROXY is heeded in
// all cases.
func New(setting string) (Chooser, error) {
	switch setting {
	case "none":
		return Chooser{}, nil
	case "environment":
		setting = cmp.Or(os.Getenv("ALL_PROXY"), os.Getenv("all_proxy"),
			os.Getenv("HTTPS_PROXY"), os.Getenv("https_proxy"))
		if setting == "" {
			return Chooser{}, nil
		}
		if !strings.Contains(setting, "://") {
			setting = "http://" + setting // as other programs read it
		}
	}
	u, err := Parse(setting)
	if err != nil {
		return Chooser{}, err
	}
	rules := httpproxy.Config{
		HTTPSProxy: u.String(), NoProxy: cmp.Or(os.Getenv("NO_PROXY"), os.Getenv("no_proxy")),
	}
	return Chooser{through: u, choose: rules.ProxyFunc()}, nil
}

// String returns the proxy without its password, empty for none.
func (c Chooser) String() string {
	if c.through == nil {
		return ""
	}
	return c.through.Redacted()
}

// For returns the proxy that leads to an address, nil when it is to be reached directly.
func (c Chooser) For(addr netip.AddrPort) *url.URL {
	if c.choose == nil {
		return nil
	}
	through, err := c.choose(&url.URL{Scheme: "https", Host: addr.String()})
	if err != nil {
		panic("bug: a proxy that was read before cannot be read: " + err.Error())
	}
	return through
}

// Dial connects to an address through a proxy. The error says whether the proxy could not
// be reached, or what it answered.
func Dial(ctx context.Context, through *url.URL, addr netip.AddrPort) (net.Conn, error) {
	conn, err := dial(ctx, through, addr)
	if err != nil {
		return nil, fmt.Errorf("through the proxy %s: %w", through.Redacted(), err)
	}
	return conn, nil
}

func dial(ctx context.Context, through *url.URL, addr netip.AddrPort) (net.Conn, error) {
	if through.Scheme == "http" {
		return connect(ctx, through, addr)
	}
	var login *proxy.Auth
	if through.User != nil {
		password, _ := through.User.Password()
		login = &proxy.Auth{User: through.User.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", through.Host, login, &net.Dialer{KeepAlive: -1})
	if err != nil {
		return nil, err
	}
	return dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", addr.String())
}

// answerMax bounds what an HTTP proxy may say before the connection is ours.
const answerMax = 16 << 10

// connect asks an HTTP proxy for a tunnel (RFC 9110, 9.3.6).
func connect(ctx context.Context, through *url.URL, addr netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", through.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = askTunnel(conn, through, addr)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func askTunnel(conn net.Conn, through *url.URL, addr netip.AddrPort) error {
	ask := "CONNECT " + addr.String() + " HTTP/1.1\r\nHost: " + addr.String() + "\r\n"
	if through.User != nil {
		password, _ := through.User.Password()
		login := base64.StdEncoding.EncodeToString([]byte(through.User.Username() + ":" + password))
		ask += "Proxy-Authorization: Basic " + login + "\r\n"
	}
	if _, err := io.WriteString(conn, ask+"\r\n"); err != nil {
		return err
	}
	// Read byte by byte, for what follows the answer belongs to the other device.
	answer, err := http.ReadResponse(bufio.NewReaderSize(oneByOne{io.LimitReader(conn, answerMax)}, 16),
		&http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("what answers there is no HTTP proxy: %w", err)
	}
	defer answer.Body.Close() // it is empty: the tunnel begins behind the head
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %q", answer.Status)
	}
	return nil
}

// oneByOne keeps a buffered reader from taking more than it needs.
type oneByOne struct{ from io.Reader }

func (o oneByOne) Read(into []byte) (int, error) { return o.from.Read(into[:min(1, len(into))]) }
