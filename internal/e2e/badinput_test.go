//go:build unix

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWrongDeviceAtAddress(t *testing.T) {
	t.Parallel()
	a, b, c := newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")
	a.put("secret", "for bert alone")
	startAll(a, c)
	keep(a)
	keep(c)
	// Anna believes that bert is where carl is.
	a.command("device", "add", b.id, "--name", "bert", "--address", "tcp://"+c.listen).done(t)
	a.command("folder", "share", shared, "bert").done(t)
	c.command("device", "add", a.id, "--name", "anna").done(t)
	a.eventually(patience, "the status says who answers there", func() error {
		d := a.device(b)
		if d.Connected {
			t.Fatal("anna is connected to the wrong device")
		}
		if !strings.Contains(d.LastProblem, "another device answers there") || !strings.Contains(d.LastProblem, c.id) {
			return fmt.Errorf("last problem: %q", d.LastProblem)
		}
		if d.NextTry.IsZero() {
			return fmt.Errorf("no next try with %q", d.LastProblem)
		}
		return nil
	})
	if got := a.device(b); got.BytesOut != 0 {
		t.Errorf("%d bytes went out to the wrong device", got.BytesOut)
	}
	if c.exists("secret") || c.device(a).Connected {
		t.Error("carl has got something of anna's")
	}
	a.command("wait", "--folder", shared, "--device", "bert", "--timeout", "300ms").
		failed(t, 4, "bert", "not connected")
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	a.start()
	b.listen = a.listen
	b.start()
	listen := b.status().Device.Listen
	if len(listen) != 1 || listen[0] == a.listen || !strings.HasPrefix(listen[0], "127.0.0.1:") {
		t.Errorf("bert listens on %q", listen)
	}
	b.listen = listen[0]
	b.stop()
	_, port, _ := net.SplitHostPort(a.listen)
	if !strings.Contains(b.logs, "another port") || !strings.Contains(b.logs, port) {
		t.Errorf("bert's log does not say that port %s is taken:\n%s", port, b.logs)
	}
}

func TestHomeInUse(t *testing.T) {
	t.Parallel()
	a := newAgent(t, "anna")
	a.start()
	a.command("--nogui", "--listen", "127.0.0.1:0").failed(t, 1, a.home, "in use", fmt.Sprint(a.process.Process.Pid))
	if _, err := a.tryStatus(); err != nil {
		t.Errorf("the first agent does not answer any more: %v", err)
	}
}

func TestRefusedFolders(t *testing.T) {
	t.Parallel()
	a := newAgent(t, "anna")
	a.put("file", "no directory")
	a.mkdir("kept/inner")
	a.mkdir("other")
	a.start()
	kept := a.at("kept")
	id := a.command("folder", "add", kept, "--name", "kept").done(t).text("id")
	add := func(path string) answer { return a.command("folder", "add", path) }
	add(a.at("missing")).failed(t, 1, a.at("missing"), "does not exist")
	add(a.at("file")).failed(t, 1, a.at("file"), "not a directory")
	add(a.at("kept/inner")).failed(t, 1, "kept", "nested")
	add(a.root).failed(t, 1, "kept", "nested")
	add(filepath.Join(a.home, "index")).failed(t, 1, "shoal's own state")
	add(a.home).failed(t, 1, "shoal's own state")
	add(filepath.Dir(a.home)).failed(t, 1, "shoal's own state")
	must(t, os.Symlink(kept, a.at("alias")))
	add(a.at("alias")).failed(t, 1, "kept")
	add("").failed(t, 2, "PATH")
	if again := add(kept).done(t); again.text("id") != id {
		t.Errorf("adding a folder again gave %s, want %s", again.text("id"), id)
	}
	a.command("folder", "add", kept, "--id", "abcd-efgh").failed(t, 2, "--id")
	a.command("folder", "add", a.at("other"), "--id", "not an id at all").failed(t, 2, "--id")
	a.command("folder", "add", a.at("other"), "--name", "").failed(t, 2, "--name")
	a.command("folder", "share", "kept", "nobody").failed(t, 1, "nobody")
	a.command("folder", "rescan", "nothing").failed(t, 1, "nothing")
	a.command("device", "add", "hello").failed(t, 2)
	a.command("device", "add", a.id).failed(t, 2, "itself")
	broken := []byte(a.id)
	broken[3] ^= 1
	a.command("device", "add", string(broken)).failed(t, 2)
	if f := a.status().Folders; len(f) != 1 || f[0].Name != "kept" {
		t.Errorf("folders are %+v", f)
	}
	a.stop()
	a.command("status").failed(t, 3, a.home)
	a.command("wait").failed(t, 3)
}

// TestUnreadable runs the agent as a user for whom one file is closed.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root, to run an agent as another user")
	}
	a, b := pair(t)
	settle(a, b)
	b.stop()
	const nobody = 65534
	must(t, filepath.WalkDir(filepath.Dir(b.home), func(path string, _ os.DirEntry, err error) error {
		must(t, err)
		return os.Lchown(path, nobody, nobody)
	}))
	b.cred = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	b.put("closed", "only root may read this") // belongs to root
	b.put("closed dir/file", "and this")
	must(t, os.Chmod(b.at("closed"), 0o600))
	must(t, os.Chmod(b.at("closed dir"), 0o700))
	b.put("open", "everybody may read this")
	b.start()
	rescan(b)
	b.eventually(patience, "what can be read arrives", func() error {
		if !a.exists("open") {
			return fmt.Errorf("anna has %q", picture(t, a.root).names())
		}
		return nil
	})
	if a.exists("closed") {
		t.Error("a file that cannot be read arrived")
	}
	b.eventually(patience, "the folder needs a person", func() error {
		if f := b.folder(); f.State != "needs-you" {
			return fmt.Errorf("the state is %s", f.State)
		}
		return nil
	})
	told := map[string]string{}
	for _, p := range b.folder().Problems {
		told[p.Path] = p.Kind + ": " + p.Reason
	}
	for _, path := range []string{"closed", "closed dir"} {
		if !strings.Contains(told[path], "unreadable") || !strings.Contains(told[path], "permission") {
			t.Errorf("the status does not say that %q cannot be read: %q", path, told)
		}
	}
	// Once it is opened it arrives and the problem is gone.
	must(t, os.Chmod(b.at("closed"), 0o644))
	must(t, os.Chmod(b.at("closed dir"), 0o755))
	settle(a, b)
	if p := b.folder().Problems; len(p) != 0 {
		t.Errorf("problems remain: %+v", p)
	}
}
