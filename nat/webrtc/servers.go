package webrtc

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// serversMax bounds the servers of a setting: each is asked on every interface.
const serversMax = 8

// ParseServers reads servers as people write them, separated by commas or spaces: HOST:PORT
// of a STUN server, or a URL of RFC 7064 or 7065, which for a relay may hold who asks:
// turn:USER:PASSWORD@HOST:PORT, with ?transport=tcp where UDP is blocked.
func ParseServers(text string) (out []Server, err error) {
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		s, err := parseServer(one)
		if err == nil && s.User == "" && !strings.HasPrefix(s.URL, "stun:") {
			err = errServer // without a word nobody is let in
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", one, err)
		}
		if out = append(out, s); len(out) > serversMax {
			return nil, fmt.Errorf("more than %d servers", serversMax)
		}
	}
	return out, nil
}

// ToldServers returns those servers a rendezvous tells of that can be asked; user and
// password are for its relays. One that cannot be read is left out: it would prevent every
// call, even where nobody needs it.
func ToldServers(urls []string, user, password string) (out []Server) {
	for _, url := range urls {
		s, err := parseServer(url)
		if err != nil || len(out) == serversMax {
			continue
		}
		if s.User, s.Password = "", ""; !strings.HasPrefix(s.URL, "stun:") {
			if user == "" || password == "" {
				continue // it lets nobody in without
			}
			s.User, s.Password = user, password
		}
		out = append(out, s)
	}
	return out
}

var errServer = errors.New("want HOST:PORT, stun:HOST:PORT, or turn:USER:PASSWORD@HOST:PORT (turns: for TLS)")

func parseServer(text string) (s Server, err error) {
	scheme, rest, ok := strings.Cut(text, ":")
	switch scheme {
	case "stun", "turn", "turns":
	default:
		scheme, rest, ok = "stun", text, true
	}
	if who, where, found := cutLast(rest, "@"); found && scheme != "stun" {
		s.User, s.Password, ok = strings.Cut(who, ":")
		rest = where
		ok = ok && s.User != ""
	}
	at, query, _ := strings.Cut(rest, "?")
	transport, known := map[string]string{
		"": "udp", "transport=udp": "udp", "transport=tcp": "tcp",
	}[query]
	if scheme == "turns" {
		transport = "tcp" // TLS over UDP is offered by hardly anybody
	}
	host, port, splitErr := net.SplitHostPort(at)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if !ok || !known || splitErr != nil || portErr != nil || host == "" || number == 0 ||
		scheme == "stun" && query != "" || strings.ContainsAny(host, "/@ ") {
		return Server{}, errServer
	}
	s.URL = scheme + ":" + at
	if scheme != "stun" {
		s.URL += "?transport=" + transport
	}
	return s, nil
}

// cutLast cuts around the last separator: passwords may hold one.
func cutLast(s, sep string) (before, after string, found bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}
