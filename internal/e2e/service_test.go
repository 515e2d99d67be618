//go:build unix

package e2e

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

// TestServiceManager: the agent says when it is ready, that it lives, and that it stops,
// and it stops in time with a transfer under way.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	path := filepath.Join(filepath.Dir(a.home), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer manager.Close()
	words := make(chan string, 1000)
	go func() {
		into := make([]byte, 1000)
		for {
			n, err := manager.Read(into)
			if err != nil {
				return // the test is over
			}
			words <- string(into[:n])
		}
	}()
	hear := func(want string) {
		t.Helper()
		select {
		case word := <-words:
			if !strings.HasPrefix(word, want) {
				t.Errorf("the manager heard %q, want %q", word, want)
			}
		case <-time.After(patience):
			t.Fatalf("the manager did not hear %q", want)
		}
	}
	a.env = []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=300000"}
	a.spawn()
	hear("READY=1\nSTATUS=keeping folders as anna")
	if _, err := a.tryStatus(); err != nil {
		t.Errorf("it said that it is ready, and is not: %v", err)
	}
	hear("WATCHDOG=1")
	hear("WATCHDOG=1")
	b.start()
	keep(a, b)
	link(a, b)
	share(a, b)
	a.fill("large", 300<<20)
	b.underWay(a, 4<<20)
	a.stop() // it checks that this takes less than 5 s
	b.stop()
	for word := range words {
		if word != "WATCHDOG=1" {
			if word != "STOPPING=1" {
				t.Errorf("at the end the manager heard %q", word)
			}
			return
		}
	}
}

// TestTwoAccounts: two users of one computer have an agent each, on ports of their own, and
// neither can ask the other's, nor take its home.
func TestTwoAccounts(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root, to run an agent as another user")
	}
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	const nobody = 65534
	must(t, filepath.WalkDir(filepath.Dir(b.home), func(path string, _ os.DirEntry, err error) error {
		must(t, err)
		return os.Lchown(path, nobody, nobody)
	}))
	b.cred = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	b.listen = a.listen
	startAll(a, b)
	onA, onB := a.status().Device.Listen[0], b.status().Device.Listen[0]
	if onA == onB || onA != a.listen && onB != a.listen {
		t.Errorf("they listen at %s and %s", onA, onB)
	}
	intruder := *b
	intruder.home = a.home
	intruder.command("status").failed(t, 1, "another user")
	intruder.command("--nogui").failed(t, 1, a.home)
	a.listen, b.listen = onA, onB
	keep(a, b)
	link(a, b)
	share(a, b)
	a.put("file", "1")
	settle(a, b)
}

// TestUnits: service managers understand what we hand to them.
func TestUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, change := range map[string][2]string{
		"shoal.service": {"%h/.local/bin/shoal", program}, "shoal@.service": {"/usr/bin/shoal", program},
	} {
		text, err := os.ReadFile(filepath.Join("../../packaging", name))
		must(t, err)
		if !strings.Contains(string(text), change[0]+" --nogui") {
			t.Errorf("%s does not start %s", name, change[0])
		}
		fitted := strings.NewReplacer(change[0], change[1], "User=%i", "User=root").Replace(string(text))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(fitted), 0o644))
	}
	if path, err := exec.LookPath("systemd-analyze"); err == nil {
		for name, kind := range map[string]string{"shoal.service": "--user", "shoal@.service": "--system"} {
			verify := exec.Command(path, "verify", kind, "--man=no", filepath.Join(dir, name))
			verify.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
			if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
	} else {
		t.Log("systemd-analyze is not there: units were not verified")
	}
	list, err := os.Open("../../packaging/app.shoal.agent.plist")
	must(t, err)
	defer list.Close()
	var words []string
	for d := xml.NewDecoder(list); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			words = append(words, strings.TrimSpace(string(text)))
		}
	}
	if got := strings.Join(words, " "); !strings.Contains(got, "ProgramArguments /usr/local/bin/shoal --nogui RunAtLoad") {
		t.Errorf("the property list says %s", got)
	}
}

// TestLogs: the agent's log can be asked for, followed, and kept in a file.
func TestLogs(t *testing.T) {
	t.Parallel()
	a := newAgent(t, "anna")
	a.command("logs").failed(t, 3, "no agent")
	a.command("config", "set", "log_file", filepath.Join(a.home, "shoal.log")).done(t)
	a.start()
	if got := string(a.command("logs").done(t).out); !strings.Contains(got, "agent started") {
		t.Errorf("the log is %s", got)
	}
	follow := exec.Command(program, "--home", a.home, "logs", "--follow", "--lines", "0")
	out, err := follow.StdoutPipe()
	must(t, err)
	must(t, follow.Start())
	a.stop()
	rest, err := io.ReadAll(out)
	if err != nil || !strings.Contains(string(rest), "agent stopped") && strings.Contains(string(rest), "agent started") {
		t.Errorf("followed was %s, %v", rest, err)
	}
	_ = follow.Wait() // its agent has gone
	if a.logs != "" {
		t.Errorf("with a log file, standard error holds %q", a.logs)
	}
	got := string(a.command("logs", "--lines", "1").done(t).out)
	if !strings.Contains(got, "agent stopped") || strings.Count(got, "\n") != 1 {
		t.Errorf("the end of the log file is %q", got)
	}
}

// pausedBecause demands that everything rests for a reason.
func (a *agent) pausedBecause(word string) error {
	rest := a.status().Device.Paused
	switch {
	case word == "" && rest == nil:
		return nil
	case word != "" && rest != nil && strings.Contains(rest.Reason, word) && a.folder().State == status.Paused:
		return nil
	}
	return fmt.Errorf("its rest is %+v, want %q", rest, word)
}
