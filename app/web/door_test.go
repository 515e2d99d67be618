package web

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestALinkIsGoodOnceAndNotForEver(t *testing.T) {
	home, now := t.TempDir(), time.Now()
	clock := func() time.Time { return now }
	d, err := newDoor(home, clock)
	if err != nil {
		t.Fatal(err)
	}
	key, err := NewKey(home, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := d.enter("guessed"); ok || err != nil {
		t.Errorf("a guess was let in: %v", err)
	}
	now = now.Add(keyLasts + time.Second)
	if _, ok, _ := d.enter(key); ok {
		t.Error("an old link was taken")
	}
	if key, err = NewKey(home, now); err != nil {
		t.Fatal(err)
	}
	cookie, ok, err := d.enter(key)
	if !ok || err != nil {
		t.Fatalf("a good link was refused: %v", err)
	}
	if _, again, _ := d.enter(key); again {
		t.Error("a link was good twice")
	}
	ask := httptest.NewRequest(http.MethodGet, "/", nil)
	ask.AddCookie(&http.Cookie{Name: cookieName, Value: cookie})
	// After a restart the browser is still known, and the file does not tell its cookie.
	if d, err = newDoor(home, clock); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.known(ask); !ok {
		t.Error("the browser is not known after a restart")
	}
	text, err := os.ReadFile(home + "/" + guestsFile)
	if err != nil || string(text) == "" || strings.Contains(string(text), cookie) {
		t.Errorf("stored: %s, %v", text, err)
	}
	// A file that a power cut left empty lets nobody in, and keeps no agent from starting.
	if err := os.WriteFile(home+"/"+guestsFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if empty, err := newDoor(home, clock); err != nil {
		t.Error(err)
	} else if _, ok := empty.known(ask); ok {
		t.Error("a browser is known of which nothing is written")
	}
	now = now.Add(stayLasts + time.Hour)
	if _, ok := d.known(ask); ok {
		t.Error("a browser that was away for a month is still known")
	}
}

func TestWhatWeAreCalled(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"localhost:1": true, "127.0.0.1:1": true, "127.0.0.1": true, own + ":1": true, own + ".local": true,
		"evil.example": false, "127.0.0.2:1": false, "10.0.0.1": false, "": false, "[::1]:1": false,
		own + ".evil.example": false,
	} {
		ask := httptest.NewRequest(http.MethodGet, "/", nil)
		ask.Host = host
		ask = ask.WithContext(context.WithValue(ask.Context(), http.LocalAddrContextKey,
			net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})))
		if got := ours(ask); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
