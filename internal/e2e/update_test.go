//go:build unix

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/shoal-sync/shoal/app/release"
	"github.com/shoal-sync/shoal/app/update"
)

// maker makes releases.
type maker struct {
	t   *testing.T
	key ed25519.PrivateKey
	dir string
}

func newMaker(t *testing.T) *maker {
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	return &maker{t, key, t.TempDir()}
}

// program builds a version of the program that believes this maker.
func (m *maker) program(version string) []byte {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), "shoal")
	public := base64.StdEncoding.EncodeToString(m.key.Public().(ed25519.PublicKey))
	must(m.t, build(path, "CGO_ENABLED=0", "-ldflags", "-s -w -X main.version="+version+" -X main.releaseKeys="+public))
	content, err := os.ReadFile(path)
	must(m.t, err)
	return content
}

// publish makes a release of a program and returns the path of its signed list.
func (m *maker) publish(version string, program []byte) string {
	m.t.Helper()
	dir := filepath.Join(m.dir, version)
	must(m.t, os.MkdirAll(dir, 0o755))
	var packed bytes.Buffer
	squeezed := gzip.NewWriter(&packed)
	files := tar.NewWriter(squeezed)
	must(m.t, files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "shoal-" + version + "/shoal", Mode: 0o755,
		Size: int64(len(program))}))
	_, err := files.Write(program)
	must(m.t, err)
	must(m.t, files.Close())
	must(m.t, squeezed.Close())
	name := "shoal-" + version + ".tar.gz"
	must(m.t, os.WriteFile(filepath.Join(dir, name), packed.Bytes(), 0o600))
	sealed, err := release.Seal(release.List{Version: version, Files: []release.File{{Name: name, System: runtime.GOOS,
		Arch: runtime.GOARCH, Kind: release.Archive, Size: int64(packed.Len()),
		SHA256: fmt.Sprintf("%x", sha256.Sum256(packed.Bytes()))}}}, m.key)
	must(m.t, err)
	list := filepath.Join(dir, "RELEASE")
	must(m.t, os.WriteFile(list, sealed, 0o600))
	return list
}

// installed gives an agent a program of its own.
func (a *agent) installed(program []byte) {
	a.t.Helper()
	a.binary = filepath.Join(filepath.Dir(a.home), "bin", "shoal")
	must(a.t, os.MkdirAll(filepath.Dir(a.binary), 0o755))
	must(a.t, os.WriteFile(a.binary, program, 0o755))
}

// update runs the agent's own program.
func (a *agent) update(args ...string) answer {
	a.t.Helper()
	run := exec.Command(a.binary, append([]string{"--home", a.home, "--json", "update"}, args...)...)
	var out, errs bytes.Buffer
	run.Stdout, run.Stderr = &out, &errs
	_ = run.Run() // its code is looked at
	return answer{command: a.name + ": shoal update", code: run.ProcessState.ExitCode(), out: out.Bytes(), errs: errs.String()}
}

// about is the version and process of the agent.
func (a *agent) about() (version string, pid int) {
	a.t.Helper()
	var running struct {
		Version string
		PID     int
	}
	a.ask("about", &running)
	return running.Version, running.PID
}

// TestUpdate: a signed release comes from a server that breaks off, then from a linked
// device; agents go on with the new program, their folders and their keys. One whose new
// program does not come up goes back to the old one, and says so.
func TestUpdate(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	first, second := m.program("0.1.0"), m.program("0.2.0")
	list := m.publish("0.2.0", second)
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	a.installed(first)
	b.installed(first)
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	a.put("file", "1")
	settle(a, b)

	server, ranges := tearing(filepath.Dir(list))
	defer server.Close()
	b.update("--from", "linked").done(t).says(t, `"installed":false`)
	address := server.URL + "/RELEASE"
	a.update("--from", address, "--check").done(t).says(t, `"version":"0.2.0"`)
	a.update("--from", address).failed(t, 1, "what has come is kept")
	_, pid := a.about()
	a.update("--from", address).done(t).says(t, `"installed":true`, `"restarted":true`)
	if got := ranges(); len(got) != 2 || got[1] != "bytes=1048576-" {
		t.Errorf("the file was asked for as %q", got)
	}
	if version, now := a.about(); version != "0.2.0" || now != pid {
		t.Errorf("after the update the agent is %s, process %d, was %d", version, now, pid)
	}
	a.update("--from", address).done(t).says(t, `"installed":false`)

	b.command("config", "set", "update", "linked").done(t)
	b.eventually(patience, "it is told that there is a newer version", func() error {
		if got := b.status().Device.Update; got != "0.2.0" {
			return fmt.Errorf("told is %q", got)
		}
		return nil
	})
	b.update().done(t).says(t, `"from":"anna"`, `"installed":true`, `"restarted":true`)
	if version, _ := b.about(); version != "0.2.0" {
		t.Errorf("bert's agent is %s", version)
	}
	b.put("file", "2")
	settle(a, b)

	broken := []byte("#!/bin/sh\nif [ \"$1\" = version ]; then echo '{\"version\":\"0.3.0\"}'; exit; fi\necho broken >&2; exit 1\n")
	b.update("--from", m.publish("0.3.0", broken)).failed(t, 1, "0.3.0 does not come up", "the old program is back and runs")
	if version, now := b.about(); version != "0.2.0" || now == b.process.Process.Pid {
		t.Errorf("gone back, bert's agent is %s, process %d", version, now)
	}
	<-b.exited // the process that became the broken program
	b.buried()
	a.put("file", "3")
	settle(a, b)
	b.command("stop").done(t)
}

