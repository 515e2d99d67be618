package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestSendFarAway gives a directory to a computer on another network, where both reach
// nothing but a rendezvous, without an agent on either.
func TestSendFarAway(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	x, two := newFarApart(t, "home", "office")
	hand(t, two[0], two[1], "--rendezvous", x.url)
}

// TestSendOnALAN does the same on one network, beside agents that answer there too.
func TestSendOnALAN(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	two := onLAN(t, "laptop", "desktop")
	hand(t, two[0], two[1])
	for _, a := range two {
		if v := a.status(); len(v.Devices) != 0 || len(v.Asking) != 0 {
			t.Errorf("%s trusts %+v, and is asked by %+v", a.name, v.Devices, v.Asking)
		}
	}
}

// hand sends a directory from one to another by a code.
func hand(t *testing.T, from, to *agent, flags ...string) {
	t.Helper()
	from.put("dir/hello.txt", "hello")
	from.drop("dir/large", 20<<20)
	args := []string{"--home", from.home, "--json", "send", filepath.Join(from.root, "dir")}
	send := from.on(program, append(args, flags...)...)
	var errs bytes.Buffer
	send.Stderr = &errs
	out, err := send.StdoutPipe()
	must(t, err)
	begun := time.Now()
	must(t, send.Start())
	lines := bufio.NewReader(out)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	var told struct{ Code string }
	must(t, json.Unmarshal(first, &told))
	args = []string{"--home", to.home, "--json", "receive", told.Code, "--to", to.root, "--yes"}
	receive := to.on(program, append(args, flags...)...)
	got, err := receive.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	for { // to its end, which is when it may be waited for
		if _, err := lines.ReadBytes('\n'); err != nil {
			break
		}
	}
	if err := send.Wait(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	t.Logf("20 MiB in %v", time.Since(begun).Round(time.Millisecond))
	there := picture(t, filepath.Join(to.root, "dir"))
	if here := picture(t, filepath.Join(from.root, "dir")); !slices.Equal(here.names(), there.names()) {
		t.Errorf("sent %q, got %q", here.names(), there.names())
	}
	if exec.Command("cmp", filepath.Join(from.root, "dir/large"), filepath.Join(to.root, "dir/large")).Run() != nil {
		t.Error("the large file differs")
	}
}
