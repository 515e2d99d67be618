package webrtc

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"
)

// shieldTime bounds TLS with a relay.
const shieldTime = 10 * time.Second

// shielded speaks TLS with relays that are reached by it: the library leaves that out where
// it is handed a connection that leads through a proxy, and says everything in the clear.
type shielded struct {
	Dialer
	hosts []string // HOST:PORT of relays over TLS
}

func shieldOf(through Dialer, servers []Server) shielded {
	s := shielded{Dialer: through}
	for _, one := range servers {
		if at, ok := strings.CutPrefix(one.URL, "turns:"); ok {
			at, _, _ = strings.Cut(at, "?")
			s.hosts = append(s.hosts, at)
		}
	}
	return s
}

// Dial implements Dialer.
func (s shielded) Dial(network, at string) (net.Conn, error) {
	conn, err := s.Dialer.Dial(network, at)
	if err != nil {
		return nil, err
	}
	for _, host := range s.hosts {
		if host == at {
			return shield(conn, at)
		}
	}
	return conn, nil
}

func shield(conn net.Conn, at string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(at)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), shieldTime)
	defer cancel()
	inside := tls.Client(conn, &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12})
	if err := inside.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return inside, nil
}