// tearing serves a release, and breaks off after the first MiB the first time a file of it
// is asked for. It remembers from where files were asked for.
func tearing(dir string) (server *httptest.Server, ranges func() []string) {
	var mu sync.Mutex
	var asked []string
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := filepath.Join(dir, filepath.Base(r.URL.Path))
		mu.Lock()
		defer mu.Unlock()
		if filepath.Ext(path) == ".gz" {
			asked = append(asked, r.Header.Get("Range"))
		}
		content, err := os.ReadFile(path)
		if err != nil || len(asked) != 1 || filepath.Ext(path) != ".gz" {
			http.ServeFile(w, r, path)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:1<<20]) // and no more: the other end sees a connection that broke
	}))
	return server, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
}

// TestUpdateRefused: what is not to be believed is not put in place.
func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	m, stranger := newMaker(t), newMaker(t)
	old := m.program("0.2.0")
	a := newAgent(t, "anna")
	a.installed(old)
	says := func(version string) []byte {
		return []byte("#!/bin/sh\necho '{\"version\":\"" + version + "\"}'\n")
	}
	a.update("--from", stranger.publish("0.3.0", says("0.3.0"))).failed(t, 1, "a key that this program does not know")
	a.update("--from", m.publish("0.1.0", says("0.1.0"))).done(t).says(t, `"installed":false`)
	a.update("--from", m.publish("0.3.0", says("0.9.0"))).failed(t, 1, `it is "0.9.0"`)
	a.update("--from", m.publish("0.3.1", []byte("\x7fELF no program"))).failed(t, 1, "does not run here")
	forged := m.publish("0.4.0", says("0.4.0"))
	archive := filepath.Join(filepath.Dir(forged), "shoal-0.4.0.tar.gz")
	content, err := os.ReadFile(archive)
	must(t, err)
	content[len(content)/2] ^= 1
	must(t, os.WriteFile(archive, content, 0o600))
	a.update("--from", forged).failed(t, 1, "not the bytes that were signed")
	a.update("--from", m.publish("0.3.2", says("0.3.2"))).failed(t, 1, "older than a list that was seen before")
	a.command("update", "--from", forged).failed(t, 1, "without the keys")
	release, err := update.Claim(a.binary) // as another one that is at it
	must(t, err)
	a.update("--from", forged).failed(t, 1, "another `shoal update`")
	a.update("--from", forged, "--check").done(t)
	must(t, release())
	// What one that was cut off has left goes with the next.
	must(t, os.WriteFile(filepath.Join(filepath.Dir(a.binary), ".new-1-shoal"), old, 0o755))
	a.update("--from", forged).failed(t, 1, "not the bytes that were signed")
	if now, err := os.ReadFile(a.binary); err != nil || !bytes.Equal(now, old) {
		t.Errorf("the program was replaced: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(a.binary))
	must(t, err)
	if len(left) != 1 {
		t.Errorf("beside the program lies %v", left)
	}
}

// says demands that the answer holds all the given parts.
func (w answer) says(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(string(w.out), part) {
			t.Errorf("%s: %q does not say %s", w.command, w.out, part)
		}
	}
}

// ask has the agent carry out an intent that no command stands for.
func (a *agent) ask(word string, into any) {
	a.t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", filepath.Join(a.home, "agent.sock"))
	}}}
	defer client.CloseIdleConnections()
	reply, err := client.Post("http://agent/v1/intents/"+word, "application/json", strings.NewReader("{}"))
	must(a.t, err)
	defer reply.Body.Close()
	must(a.t, json.NewDecoder(reply.Body).Decode(into))
}
