package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// memory is an agent of the smallest kind: it remembers folders and what happened.
type memory struct {
	mutex   sync.Mutex
	view    status.View
	events  []status.Event
	changed chan struct{} // closed and replaced at each event
	asked   chan struct{} // told of each Status while somebody listens
}

func newMemory() *memory {
	return &memory{changed: make(chan struct{}), asked: make(chan struct{})}
}

func (m *memory) Status() status.View {
	select {
	case m.asked <- struct{}{}:
	default:
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.view
}

func (m *memory) Do(_ context.Context, intent api.Intent) (any, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	switch intent := intent.(type) {
	case api.FolderAdd:
		folders := append([]status.Folder(nil), m.view.Folders...)
		m.view.Folders = append(folders, status.Folder{Name: intent.Name, Path: intent.Path})
		m.events = append(m.events, status.Event{Seq: uint64(len(m.events) + 1),
			Kind: status.LocalChange, Path: intent.Path})
		close(m.changed)
		m.changed = make(chan struct{})
		return api.Folder{Name: intent.Name, Path: intent.Path}, nil
	case api.FolderRescan:
		_, err := api.FindFolder(m.view, intent.Folder)
		return nil, err
	}
	return nil, fmt.Errorf("cannot do %s", api.KindOf(intent))
}

func (m *memory) Events(
	ctx context.Context, since uint64, deliver func(status.Event) error,
) error {
	for {
		m.mutex.Lock()
		events, changed := m.events, m.changed
		m.mutex.Unlock()
		for ; since < uint64(len(events)); since++ {
			if err := deliver(events[since]); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memory) Logs(since uint64) ([]status.LogLine, <-chan struct{}) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var out []status.LogLine
	for _, e := range m.events {
		if e.Seq > since {
			out = append(out, status.LogLine{Seq: e.Seq, Text: e.Path})
		}
	}
	return out, m.changed
}

// Link shows a code, then is linked; with an odd request it is refused before anything.
func (m *memory) Link(ctx context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error {
	if r.Role == "odd" {
		return api.Errorf(api.Usage, "there is no such role")
	}
	if err := deliver(api.LinkEvent{Event: api.LinkCode, Code: r.Code}); err != nil {
		return err
	}
	switch r.Code {
	case "late":
		return deliver(api.LinkEvent{Event: api.LinkEnded, Kind: api.Timeout, Text: "nobody came"})
	case "used":
		return api.Errorf(api.Failed, "it was used")
	case "slow":
		<-ctx.Done()
		return ctx.Err()
	}
	return deliver(api.LinkEvent{Event: api.LinkLinked})
}

func (m *memory) Wait(ctx context.Context, folder, _ string) ([]string, error) {
	switch folder {
	case "equal":
		return nil, nil
	case "mute":
		<-ctx.Done()
		return nil, ctx.Err()
	case "busy":
		<-ctx.Done()
		return []string{"3 files: nobody has them"}, nil
	}
	return nil, api.Errorf(api.NotFound, "no folder %s", folder)
}

// serve runs a server for the agent in a new home until the test ends, or stop is called.
func serve(t *testing.T, home string, agent Agent) (client *api.Client, stop func()) {
	t.Helper()
	server, err := Listen(home, agent, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	client = api.NewClient(home)
	t.Cleanup(func() { client.Close(); stop() })
	return client, stop
}

func newHome(t *testing.T) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "h")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestAskingAndDoing(t *testing.T) {
	home := newHome(t)
	client, _ := serve(t, home, newMemory())
	ctx := t.Context()
	raw, err := client.Do(ctx, api.FolderAdd{Path: "/p", Name: "photos"})
	if err != nil || !strings.Contains(string(raw), `"path":"/p"`) {
		t.Fatalf("got %s, %v", raw, err)
	}
	view, err := client.Status(ctx)
	if err != nil || len(view.Folders) != 1 || view.Folders[0].Name != "photos" {
		t.Errorf("got %+v, %v", view, err)
	}
	if raw, err := client.Do(ctx, api.FolderRescan{Folder: "photos"}); err != nil ||
		string(raw) != "null" {
		t.Errorf("no result came as %s, %v", raw, err)
	}
	for want, intent := range map[api.ErrorKind]api.Intent{
		api.NotFound: api.FolderRescan{Folder: "music"},
		api.Failed:   api.DeviceRemove{Device: "nas"},
	} {
		if _, err := client.Do(ctx, intent); err == nil || api.AsError(err).Kind != want {
			t.Errorf("%T: got %v", intent, err)
		}
	}
}

func TestLinking(t *testing.T) {
	client, _ := serve(t, newHome(t), newMemory())
	for _, c := range []struct {
		request api.LinkRequest
		kind    api.ErrorKind // empty when it succeeds
		events  string
	}{
		{api.LinkRequest{Code: "good"}, "", "code linked"},
		{api.LinkRequest{Code: "late"}, api.Timeout, "code"},
		{api.LinkRequest{Code: "used"}, api.Failed, "code"},
		{api.LinkRequest{Role: "odd"}, api.Usage, ""},
	} {
		var events []string
		err := client.Link(t.Context(), c.request, func(e api.LinkEvent) error {
			events = append(events, e.Event)
			return nil
		})
		if got := strings.Join(events, " "); got != c.events || (err == nil) != (c.kind == "") ||
			err != nil && api.AsError(err).Kind != c.kind {
			t.Errorf("%+v: got %q, %v", c.request, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := client.Link(ctx, api.LinkRequest{Code: "slow"}, func(api.LinkEvent) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a person who leaves: %v", err)
	}
	if raw, err := json.Marshal(api.LinkEvent{Event: api.LinkLinked}); err != nil || string(raw) != `{"event":"linked","folders":[]}` {
		t.Errorf("linked without folders is %s, %v", raw, err)
	}
}

func TestWaiting(t *testing.T) {
	client, _ := serve(t, newHome(t), newMemory())
	for _, c := range []struct {
		folder, missing string
		equal           bool
	}{
		{"equal", "", true},
		{"busy", "3 files: nobody has them", false},
		{"mute", "the agent could not say in time what is missing", false},
	} {
		got, err := client.Wait(t.Context(),
			api.WaitRequest{Folder: c.folder, TimeoutMillis: 20})
		if err != nil || got.Equal != c.equal || strings.Join(got.Missing, ";") != c.missing {
			t.Errorf("%s: got %+v, %v", c.folder, got, err)
		}
	}
	_, err := client.Wait(t.Context(), api.WaitRequest{Folder: "none"})
	if err == nil || api.AsError(err).Kind != api.NotFound {
		t.Errorf("unknown folder: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = client.Wait(ctx, api.WaitRequest{Folder: "mute"})
	if err == nil || api.AsError(err).Kind != api.Timeout {
		t.Errorf("a client out of patience: %v", err)
	}
}

func TestWatchingAndListening(t *testing.T) {
	agent := newMemory()
	client, stop := serve(t, newHome(t), agent)
	ctx := t.Context()
	add := func(path string) {
		if _, err := client.Do(ctx, api.FolderAdd{Path: path}); err != nil {
			t.Error(err)
		}
	}
	add("/1")
	enough := errors.New("enough")
	views := 0
	err := client.Watch(ctx, func(v status.View) error {
		if views++; len(v.Folders) == 2 {
			return enough
		}
		for range 3 { // looked at again, unchanged, and not to be sent again
			<-agent.asked
		}
		add("/2")
		return nil
	})
	if !errors.Is(err, enough) || views != 2 {
		t.Errorf("watching: %d views, %v", views, err)
	}
	var paths []string
	err = client.Events(ctx, 1, func(e status.Event) error {
		if paths = append(paths, e.Path); len(paths) == 3 {
			return enough
		}
		add(fmt.Sprintf("/%d", len(paths)+2))
		return nil
	})
	if got := strings.Join(paths, " "); !errors.Is(err, enough) || got != "/2 /3 /4" {
		t.Errorf("events after 1: %s, %v", got, err)
	}
	// A stream that is going on ends with the agent, and says so.
	err = client.Events(ctx, 0, func(status.Event) error { stop(); return nil })
	if err == nil || api.AsError(err).Kind != api.NoAgent {
		t.Errorf("the agent stopped: %v", err)
	}
}

func TestNoAgent(t *testing.T) {
	home := newHome(t)
	client := api.NewClient(home)
	check := func(when string) {
		t.Helper()
		_, err := client.Status(t.Context())
		want := "no agent is running in " + home + ": start it with `shoal --nogui`"
		if err == nil || api.AsError(err).Kind != api.NoAgent || err.Error() != want {
			t.Errorf("%s: got %v", when, err)
		}
	}
	check("never started")
	_, stop := serve(t, home, newMemory())
	stop()
	check("stopped")
	if _, err := os.Lstat(api.SocketPath(home)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket was left: %v", err)
	}
	deadSocket(t, home)
	check("killed")
}

func TestDeadSocketsAreReplacedAndLiveOnesNot(t *testing.T) {
	home := newHome(t)
	deadSocket(t, home)
	client, _ := serve(t, home, newMemory())
	if _, err := client.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := Listen(home, newMemory(), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "another agent answers") {
		t.Errorf("a second agent: %v", err)
	}
	if _, err := client.Status(t.Context()); err != nil {
		t.Errorf("the first agent was disturbed: %v", err)
	}
}

func TestDoorIsGuarded(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	log := slog.New(slog.DiscardHandler)
	home := newHome(t)
	if err := os.Chmod(home, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(home, newMemory(), log); err == nil ||
		!strings.Contains(err.Error(), "other users can enter") {
		t.Errorf("an open home: %v", err)
	}
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	path := api.SocketPath(home)
	if err := os.WriteFile(path, []byte("letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(home, newMemory(), log); err == nil ||
		!strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file in the way: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "letter" {
		t.Errorf("the file became %q, %v", text, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	// A socket of another kind refuses to be dialled, but somebody has it.
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(home, newMemory(), log); err == nil ||
		!strings.Contains(err.Error(), "find out who listens") {
		t.Errorf("a socket of another kind: %v", err)
	}
	if err := other.Close(); err != nil { // which removes it
		t.Fatal(err)
	}
	serve(t, home, newMemory())
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen(filepath.Join(home, "none"), newMemory(), log); err == nil {
		t.Error("a home that does not exist was taken")
	}
}

func TestLongHomes(t *testing.T) {
	home := newHome(t)
	for len(home) < 300 {
		home = filepath.Join(home, strings.Repeat("x", 50))
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		_, err := Listen(home, newMemory(), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("got %v", err)
		}
		return
	}
	deadSocketAt(t, home)
	client, _ := serve(t, home, newMemory())
	if _, err := client.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	home := newHome(t)
	client, _ := serve(t, home, newMemory())
	post := func(path, body string) (int, string) {
		t.Helper()
		conn, err := api.DialSocket(t.Context(), home)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		web := http.Client{Transport: &http.Transport{DialContext: func(
			context.Context, string, string) (net.Conn, error) {
			return conn, nil
		}}}
		answer, err := web.Post("http://agent"+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	for _, c := range []struct{ path, body, want string }{
		{"/v1/intents/folder-add", `{"path":"` + strings.Repeat("x", api.BodyMax) + `"}`,
			"longer than"},
		{"/v1/intents/folder-add", "rubbish", "cannot be read"},
		{"/v1/intents/explode", "{}", "does not know the intent"},
		{"/v2/status", "{}", "does not know POST /v2/status"},
		{"/v1/wait", `{"fodler":"x"}`, "fodler"},
	} {
		if code, text := post(c.path, c.body); code != 400 || !strings.Contains(text, c.want) {
			t.Errorf("%s: got %d %s", c.path, code, text)
		}
	}
	if _, err := client.Status(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// deadSocket leaves what an agent leaves that was killed.
func deadSocket(t *testing.T, home string) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: api.SocketPath(home), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
}

// deadSocketAt does the same where the path is too long to listen on.
func deadSocketAt(t *testing.T, home string) {
	t.Helper()
	short := newHome(t)
	deadSocket(t, short)
	if err := os.Rename(api.SocketPath(short), api.SocketPath(home)); err != nil {
		t.Fatal(err)
	}
}
