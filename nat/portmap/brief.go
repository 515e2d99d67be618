package portmap

import (
	"io"
	"net/http"

	"github.com/huin/goupnp"
)

// answerMax is what a router may say at once, in bytes and unpacked. A description has ten
// or thirty thousand.
const answerMax = 1 << 20

// brief asks routers over HTTP. Whoever is on the network may say that they are one, and the
// library takes in whatever they send, also what a few packed bytes unfold to.
var brief = http.Client{Transport: bounded{http.DefaultTransport}}

func init() { goupnp.HTTPClientDefault = &brief }

// bounded cuts off answers that are too long, so that they cannot be read.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(asked *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(asked)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, answerMax), answer.Body}
	}
	return answer, err
}
