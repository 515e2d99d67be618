package webrtc

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shieldTime bounds TLS with a relay.
const shieldTime = 10 * time.Second

// shielded speaks TLS with relays that are reached by it: the library leaves that out where
// it is handed a connection that leads through a proxy, and says everything in the clear.
type shielded struct {
	Dialer
	hosts []string // places of relays over TLS
}

func shieldOf(through Dialer, servers []Server) shielded {
	s := shielded{Dialer: through}
	for _, one := range servers {
		if at, ok := strings.CutPrefix(one.URL, "turns:"); ok {
			at, _, _ = strings.Cut(at, "?")
			s.hosts = append(s.hosts, placeOf(at))
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
	if slices.Contains(s.hosts, placeOf(at)) {
		return shield(conn, at)
	}
	return conn, nil
}

// shieldPort is where relays over TLS are when nothing else is said (RFC 7065, section 3.1).
const shieldPort = 5349

// placeOf returns the one text for a HOST:PORT, which people and the library write in more
// than one way: relays that were not known again would be spoken to in the clear.
func placeOf(at string) string {
	host, port, err := net.SplitHostPort(at)
	if err != nil { // without a port
		host, port = strings.Trim(at, "[]"), strconv.Itoa(shieldPort)
	}
	if number, err := strconv.ParseUint(port, 10, 16); err == nil {
		port = strconv.FormatUint(number, 10)
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	}
	return net.JoinHostPort(host, port)
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
