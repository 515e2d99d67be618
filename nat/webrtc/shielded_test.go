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
