package webrtc

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A relay over TLS has to show its name by a proxy, too; one without is spoken to as it is.
func TestARelayByAProxyShowsItsName(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	at := server.Listener.Addr().String()
	for url, want := range map[string]string{
		"turns:" + at + "?transport=tcp": "certificate", "turn:" + at + "?transport=tcp": "",
	} {
		conn, err := shieldOf(new(net.Dialer), []Server{{URL: url, User: "u", Password: "p"}}).Dial("tcp", at)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", url, err)
		}
		if conn != nil {
			_ = conn.Close() // nothing was said
		}
	}
}

// anywhere connects to one address, whichever is asked for.
type anywhere string

func (a anywhere) Dial(network, _ string) (net.Conn, error) { return net.Dial(network, string(a)) }

// However the place of a relay over TLS is written, what it is told by a proxy is inside
// TLS; what it is not the place of is not taken for it.
func TestARelayIsKnownHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	through := anywhere(server.Listener.Addr().String())
	for _, c := range []struct {
		set, dialed string
		shielded    bool
	}{
		{"Relay.Example:5349", "relay.example:5349", true},
		{"relay.example:05349", "relay.example:5349", true},
		{"relay.example", "relay.example:5349", true},
		{"relay.example.:5349", "relay.example:5349", true},
		{"[2001:DB8:0::1]:5349", "[2001:db8::1]:5349", true},
		{"[2001:db8::1]", "[2001:db8::1]:5349", true},
		{"[::ffff:192.0.2.1]:5349", "192.0.2.1:5349", true},
		{"[relay.example]:5349", "relay.example:5349", true},
		{"relay.example:5349", "relay.example:5350", false},
		{"relay.example:5349", "relay2.example:5349", false},
		{"[2001:db8::1]:5349", "[2001:db8::1:5349]:5349", false},
	} {
		conn, err := shieldOf(through, []Server{{URL: "turns:" + c.set + "?transport=tcp"}}).Dial("tcp", c.dialed)
		if shielded := err != nil && strings.Contains(err.Error(), "certificate"); shielded != c.shielded {
			t.Errorf("%s was set, %s dialed: %v", c.set, c.dialed, err)
		}
		if conn != nil {
			_ = conn.Close() // nothing was said
		}
	}
}
