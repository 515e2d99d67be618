package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTrayOpensThePage: where the program has no window, its icon opens the web page in the
// person's browser, and says how to get one where no page is shown.
func TestTrayOpensThePage(t *testing.T) {
	t.Parallel()
	p, address := newPanel(t)
	a := newAgent(t, "anna")
	dir := t.TempDir()
	asked := filepath.Join(dir, "asked")
	// What a desktop opens an address with is not there on a machine that tests.
	must(t, os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\necho \"$1\" > \""+asked+".new\"\n"+
		"mv \""+asked+".new\" \""+asked+"\"\n"), 0o755))
	a.start()
	trayOf(t, a, "DBUS_SESSION_BUS_ADDRESS="+address, "LC_ALL=C", "PATH="+dir+":"+os.Getenv("PATH"))
	p.tells(t, "No folders yet")
	p.clicks(t, "Open Shoal")
	must(t, poll(patience, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !slices.Equal(p.toasts, []string{"Shoal has no window here"}) {
			return fmt.Errorf("messages: %q", p.toasts)
		}
		return nil
	}))
	a.stop()
	a.flags = append(a.flags, "--web", "127.0.0.1:0")
	a.start()
	p.clicks(t, "Open Shoal")
	var link string
	must(t, poll(patience, func() error {
		text, err := os.ReadFile(asked)
		link = strings.TrimSpace(string(text))
		return err
	}))
	answer, err := http.Get(link)
	must(t, err)
	must(t, answer.Body.Close())
	if !strings.HasPrefix(link, "http://127.0.0.1:") || answer.StatusCode != http.StatusOK {
		t.Errorf("%s answers %s", link, answer.Status)
	}
}
