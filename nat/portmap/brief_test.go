package portmap

import (
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whoever says that they are a router, and sends what unfolds to more than any router has to
// say, is taken for none: at the description, and at the first question.
func TestARouterThatGoesOnAndOn(t *testing.T) {
	for name, long := range map[string]func(question bool) bool{
		"description": func(question bool) bool { return !question },
		"answer":      func(question bool) bool { return question },
		"":            func(bool) bool { return false }, // a router like any other
	} {
		r := newIGD(t)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, asked *http.Request) {
			said := httptest.NewRecorder()
			r.serve(said, asked)
			text := said.Body.String()
			if long(asked.Header.Get("SOAPAction") != "") {
				end := strings.LastIndex(text, "</")
				text = text[:end] + strings.Repeat(" ", 4*answerMax) + text[end:]
			}
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			if _, err := packed.Write([]byte(text)); err == nil {
				_ = packed.Close() // whoever asked has gone
			}
		}))
		defer server.Close()
		at, err := url.Parse(server.URL + "/root.xml")
		if err != nil {
			t.Fatal(err)
		}
		_, err = sighting{home, at}.ask(t.Context(), 22100)
		if (err != nil) != (name != "") {
			t.Errorf("one with a long %q: %v", name, err)
		}
	}
}
