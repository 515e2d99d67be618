package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// browser is a real Chromium without a screen, led over its DevTools protocol.
type browser struct {
	t    *testing.T
	conn *websocket.Conn
	last int
}

// newBrowser starts one, or skips the test where Chromium is not installed.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: chromium is not installed; nobody looked at the web page")
	}
	chromium := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--remote-debugging-port=0", "--user-data-dir="+t.TempDir(),
		"--window-size=420,900", "--lang=en-US", "about:blank")
	chromium.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said, tells, err := os.Pipe()
	must(t, err)
	chromium.Stderr = tells
	must(t, chromium.Start())
	must(t, tells.Close())
	drained := make(chan struct{})
	t.Cleanup(func() {
		// It is many processes, which end one by one and write to its directory until then.
		// The last one closes the pipe.
		_ = syscall.Kill(-chromium.Process.Pid, syscall.SIGKILL) // unless all have ended
		_ = chromium.Wait()
		<-drained
	})
	host := ""
	lines := bufio.NewScanner(said)
	for host == "" && lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "DevTools listening on ws://"); ok {
			host, _, _ = strings.Cut(rest, "/")
		}
	}
	go func() { // so that it never waits for a reader
		defer close(drained)
		defer said.Close()
		_, _ = io.Copy(io.Discard, said)
	}()
	if host == "" {
		t.Fatalf("chromium did not start: %v", lines.Err())
	}
	var targets []struct {
		Type string
		URL  string `json:"webSocketDebuggerUrl"`
	}
	answer, err := http.Get("http://" + host + "/json/list")
	must(t, err)
	defer answer.Body.Close()
	must(t, json.NewDecoder(answer.Body).Decode(&targets))
	for _, target := range targets {
		if target.Type != "page" {
			continue
		}
		conn, response, err := websocket.Dial(t.Context(), target.URL, nil)
		must(t, err)
		if response.Body != nil {
			_ = response.Body.Close() // the connection has taken it over
		}
		conn.SetReadLimit(64 << 20)
		t.Cleanup(func() { _ = conn.CloseNow() })
		return &browser{t: t, conn: conn}
	}
	t.Fatal("chromium shows no page")
	return nil
}

// command asks for something and returns the result.
func (b *browser) command(method string, params any) (json.RawMessage, error) {
	b.last++
	ask, err := json.Marshal(map[string]any{"id": b.last, "method": method, "params": params})
	if err == nil {
		err = b.conn.Write(b.t.Context(), websocket.MessageText, ask)
	}
	for err == nil {
		var text []byte
		if _, text, err = b.conn.Read(b.t.Context()); err != nil {
			break
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  struct{ Message string }
		}
		if err = json.Unmarshal(text, &answer); err == nil && answer.ID == b.last {
			if answer.Error.Message != "" {
				return nil, errors.New(answer.Error.Message)
			}
			return answer.Result, nil
		}
	}
	return nil, err
}

// open loads a page.
func (b *browser) open(url string) {
	b.t.Helper()
	_, err := b.command("Page.navigate", map[string]any{"url": url})
	must(b.t, err)
}

// says runs a script in the page and returns what it comes to.
func (b *browser) says(script string) (string, error) {
	// Without a gesture the browser drops what a page does while it is being opened.
	raw, err := b.command("Runtime.evaluate", map[string]any{
		"expression": script, "returnByValue": true, "userGesture": true})
	if err != nil {
		return "", err
	}
	var out struct {
		Result struct{ Value any }
		Thrown *struct{ Text string } `json:"exceptionDetails"`
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return "", err
	}
	if out.Thrown != nil {
		return "", errors.New(out.Thrown.Text)
	}
	return fmt.Sprint(out.Result.Value), nil
}

// shows waits until the page shows a text.
func (b *browser) shows(text string) {
	b.t.Helper()
	err := poll(patience, func() error {
		got, err := b.says("document.body ? document.body.innerText : ''")
		if err == nil && !strings.Contains(got, text) {
			err = fmt.Errorf("the page does not show %q:\n%s", text, got)
		}
		return err
	})
	must(b.t, err)
}

// press clicks the button that shows a text, once it is there. It is found and clicked
// in one step, as the page may be drawn anew in between.
func (b *browser) press(text string) {
	b.t.Helper()
	quoted, err := json.Marshal(text)
	must(b.t, err)
	must(b.t, poll(patience, func() error {
		got, err := b.says(`(() => { if (document.readyState != "complete") return "it is being opened"; const e = [...document.querySelectorAll("button")].find(e => e.innerText.trim() == ` +
			string(quoted) + `); if (!e) return document.body.innerText; e.click(); return "" })()`)
		if err == nil && got != "" {
			err = fmt.Errorf("the page has no button %q:\n%s", text, got)
		}
		return err
	}))
}

// fill types into a field, once it is there.
func (b *browser) fill(id, text string) {
	b.t.Helper()
	must(b.t, poll(patience, func() error {
		_, err := b.says(`document.getElementById("` + id + `").focus()`)
		return err
	}))
	_, err := b.command("Input.insertText", map[string]any{"text": text})
	must(b.t, err)
}

