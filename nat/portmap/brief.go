package portmap

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// answerMax is what a router may say at once, in bytes and unpacked. A description has ten
// or thirty thousand.
const answerMax = 1 << 20

// wire carries what routers are asked. They are near: no proxy leads to them.
var wire = &http.Transport{
	DialContext:     (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	IdleConnTimeout: 10 * time.Second,
}

// speakTo asks one device over HTTP, and nobody else, wherever that device points to.
// Whoever is on the network may say that they are a router, and the library takes in
// whatever they send, also what a few packed bytes unfold to.
func speakTo(device netip.Addr) http.Client { return http.Client{Transport: bounded{device}} }

// bounded refuses what is not for its device, and cuts off answers that are too long, so
// that they cannot be read.
type bounded struct{ device netip.Addr }

// RoundTrip implements http.RoundTripper. Each redirection passes here, too.
func (b bounded) RoundTrip(asked *http.Request) (*http.Response, error) {
	if err := itself(b.device, asked.URL); err != nil {
		return nil, err
	}
	answer, err := wire.RoundTrip(asked)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, answerMax), answer.Body}
	}
	return answer, err
}
