package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/natlab"
)

// TestLinkByHand: two devices, each behind its own router, that nobody brings together but
// their people, and a server that tells what it sees. Two texts make them one.
func TestLinkByHand(t *testing.T) {
	t.Parallel()
	if !natlab.Inside(t) {
		return
	}
	lab := natlab.New(t)
	lab.Server(1)
	hosts := [2]*natlab.Computer{lab.NewHome(natlab.Port).Host(), lab.NewHome(natlab.Port).Host()}
	a, b := inLab(t, "anna", hosts[0]), inLab(t, "bert", hosts[1])
	for _, one := range []*agent{a, b} {
		one.flags = []string{"--no-mdns", "--stun", "stun:203.0.113.1:3478"}
	}
	a.put("first.txt", "hello")
	startAll(a, b)
	a.command("folder", "add", a.root, "--name", "work").done(t)

	invites := a.links("link", "--by-hand", "--folder", "work")
	text := invites.next("carry").Link
	if strings.Contains(text, "anna") || len(text) > 1500 {
		t.Errorf("the text to carry is %q", text)
	}
	dir := filepath.Join(b.root, "kept here")
	answers := b.links("link", text, "--to", dir, "--yes")
	if q := answers.next("question"); q.Name != "anna" || len(q.Offers) != 1 || q.Offers[0].Path != dir {
		t.Errorf("the person is asked %+v", q)
	}
	back := answers.next("carry")
	a.command("link", text, "--yes").failed(t, 2, "of this device itself")
	b.command("link", back.Link, "--yes").failed(t, 1, "another invitation")
	a.command("link", back.Link[:len(back.Link)-1], "--yes").failed(t, 2, "damaged")
	replies := a.links("link", back.Link, "--yes")
	if q := replies.next("question"); q.ID != b.id || q.Name != "bert" {
		t.Errorf("the person who invited is asked %+v", q)
	}
	if l := answers.next("linked"); l.ID != a.id || len(l.Folders) != 1 || l.Folders[0].Path != dir {
		t.Errorf("linked as %+v", l)
	}
	if l := invites.next("linked"); l.ID != b.id || l.Name != "bert" || len(l.Folders) != 1 {
		t.Errorf("linked as %+v", l)
	}
	answers.ends(0, "")
	invites.ends(0, "")
	a.reached(b, status.Punched)
	b.reached(a, status.Punched)
	b.command("wait", "--folder", "work", "--timeout", patience.String()).done(t)
	if got := b.read("kept here/first.txt"); got != "hello" {
		t.Errorf("the file holds %q", got)
	}
	a.command("link", back.Link, "--yes").failed(t, 1, "that has ended")
}

// TestLinkByHandAtTheScreen: the reply is entered where the invitation was printed, and a
// no links nothing.
func TestLinkByHandAtTheScreen(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	startAll(a, b)
	var texts [2]string
	invite := exec.Command(program, "--home", a.home, "--quiet", "link", "--by-hand", "--yes")
	in, err := invite.StdinPipe()
	must(t, err)
	defer in.Close()
	texts[0] = firstLine(t, invite)
	no := exec.Command(program, "--home", b.home, "link", texts[0])
	no.Stdin = strings.NewReader("no\n")
	if out, err := no.CombinedOutput(); err == nil || !strings.Contains(string(out), "said no") {
		t.Errorf("a no: %v\n%s", err, out)
	}
	answer := exec.Command(program, "--home", b.home, "--quiet", "link", texts[0], "--yes")
	texts[1] = firstLine(t, answer)
	_, err = in.Write([]byte("what?\n" + strings.ToUpper(texts[1]) + "\n"))
	must(t, err)
	must(t, invite.Wait())
	must(t, answer.Wait())
	for _, one := range []*agent{a, b} {
		one.eventually(patience, "both are linked", func() error {
			if devices := one.status().Devices; len(devices) != 1 || !devices[0].Connected {
				return fmt.Errorf("trusted are %+v", devices)
			}
			return nil
		})
	}
}

// TestTwoRepliesByHand: an invitation that two have answered is for the one that its person
// agrees to, and a no to the other does not end that.
func TestTwoRepliesByHand(t *testing.T) {
	t.Parallel()
	a, b, c := newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")
	startAll(a, b, c)
	invites := a.links("link", "--by-hand")
	text := invites.next("carry").Link
	of := map[*agent]*linker{b: b.links("link", text, "--yes"), c: c.links("link", text, "--yes")}
	back := map[*agent]string{}
	for who, l := range of {
		l.next("question")
		back[who] = l.next("carry").Link
	}
	enter := func(who *agent) *linker {
		l := a.links("link", back[who])
		if q := l.next("question"); q.ID != who.id {
			t.Errorf("asked about %s is %+v", who.name, q)
		}
		return l
	}
	first, second, third := enter(b), enter(c), enter(c)
	second.types("no")
	second.ends(1, "you said no")
	first.types("yes")
	first.next("looking")
	if l := invites.next("linked"); l.ID != b.id {
		t.Errorf("linked is %+v", l)
	}
	invites.ends(0, "")
	of[b].next("linked")
	of[b].ends(0, "")
	third.types("yes")
	third.next("looking")
	third.ends(1, "another reply to this invitation came first")
}

// firstLine starts a program and returns the first line it prints.
func firstLine(t *testing.T, run *exec.Cmd) string {
	t.Helper()
	out, err := run.StdoutPipe()
	must(t, err)
	run.Stderr = os.Stderr
	must(t, run.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	return strings.TrimSpace(line)
}
