package control

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/api"
)

// TestRoutesAreDescribed: the agent answers what the description says, and nothing else.
func TestRoutesAreDescribed(t *testing.T) {
	answered := (&Server{}).answers()
	for _, r := range api.Routes() {
		pattern := r.Method + " " + r.Path
		if strings.HasPrefix(r.Path, "/v1/intents/") {
			if _, err := api.ParseIntent(strings.TrimPrefix(r.Path, "/v1/intents/"), nil); strings.Contains(err.Error(), "does not know") {
				t.Errorf("%s is described, and not answered", pattern)
			}
			continue
		}
		if answered[pattern] == nil {
			t.Errorf("%s is described, and not answered", pattern)
		}
		delete(answered, pattern)
	}
	for pattern := range answered {
		t.Errorf("%s is answered, and not described", pattern)
	}
}

// TestWebPagesAreRefused: whatever carries requests to the socket, a page cannot use it.
func TestWebPagesAreRefused(t *testing.T) {
	home := newHome(t)
	serve(t, home, newMemory())
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return api.DialSocket(ctx, home) },
	}}
	defer client.CloseIdleConnections()
	for _, c := range []struct {
		host, header string
		want         int
	}{
		{"agent", "", 200}, {"localhost", "", 200}, {"localhost:8080", "", 200}, {"agent", "Sec-Fetch-Site: none", 200},
		{"agent", "Origin: http://evil.example", 403}, {"agent", "Origin: null", 403},
		{"localhost", "Origin: http://localhost", 403}, {"agent", "Sec-Fetch-Site: cross-site", 403},
		{"agent", "Sec-Fetch-Site: same-origin", 403}, {"evil.example", "", 403}, {"agent.evil.example:80", "", 403},
		{"127.0.0.1", "", 403},
	} {
		ask, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://agent/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		ask.Host = c.host
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			ask.Header.Set(name, value)
		}
		answer, err := client.Do(ask)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != c.want || (c.want == 403) != strings.Contains(string(text), `"forbidden"`) {
			t.Errorf("host %s, %s: got %d %s, %v", c.host, c.header, answer.StatusCode, text, err)
		}
	}
}