// picture keeps what the page looks like, where somebody wants to see it.
func (b *browser) picture(name string, width int, dark bool) {
	b.t.Helper()
	dir := os.Getenv("SHOAL_PICTURES")
	if dir == "" {
		return
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := b.command("Emulation.setEmulatedMedia", map[string]any{
		"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	must(b.t, err)
	_, err = b.command("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": 900, "deviceScaleFactor": 2, "mobile": width < 600})
	must(b.t, err)
	raw, err := b.command("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true})
	must(b.t, err)
	var shot struct{ Data string }
	must(b.t, json.Unmarshal(raw, &shot))
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	must(b.t, err)
	must(b.t, os.WriteFile(filepath.Join(dir, name+".png"), data, 0o600))
}

// TestWebPage: a person with a phone lets it in, adds a folder, links a device, resolves a
// conflict and takes something out of the trash, in a real browser; others stay outside.
func TestWebPage(t *testing.T) {
	t.Parallel()
	page := newBrowser(t)
	a, b := newAgent(t, "nas"), newAgent(t, "anna")
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	a.flags = []string{"--web", at}
	startAll(a, b)
	page.open("http://" + at + "/")
	page.shows("run `shoal web` on the device")
	var found struct{ Links []string }
	a.command("web").done(t).into(t, &found)
	page.open(found.Links[0])
	page.press("Let this browser in")
	page.shows("No folders yet")
	must(t, outsiders(at, found.Links[0]))

	page.fill("path", a.root)
	page.fill("name", "work")
	page.press("Add folder")
	page.shows("work")
	page.shows("waiting")
	page.press("Show a code")
	page.shows("Good for 10 min and for one device.")
	page.picture("web-link-phone", 390, false)
	code, err := page.says(`document.querySelector(".words").innerText`)
	must(t, err)
	b.command("link", code, "--address", "tcp://"+a.listen, "--yes").done(t)
	page.shows("Linked with anna.")
	page.press("Close")

	id := a.folder().ID.String()
	b.command("folder", "add", b.root, "--id", id, "--name", "work").done(t)
	a.command("folder", "share", "work", "anna").done(t)
	b.command("folder", "share", "work", "nas").done(t)
	a.put("report.txt", "from nas")
	settle(a, b)
	page.shows("up to date")
	bothChange(t, a, b)
	page.shows("report.txt")
	page.picture("web-conflict-phone", 390, true)
	page.picture("web-conflict", 900, false)
	page.press("Keep mine")
	page.shows("up to date")
	page.open("http://" + at + "/trash")
	page.shows("report")
	page.press("Restore")
	page.shows("report")
	page.open("http://" + at + "/")
	page.shows("work")
	page.picture("web", 900, true)
	page.press("Forget this browser")
	page.shows("run `shoal web` on the device")
}

// TestSecondAgentLeavesTheWebPage: an agent that may not start, since one runs in its home,
// takes neither the page nor the link to it away.
func TestSecondAgentLeavesTheWebPage(t *testing.T) {
	t.Parallel()
	a := newAgent(t, "nas")
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	a.flags = []string{"--web", at}
	startAll(a)
	var found struct{ Links []string }
	a.command("web").done(t).into(t, &found)
	if r := a.command("--nogui", "--web", "127.0.0.1:0"); r.code != 1 || !strings.Contains(r.errs, "in use") {
		t.Errorf("a second agent in the home ends with %d: %s", r.code, r.errs)
	}
	_, key, _ := strings.Cut(found.Links[0], "key=")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.PostForm("http://"+at+"/enter", url.Values{"key": {key}})
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the link that was printed before is answered with %s", answer.Status)
	}
	a.command("web").done(t)
}

// outsiders tries what pages of others might: to ask under a name of their own, to send a
// form from elsewhere, and to use a link twice.
func outsiders(at, link string) error {
	_, key, _ := strings.Cut(link, "key=")
	for _, c := range []struct {
		path, host, origin string
		want               int
	}{
		{"/", "evil.example", "", http.StatusMisdirectedRequest},
		{"/do/resume", at, "http://evil.example", http.StatusForbidden},
		{"/do/resume", at, "http://" + at, http.StatusForbidden}, // not let in
		{"/enter", at, "", http.StatusForbidden},
	} {
		method, body := http.MethodGet, io.Reader(nil)
		if c.path != "/" {
			method, body = http.MethodPost, strings.NewReader("key="+key)
		}
		ask, err := http.NewRequest(method, "http://"+at+c.path, body)
		if err != nil {
			return err
		}
		ask.Host = c.host
		ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.origin != "" {
			ask.Header.Set("Origin", c.origin)
		}
		answer, err := http.DefaultClient.Do(ask)
		if err != nil {
			return err
		}
		_ = answer.Body.Close() // only the code is of interest
		if answer.StatusCode != c.want {
			return fmt.Errorf("%+v: answered %s", c, answer.Status)
		}
	}
	return nil
}
