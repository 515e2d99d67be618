package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/recording"
)

func TestSwarmPrintsWhatScriptsRead(t *testing.T) {
	line := strings.Fields("swarm --nodes 30 --degree 6 --pieces 40 --seed 5 --json")
	var outs [2]bytes.Buffer
	for i := range outs {
		var errs bytes.Buffer
		if code := run(line, &outs[i], &errs); code != 0 || errs.Len() > 0 {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
	}
	if outs[0].String() != outs[1].String() {
		t.Errorf("the same flags, twice:\n%s%s", outs[0].String(), outs[1].String())
	}
	var got map[string]any
	if err := json.Unmarshal(outs[0].Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"makespan_over_bound", "p50_over_bound", "p99_over_bound", "source_copies"} {
		if n, ok := got[field].(float64); !ok || n < 0.9 || n > 3 {
			t.Errorf("%s is %v", field, got[field])
		}
	}
	if d, ok := got["digest"].(string); !ok || len(d) != 16 {
		t.Errorf("digest is %v", got["digest"])
	}
	var text bytes.Buffer
	if code := run(line[:len(line)-1], &text, &text); code != 0 || !strings.Contains(text.String(), "half of them after") {
		t.Errorf("exit %d: %s", code, text.String())
	}
}

func TestWhatCannotBeUnderstood(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", "shoalsim swarm"}, {"swim", "shoalsim swarm"}, {"swarm --nodes 0", "0 devices"},
		{"swarm --pieces 1", "1 pieces"}, {"swarm --degree 1", "1 links"}, {"swarm --shape egg", "egg"},
		{"swarm --liars 2", "0 to 1"}, {"swarm --nodes x", "invalid"}, {"swarm more", "more"},
		{"swarm --delay 0s", "delay"}, {"swarm --spread 0.5", "0.5"},
	} {
		var out, errs bytes.Buffer
		if code := run(strings.Fields(c.line), &out, &errs); code != 2 || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%q: exit %d, said %q, want %q", c.line, code, errs.String(), c.want)
		}
	}
	var out, errs bytes.Buffer
	if code := run(strings.Fields("swarm --nodes 20 --pieces 40 --limit 1s"), &out, &errs); code != 1 ||
		!strings.Contains(errs.String(), "20 devices do not have the file") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

func TestReplaySaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	letter, empty := filepath.Join(dir, "letter"), filepath.Join(dir, "empty.recording")
	for name, body := range map[string]string{letter: "Dear Bert, how are you?", empty: recording.Magic} {
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"replay"}, 2, "shoalsim replay FILE"},
		{[]string{"replay", filepath.Join(dir, "none")}, 1, "no such file"},
		{[]string{"replay", letter}, 1, "letter: this is no recording"},
		{[]string{"replay", empty}, 0, "the same"},
	} {
		var out bytes.Buffer
		if code := run(c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: exit %d, said %q, want %q", c.args, code, out.String(), c.want)
		}
	}
}

func TestTableIsOfSeveralSeeds(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(strings.Fields("table --nodes 30 --pieces 40 --seeds 2"), &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	if n := strings.Count(out.String(), "\n| "); n != 9 || !strings.Contains(out.String(), "20 % freeloaders") {
		t.Errorf("%d rows:\n%s", n, out.String())
	}
	for line, want := range map[string]string{"table --seeds 0": "0 seeds", "table --nodes 0": "0 devices", "table x": "x"} {
		errs.Reset()
		if code := run(strings.Fields(line), &out, &errs); code != 2 || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: exit %d, said %q, want %q", line, code, errs.String(), want)
		}
	}
}
