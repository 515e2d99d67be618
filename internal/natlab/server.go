// Package natlab builds networks of NATs out of network namespaces: homes with a router
// of a chosen kind each, and an internet between them with servers in it. With it the
// adapters and the whole program are tried where people are.
//
// It knows nftables and which rules make which kind of NAT (RFC 4787). It does not know
// what is tried in its networks: the test that asks for them does.
package natlab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/pion/turn/v5"
)

// Who may use the relay of Serve, and its port.
const (
	User       = "lab"
	Password   = "lab"
	ServerPort = 3478
)

const serveAt = "SHOAL_NATLAB_SERVER"

// ServeIfAsked turns the process into a server, if it was started to be one, and then does
// not return. A test calls it first in its TestMain.
func ServeIfAsked() {
	at := os.Getenv(serveAt)
	if at == "" {
		return
	}
	if first, second, tells := strings.Cut(at, ","); tells {
		a, b := netip.MustParseAddr(first), netip.MustParseAddr(second)
		if _, err := NewTeller(a, b, ServerPort, ServerPort+1); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	} else if err := serve(net.ParseIP(at)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("serving")
	select {} // until it is killed with its test
}

// serve answers STUN and relays, over UDP and over TCP.
func serve(ip net.IP) error {
	at := net.JoinHostPort(ip.String(), fmt.Sprint(ServerPort))
	packets, err := net.ListenPacket("udp4", at)
	if err != nil {
		return err
	}
	streams, err := net.Listen("tcp4", at)
	if err != nil {
		return err
	}
	relay := &turn.RelayAddressGeneratorStatic{RelayAddress: ip, Address: ip.String()}
	_, err = turn.NewServer(turn.ServerConfig{
		Realm: "lab",
		AuthHandler: func(who *turn.RequestAttributes) (string, []byte, bool) {
			return User, turn.GenerateAuthKey(User, "lab", Password), who.Username == User
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: packets, RelayAddressGenerator: relay}},
		ListenerConfigs:   []turn.ListenerConfig{{Listener: streams, RelayAddressGenerator: relay}},
	})
	return err
}
