package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstalled is the life of the package on a machine: installed, two agents started as
// services (one by the system, one by a user's own manager), linked, in sync, updated to a
// newer build while they run, removed, purged. What belongs to people stays.
func TestInstalled(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("SKIPPED: the .deb is not installed: no dpkg here")
	}
	m := machineWith(t)
	m.do("dpkg -i /tmp/made/old.deb")
	// An update must never ask: what is there is what ufw wants to have there.
	if got := m.do("dpkg-query -W -f '${Conffiles}' shoal-headless"); strings.Count(got, "/") != 4 ||
		!strings.Contains(got, "/etc/ufw/applications.d/shoal-headless") {
		t.Errorf("there are other configuration files: %s", got)
	}
	if out, err := m.try("command -v ufw"); err == nil {
		if got := m.do("ufw app info Shoal"); !strings.Contains(got, "22100/tcp") {
			t.Errorf("ufw knows of it: %s %s", got, out)
		}
	} else {
		t.Log("SKIPPED: ufw is not asked what it knows: not here")
	}
	if got := m.do("shoal version"); got != "shoal 0.1.0" {
		t.Fatalf("installed is %q", got)
	}
	m.do("bash -c 'source /usr/share/bash-completion/completions/shoal' && zcat /usr/share/man/man1/shoal.1.gz | head -1 | grep -q TH")
	begin(m)
	exchange(m, "first")

	before := m.do("systemctl show -P MainPID shoal@anna")
	m.do("dpkg -i /tmp/made/new.deb")
	if got := m.do("shoal version"); got != "shoal 0.2.0" {
		t.Fatalf("after the update it is %q", got)
	}
	for _, pid := range []string{"systemctl show -P MainPID shoal@anna", as("bert", "systemctl --user show -P MainPID shoal")} {
		if exe := m.do("readlink /proc/$(" + pid + ")/exe"); !strings.HasSuffix(exe, "/usr/bin/shoal") { // or "(deleted)"
			t.Errorf("after the update %s still runs", exe)
		}
	}
	if after := m.do("systemctl show -P MainPID shoal@anna"); after == before {
		t.Error("the agent was not started anew by the update")
	}
	exchange(m, "second") // keys, links and folders were kept

	exchangePackages(m)
	said := m.do("dpkg -r shoal-headless")
	gone(m)
	for _, part := range []string{"/home/anna/.local/state/shoal", "/home/bert/.local/state/shoal", "untouched"} {
		if !strings.Contains(said, part) {
			t.Errorf("at its removal the package does not tell of %s:\n%s", part, said)
		}
	}
	m.do("dpkg -P shoal-headless")
	left(m)

	m.do("dpkg -i /tmp/made/new.deb && systemctl enable --now shoal@anna")
	m.until(as("anna", "shoal status --json"))
	if !strings.Contains(m.do(as("anna", "shoal folder list")), "Notes") {
		t.Error("installed again, the agent has forgotten its folder")
	}
}

// exchangePackages puts the package with the window in the place of the one without, and
// back: agents go on. For the window's package stands the other one under its name.
func exchangePackages(m *machine) {
	m.t.Helper()
	m.do("cd /tmp && dpkg-deb -R made/new.deb x && sed -i 's/^Package: .*/Package: shoal/; s/: shoal$/&-headless/; " +
		"s/^Package: .*/Package: shoal/' x/DEBIAN/control && dpkg-deb -Zgzip -z1 -b x window.deb")
	for _, to := range []string{"window.deb", "made/new.deb"} {
		if said := m.do("dpkg -i /tmp/" + to); strings.Contains(said, "is removed") {
			m.t.Errorf("an exchange is told as a removal: %s", said)
		}
		m.do("systemctl is-active shoal@anna && test -e /etc/systemd/system/multi-user.target.wants/shoal@anna.service")
	}
}

// TestInstalledByRPM: the same scripts do the same when rpm runs them.
func TestInstalledByRPM(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("SKIPPED: the .rpm is not installed: no rpm here")
	}
	m := machineWith(t)
	linted(m)
	// The shell is not in the database of a machine that another package tool looks after.
	m.do("rpm -i --nodeps /tmp/made/old.rpm")
	begin(m)
	exchange(m, "first")
	m.do("rpm -U --nodeps /tmp/made/new.rpm")
	if got := m.do("shoal version"); got != "shoal 0.2.0" {
		t.Fatalf("after the update it is %q", got)
	}
	exchange(m, "second")
	said := m.do("rpm -e shoal-headless")
	if !strings.Contains(said, "/home/anna/.local/state/shoal") {
		t.Errorf("at its removal the package says only %q", said)
	}
	gone(m)
	left(m)
}

