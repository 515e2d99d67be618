//go:build unix

package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

// verdicts are what the doctor says, by check and what it is about.
func (a *agent) verdicts(code int, args ...string) map[string]status.Check {
	a.t.Helper()
	got := a.command(append([]string{"doctor"}, args...)...)
	if got.code != code {
		a.t.Errorf("%s: exit %d, want %d: %s %s", got.command, got.code, code, got.out, got.errs)
	}
	var d status.Diagnosis
	if err := json.Unmarshal(got.out, &d); err != nil {
		a.t.Fatalf("%s: %v in %s", got.command, err, got.out)
	}
	if d.OK != (code == 0) {
		a.t.Errorf("%s: ok is %v with exit code %d", got.command, d.OK, code)
	}
	out := map[string]status.Check{}
	for _, c := range d.Checks {
		out[strings.TrimSuffix(c.Name+" "+c.About, " ")] = c
		if c.Reason == "" || c.Verdict == status.Wrong && c.Remedy == "" {
			a.t.Errorf("the doctor gives no reason or remedy: %+v", c)
		}
	}
	return out
}

// TestDoctor: a healthy device is found healthy, and what is wrong is found wrong.
func TestDoctor(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	if got := a.verdicts(3); got["agent"].Verdict != status.Wrong || got["settings"].Verdict != status.Fine {
		t.Errorf("without an agent: %+v", got)
	}
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	a.put("file", "1")
	settle(a, b)
	got := a.verdicts(0)
	for name, want := range map[string]status.Verdict{
		"version": status.Fine, "clock bert": status.Fine, "folder work": status.Fine, "index work": status.Fine,
		"watching": status.Fine, "device bert": status.Fine, "listening": status.Doubt, // on loopback alone
		"local network": status.Fine,
	} {
		if got[name].Verdict != want {
			t.Errorf("%s: %+v, want %s", name, got[name], want)
		}
	}
	if c := a.verdicts(0, b.name)["device bert"]; !strings.Contains(c.Reason, "connected, lan, at 127.0.0.1:") {
		t.Errorf("of one device it says %+v", c)
	}
	a.command("doctor", "nobody").failed(t, 1, "nobody")
	b.stop()
	a.eventually(patience, "bert is seen to be away", func() error {
		if a.device(b).Connected {
			return io.ErrNoProgress
		}
		return nil
	})
	moved := a.root + " moved"
	must(t, os.Rename(a.root, moved))
	a.command("folder", "rescan", shared)
	a.eventually(patience, "the missing folder is noticed", func() error {
		if len(a.folder().Problems) == 0 {
			return io.ErrNoProgress
		}
		return nil
	})
	got = a.verdicts(got1(a), "")
	if c := got["device bert"]; c.Verdict != status.Doubt || !strings.Contains(c.Reason, "not connected") {
		t.Errorf("of a device that is away: %+v", c)
	}
	if c := got["folder work"]; c.Verdict == status.Fine {
		t.Errorf("of a folder that is gone: %+v", c)
	}
	must(t, os.Rename(moved, a.root))
}

// got1 is the exit code that fits what a says of its folder: a root that is gone may be a
// problem of the folder, or its end.
func got1(a *agent) int {
	if a.folder().State == status.NeedsYou && a.folder().Root == "" {
		return 1
	}
	return 0
}

// TestBundle: a report says enough to help, and nothing about the person.
func TestBundle(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "annas-laptop"), newAgent(t, "berts-tower")
	a.flags = []string{"--verbose"}
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	a.put("holidays/passport scan.jpg", "1")
	settle(a, b)
	a.put("bad/.shoalignore", "x")
	a.put(".shoalignore", "secret-plans\n")
	apart(a, b, func() { a.put("diary.txt", "one") }, func() { b.put("diary.txt", "two") })
	a.command("folder", "rescan", shared).done(t)
	a.command("config", "set", "proxy", "socks5://annie:hunter2@203.0.113.99:1080").done(t)
	a.command("config", "set", "limit_up", "3MB/s").done(t)
	a.command("pause", b.name).done(t)
	key, err := os.ReadFile(filepath.Join(a.home, "keys", "device.key"))
	must(t, err)
	block, _ := pem.Decode(key)

	path := filepath.Join(filepath.Dir(a.home), "report.zip")
	if got := a.command("doctor", "--bundle", path); got.code > 1 || strings.Contains(got.errs, "report") {
		t.Fatalf("exit %d: %s", got.code, got.errs)
	}
	a.command("doctor", "--bundle", path).failed(t, 1, "there already")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the report: %v, %v", info.Mode(), err)
	}
	archive, err := zip.OpenReader(path)
	must(t, err)
	defer archive.Close()
	var all strings.Builder
	texts := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		texts[f.Name] = string(text)
		all.WriteString(f.Name + string(text))
	}
	report := strings.ToLower(all.String())
	for _, secret := range []string{
		"anna", "bert", "holidays", "passport", "diary", "secret-plans", `"` + shared + `"`, "annie", "hunter2", "203.0.113",
		"127.0.0.1", a.id, b.id, a.id[:7], b.id[:7], a.home, a.root, "/tmp", filepath.Base(filepath.Dir(a.home)),
		a.folder().ID.String(), a.folder().Root, strings.TrimPrefix(a.listen, "127.0.0.1:"),
	} {
		if strings.Contains(report, strings.ToLower(secret)) {
			at := strings.Index(report, strings.ToLower(secret))
			t.Errorf("the report tells %q: …%s…", secret, report[max(0, at-60):min(len(report), at+60)])
		}
	}
	if bytes.Contains([]byte(all.String()), block.Bytes) || strings.Contains(all.String(), strings.Split(string(key), "\n")[1]) {
		t.Error("the report tells the key")
	}
	for name, want := range map[string]string{
		"log.txt": "agent started", "config.conf": "limit_up = 3MB/s", "status.json": `"state"`,
		"doctor.json": `"verdict": "ok"`, "config.json": `"folders"`, "version.json": `"go"`,
	} {
		if !strings.Contains(texts[name], want) {
			t.Errorf("%s does not say %q:\n%.2000s", name, want, texts[name])
		}
	}
}
