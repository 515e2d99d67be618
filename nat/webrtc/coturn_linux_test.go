package webrtc

import (
	"fmt"
	"testing"

	"github.com/shoal-sync/shoal/internal/natlab"
)

// TestLabCoturn goes by a relay that is not ours: over UDP between NATs that need one, and
// over TCP and TLS where no UDP gets out, also as if a proxy led to it.
func TestLabCoturn(t *testing.T) {
	const at = "turn:lab:lab@203.0.113.1:3478"
	tls := fmt.Sprintf("turns:lab:lab@203.0.113.1:%d", natlab.TLSPort)
	for _, c := range []struct {
		name, servers string
		kinds         [2]natlab.Kind
		through       bool
		want          string
	}{
		{"punched", "203.0.113.1:3478 " + at, [2]natlab.Kind{natlab.Port, natlab.Port}, false, "punched"},
		{"udp", at, [2]natlab.Kind{natlab.Symmetric, natlab.Symmetric}, false, "relayed"},
		{"tcp", at + "?transport=tcp", [2]natlab.Kind{natlab.NoUDP, natlab.NoUDP}, false, "relayed"},
		{"tls", tls, [2]natlab.Kind{natlab.NoUDP, natlab.NoUDP}, false, "relayed"},
		{"tls by a proxy", tls, [2]natlab.Kind{natlab.NoUDP, natlab.NoUDP}, true, "relayed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !natlab.Inside(t) {
				return
			}
			lab := natlab.New(t)
			authority := lab.Coturn(1)
			env := []string{"SSL_CERT_FILE=" + authority}
			if c.through {
				env = append(env, labThrough+"=1")
			}
			hosts := [2]*natlab.Computer{lab.NewHome(c.kinds[0]).Host(), lab.NewHome(c.kinds[1]).Host()}
			kind, took := startPeers(t, hosts, c.servers, env...).dial(t)
			t.Logf("%s in %v", kind, took)
			if kind != c.want {
				t.Errorf("%s, want %s", kind, c.want)
			}
		})
	}
}