// linted has rpmlint look at a package. It unpacks that over the system it runs on, which
// has to be one that is thrown away.
func linted(m *machine) {
	m.t.Helper()
	if _, err := m.try("command -v rpmlint"); err != nil {
		m.t.Log("SKIPPED: the .rpm is not looked at: no rpmlint here")
		return
	}
	rules, err := os.ReadFile("rpmlint.toml")
	must(m.t, err)
	must(m.t, os.WriteFile(filepath.Join(m.made, "rpmlint.toml"), rules, 0o644))
	if out, err := m.try("rpmlint --strict -c /tmp/made/rpmlint.toml /tmp/made/new.rpm"); err != nil {
		m.t.Errorf("rpmlint: %v\n%s", err, out)
	}
}

// machineWith starts a machine with an older and a newer package at hand, and two people.
func machineWith(t *testing.T) *machine {
	t.Helper()
	at := t.TempDir()
	for name, dir := range map[string]string{"old": older.packages(t, "0.1.0"), "new": newer.packages(t, "0.2.0")} {
		for _, kind := range []string{"deb", "rpm"} {
			must(t, os.Link(find(t, dir, "*."+kind), filepath.Join(at, name+"."+kind)))
		}
	}
	m := startMachine(t, at)
	for _, who := range []string{"anna", "bert"} {
		m.do("useradd --create-home --shell /bin/sh " + who)
	}
	return m
}

// begin starts both agents, as the units say, and links them with one folder.
func begin(m *machine) {
	m.t.Helper()
	m.do("systemctl enable --now shoal@anna")
	uid := m.do("id -u bert")
	m.do("mkdir -p /run/user/" + uid + " && chown bert /run/user/" + uid + " && chmod 700 /run/user/" + uid)
	m.do("systemctl start user@" + uid)
	m.do(as("bert", "systemctl --user enable --now shoal"))
	if user := m.do("ps -o user= -p $(systemctl show -P MainPID shoal@anna)"); user != "anna" {
		m.t.Errorf("shoal@anna runs as %s", user)
	}
	var folder struct{ ID string }
	m.do("mkdir /home/anna/Notes && chown anna /home/anna/Notes")
	must(m.t, json.Unmarshal([]byte(m.do(as("anna", "shoal folder add /home/anna/Notes --json"))), &folder))
	for _, pair := range [][2]string{{"anna", "bert"}, {"bert", "anna"}} {
		var view struct {
			Device struct {
				ID     string
				Listen []string
			}
		}
		must(m.t, json.Unmarshal([]byte(m.do(as(pair[1], "shoal status --json"))), &view))
		_, port, _ := strings.Cut(strings.ReplaceAll(view.Device.Listen[0], "[::]", ""), ":")
		m.do(as(pair[0], fmt.Sprintf("shoal device add %s --name %s --address tcp://127.0.0.1:%s",
			view.Device.ID, pair[1], port)))
	}
	m.do(as("anna", "shoal folder share Notes bert"))
	m.do(as("bert", "sh -c 'mkdir /home/bert/Notes && shoal folder add /home/bert/Notes --id "+folder.ID+
		" && shoal folder share Notes anna'"))
}

// exchange has each person write a file, and both have both in the end.
func exchange(m *machine, word string) {
	m.t.Helper()
	for _, who := range []string{"anna", "bert"} {
		m.until(as(who, "shoal status --json"))
		m.do(as(who, "sh -c 'echo "+word+" >/home/"+who+"/Notes/"+word+"-of-"+who+"'"))
	}
	m.until("diff -r -x .shoal /home/anna/Notes /home/bert/Notes && test $(ls /home/anna/Notes/" + word + "-of-* | wc -l) = 2")
	m.do(as("anna", "shoal wait --folder Notes --device bert --timeout 60s"))
}

// gone demands that nothing of the program runs or lies about.
func gone(m *machine) {
	m.t.Helper()
	if out, err := m.try("pgrep -a shoal"); err == nil {
		m.t.Errorf("it still runs: %s", out)
	}
	if out := m.do("find /usr /lib -xdev -path /proc -prune -o -name '*shoal*' -print | sort -u"); out != "" {
		m.t.Errorf("the system still has: %s", out)
	}
}

// left demands that people have what is theirs, and the system no trace.
func left(m *machine) {
	m.t.Helper()
	if out := m.do("find /etc -name '*shoal*'"); out != "" {
		m.t.Errorf("purged, the system still has: %s", out)
	}
	for _, who := range []string{"anna", "bert"} {
		if got := m.do("cat /home/" + who + "/Notes/second-of-*"); got != "second\nsecond" {
			m.t.Errorf("%s has lost files: %q", who, got)
		}
		m.do("test -d /home/" + who + "/.local/state/shoal")
	}
}
