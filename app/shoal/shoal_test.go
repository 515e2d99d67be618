package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/control"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/ident"
)

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) { os.Exit(builtAndRun(m)) }

func builtAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "shoal-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "shoal.exe")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=1.2.3-test",
		"-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// result is what one run of the program left behind.
type result struct {
	code      int
	out, errs string
}

// command prepares a run that sees nothing of the tester's own shoal.
func command(t *testing.T, home string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "SHOAL_HOME="+home, "LC_ALL=C")
	return cmd
}

func shoal(t *testing.T, home string, args ...string) result {
	t.Helper()
	cmd := command(t, home, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// startAgent answers on the socket of a new home until the test ends.
func startAgent(t *testing.T) (home string) {
	t.Helper()
	opened, err := config.OpenHome(filepath.Join(t.TempDir(), "h"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := opened.Key()
	if err != nil {
		t.Fatal(err)
	}
	agent := &memoryAgent{home: opened, changed: make(chan struct{}),
		self: status.Self{ID: key.Device(), Name: "desk"}}
	server, err := control.Listen(opened.Dir(), agent, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return opened.Dir()
}

func read[T any](t *testing.T, r result) (value T) {
	t.Helper()
	if r.code != 0 || r.errs != "" || strings.Count(r.out, "\n") != 1 {
		t.Fatalf("want one line of JSON, got exit %d, %q, %q", r.code, r.out, r.errs)
	}
	if err := json.Unmarshal([]byte(r.out), &value); err != nil {
		t.Fatalf("%q: %v", r.out, err)
	}
	return value
}

type named struct{ ID, Name, Path string }

func TestUsageErrors(t *testing.T) {
	home := filepath.Join(t.TempDir(), "h")
	nas := ident.DeviceFromKey([]byte("nas")).String()
	for _, c := range []struct{ line, want string }{
		{"explode", `there is no command "shoal explode"`},
		{"attic list", `there is no command "shoal attic"`},
		{"pause a b", "too much"}, {"pause --for 0s", "above 0"}, {"pause --for x", "--for"},
		{"resume a b", "too much"}, {"config", "say what to do"}, {"config get", "KEY is missing"},
		{"config get nam", `did you mean "name"?`}, {"config set mdns perhaps", "want on or off"},
		{"config set colour blue", `no setting "colour"`}, {"config unset colour", `no setting "colour"`},
		{"config set listen", "VALUE is missing"}, {"link 4829-otter-mapel", `did you mean "maple"?`},
		{"link 4829 otter maple", "put a code with spaces in quotes"}, {"link nonsense", "four digits"},
		{"link shoal://link/abc", "damaged"}, {"link --timeout -1s", "--timeout"}, {"link --to /x", "--to"},
		{"link 4829-otter-maple --folder f", "--folder"}, {"link --address tcp://a:1", "--address"},
		{"link 4829-otter-maple --address a:1", "tcp://HOST:PORT"}, {"link list x", "too much"},
		{"device approve", "DEVICE is missing"}, {"link --role boss", "want owner, writer or reader"},
		{"doctor a b", "too much"},
		{"folder", "say what to do"}, {"device", "say what to do"},
		{"folder explode", `there is no command "shoal folder explode"`},
		{"folder set f name", "VALUE is missing"}, {"device rename a", "NAME is missing"},
		{"--frobnicate", "unknown flag: --frobnicate"},
		{"status --frobnicate", "unknown flag: --frobnicate"},
		{"--listen :1 status", "unknown flag: --listen"},
		{"--nogui --rendezvous x", "is no address of a rendezvous"},
		{"--nogui --stun x", "want HOST:PORT"},
		{"--nogui --wep :1", "unknown flag: --wep"},
		{"--nogui --web nowhere", "--web: "},
		{"--nogui --tray", "exclude each other"},
		{"--nogui --listen 22100", "ADDR:PORT"},
		{"--nogui --log-format xml", "want text or json"},
		{"--quiet --verbose id", "exclude each other"},
		{"status now", `"now" is too much`}, {"folder add", "PATH is missing"},
		{"folder share f", "DEVICE is missing"}, {"folder add . --id abc", "--id"},
		{"folder share f d --role boss", `"boss": want owner, writer or reader`},
		{"device add abc", `device id "abc"`}, {"device add", "ID is missing"},
		{"device add " + nas + " --address nas:1", "tcp://HOST:PORT"},
		{"wait --timeout soon", `--timeout "soon": want a time such as 90s`}, {"wait --timeout -1s", "--timeout"},
		{"events --since yesterday", `--since "yesterday": want a whole number; see`},
		{"help explode", `there is no command "shoal explode"`},
		{"help folder explode", "no command"}, {"completion klingon", "klingon"},
		{"completion", "say what to do"},
	} {
		r := shoal(t, home, strings.Fields(c.line)...)
		if r.code != 2 || r.out != "" || !strings.HasPrefix(r.errs, "shoal: ") ||
			strings.Count(r.errs, "\n") != 1 || !strings.Contains(r.errs, c.want) {
			t.Errorf("%s: got exit %d, %q, %q", c.line, r.code, r.out, r.errs)
		}
	}
}

func TestWithoutAnAgent(t *testing.T) {
	home := filepath.Join(t.TempDir(), "h")
	nas := ident.DeviceFromKey([]byte("nas")).String()
	want := "shoal: no agent is running in " + home + ": start it with `shoal --nogui`\n"
	for _, line := range []string{"status", "status --watch", "--json status", "folder list",
		"folder add .", "folder remove f", "folder rescan f", "folder share f d",
		"folder unshare f d", "device add " + nas, "device list", "device remove d", "wait",
		"events"} {
		r := shoal(t, home, strings.Fields(line)...)
		if r.code != 3 || r.out != "" || r.errs != want {
			t.Errorf("%s: got exit %d, %q, %q", line, r.code, r.out, r.errs)
		}
	}
	if _, err := os.Lstat(home); err == nil {
		t.Error("asking for an agent has made a home")
	}
}

func TestProgramWithoutAWindow(t *testing.T) {
	r := shoal(t, t.TempDir())
	if r.code != 1 || r.out != "" || !strings.Contains(r.errs, "`shoal --nogui`") {
		t.Errorf("got %+v", r)
	}
}

func TestID(t *testing.T) {
	home := filepath.Join(t.TempDir(), "h")
	first := read[named](t, shoal(t, home, "id", "--json"))
	if _, err := ident.ParseDevice(first.ID); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{"id"}, {"--quiet", "id"}, {"--home", home, "id"}} {
		if r := shoal(t, home, args...); r.code != 0 || r.out != first.ID+"\n" {
			t.Errorf("%v: got %+v, want %s", args, r, first.ID)
		}
	}
	other := filepath.Join(t.TempDir(), "other")
	if r := shoal(t, home, "--home", other, "id"); r.code != 0 || r.out == first.ID+"\n" {
		t.Errorf("--home does not go before SHOAL_HOME: %+v", r)
	}
}

func TestVersionHelpAndCompletion(t *testing.T) {
	home := t.TempDir()
	if r := shoal(t, home, "version"); r.code != 0 || r.out != "shoal 1.2.3-test\n" {
		t.Errorf("got %+v", r)
	}
	v := read[struct{ Version, OS, Arch string }](t, shoal(t, home, "version", "--json"))
	if v.Version != "1.2.3-test" || v.OS != runtime.GOOS || v.Arch != runtime.GOARCH {
		t.Errorf("got %+v", v)
	}
	for _, c := range [][2]string{
		{"help", "shoal --nogui"}, {"--help", "do not look for linked devices on the local network"},
		{"help folder share", "--role"}, {"folder share --help", "--role"},
		{"completion bash", "shoal"}, {"completion zsh", "shoal"},
		{"completion fish", "shoal"}, {"completion powershell", "shoal"},
	} {
		r := shoal(t, home, strings.Fields(c[0])...)
		if r.code != 0 || r.errs != "" || !strings.Contains(r.out, c[1]) {
			t.Errorf("%s: got exit %d, %.200q, %q", c[0], r.code, r.out, r.errs)
		}
	}
}

// What the benchmark driver does, word by word.
func TestScriptedSetup(t *testing.T) {
	home := startAgent(t)
	dir := t.TempDir()
	nas := ident.DeviceFromKey([]byte("nas")).String()
	ask := func(args ...string) result {
		return shoal(t, home, append([]string{"--home", home, "--json"}, args...)...)
	}
	type view struct {
		Device  named
		Devices []struct {
			named
			Connected bool
			Addresses []string
		}
		Folders []struct {
			named
			State   string
			Files   int
			Members []struct{ Device, Role string }
		}
	}
	empty := read[view](t, ask("status"))
	if empty.Device.Name != "desk" || empty.Folders == nil || empty.Devices == nil {
		t.Fatalf("got %+v", empty)
	}
	f := read[named](t, ask("folder", "add", dir, "--name", "bench"))
	if f.Path != dir || f.Name != "bench" || f.ID == "" {
		t.Errorf("folder add: %+v", f)
	}
	d := read[named](t, ask("device", "add", nas, "--address", "tcp://10.0.0.2:22100",
		"--address", "tcp://nas:1", "--name", "nas"))
	if d.ID != nas || d.Name != "nas" {
		t.Errorf("device add: %+v", d)
	}
	share := read[map[string]string](t, ask("folder", "share", f.ID, nas))
	if share["folder"] != f.ID || share["device"] != nas || share["role"] != "writer" {
		t.Errorf("folder share: %+v", share)
	}
	if got := read[named](t, ask("folder", "rescan", f.ID)); got != f {
		t.Errorf("folder rescan: %+v", got)
	}
	full := read[view](t, ask("status"))
	if len(full.Devices) != 1 || len(full.Devices[0].Addresses) != 2 ||
		len(full.Folders) != 1 || full.Folders[0].named != f ||
		full.Folders[0].State != "waiting" || len(full.Folders[0].Members) != 1 {
		t.Errorf("status: %+v", full)
	}
	if list := read[[]named](t, ask("folder", "list")); len(list) != 1 || list[0] != f {
		t.Errorf("folder list: %+v", list)
	}
	if list := read[[]named](t, ask("device", "list")); len(list) != 1 || list[0].ID != nas {
		t.Errorf("device list: %+v", list)
	}
	if gone := read[map[string]string](t, ask("folder", "unshare", "bench", "nas")); gone["role"] != "writer" {
		t.Errorf("folder unshare: %+v", gone)
	}
	if gone := read[named](t, ask("device", "remove", "nas")); gone.ID != nas {
		t.Errorf("device remove: %+v", gone)
	}
	if gone := read[named](t, ask("folder", "remove", "bench")); gone != f {
		t.Errorf("folder remove: %+v", gone)
	}
	for _, what := range []string{"folder", "device"} {
		if r := ask(what, "list"); r.out != "[]\n" {
			t.Errorf("%s list after all is gone: %+v", what, r)
		}
	}
}

func TestForPeople(t *testing.T) {
	home := startAgent(t)
	dir := filepath.Join(t.TempDir(), "photos")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	nas := ident.DeviceFromKey([]byte("nas")).String()
	joined := ident.FolderID{9}.String()
	for _, c := range []struct {
		line string
		code int
		want string // of both outputs, one of which is empty
	}{
		{"status", 0, "No folders yet"},
		{"--quiet folder add " + dir + " --id " + joined, 0, joined + "\n"},
		{"folder add " + dir, 1, "is kept already, as folder \"photos\""},
		{"folder add " + dir + "/none", 1, "does not exist: create it first"},
		{"folder add " + home, 1, "shoal's own state"},
		{"device add " + nas + " --name nas", 0, "trusting nas (" + nas + ")\n"},
		{"wait --folder photos", 0, "verified equal\n"},
		{"--quiet wait --folder photos", 0, ""},
		{"folder share photos nas --role reader", 0, "sharing photos with nas as reader\n"},
		{"--quiet folder share photos nas", 0, ""},
		{"folder share music nas", 1, `no folder has the id or name "music"`},
		{"wait --folder photos --device nas --timeout 50ms", 4, "photos: nas is not connected"},
		{"wait --folder music", 1, "music"},
		{"folder rescan photos", 0, "scanned photos at " + dir + "\n"},
		{"status", 0, "shared with"}, {"folder list", 0, dir},
		{"device list", 0, "connection refused"},
		{"folder remove photos", 0, "its files stay"},
		{"device remove nas", 0, "forgot nas (" + nas + ")\n"},
		{"device remove nas", 1, `no device has the id or name "nas"`},
	} {
		r := shoal(t, home, strings.Fields(c.line)...)
		if r.code != c.code || !strings.Contains(r.out+r.errs, c.want) ||
			c.want == "" && r.out+r.errs != "" || (r.code == 0) != (r.errs == "") {
			t.Errorf("%s: got exit %d, %q, %q", c.line, r.code, r.out, r.errs)
		}
	}
}

func TestRelativePathsAreTheCallersOwn(t *testing.T) {
	home := startAgent(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, home, "--json", "folder", "add", "in")
	cmd.Dir = dir
	out, err := cmd.Output()
	var got named
	if err != nil || json.Unmarshal(out, &got) != nil ||
		filepath.Base(got.Path) != "in" || !filepath.IsAbs(got.Path) {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestWaitAnswersPrograms(t *testing.T) {
	home := startAgent(t)
	nas := ident.DeviceFromKey([]byte("nas")).String()
	for _, line := range [][]string{{"folder", "add", t.TempDir(), "--name", "f"},
		{"device", "add", nas, "--name", "nas"}} {
		if r := shoal(t, home, line...); r.code != 0 {
			t.Fatalf("%v: %+v", line, r)
		}
	}
	if r := shoal(t, home, "--json", "wait", "--folder", "f"); r.code != 0 ||
		r.out != `{"equal":true,"missing":[]}`+"\n" {
		t.Errorf("got %+v", r)
	}
	if r := shoal(t, home, "folder", "share", "f", "nas"); r.code != 0 {
		t.Fatalf("got %+v", r)
	}
	r := shoal(t, home, "--json", "wait", "--folder", "f", "--device", "nas", "--timeout", "1ns")
	if r.code != 4 || !strings.Contains(r.out, `"equal":false`) ||
		!strings.Contains(r.errs, "nas is not connected") {
		t.Errorf("got %+v", r)
	}
}

// stream starts a command that goes on and returns a function for its next line, and one
// that interrupts it and returns its exit code.
func stream(t *testing.T, home string, args ...string) (next func() string, stop func() int) {
	t.Helper()
	cmd := command(t, home, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	next = func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("%v ended: %v", args, lines.Err())
		}
		return lines.Text()
	}
	return next, func() int {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			t.Logf("a line that was not asked for: %s", lines.Text())
		}
		if err := cmd.Wait(); err != nil {
			t.Log(err)
		}
		return cmd.ProcessState.ExitCode()
	}
}

func TestStreams(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	home := startAgent(t)
	add := func(name string) {
		t.Helper()
		if r := shoal(t, home, "folder", "add", t.TempDir(), "--name", name); r.code != 0 {
			t.Fatalf("got %+v", r)
		}
	}
	add("one")
	events, stopEvents := stream(t, home, "events")
	documents, stopDocuments := stream(t, home, "--json", "status", "--watch")
	plain, stopPlain := stream(t, home, "status", "--watch")
	const first = `{"seq":1,"time":"1970-01-01T00:00:00.000000001Z",` +
		`"kind":"local_change","detail":"folder-add"}`
	if got := events(); got != first {
		t.Errorf("the first event is %s", got)
	}
	if got := documents(); !strings.Contains(got, `"name":"one"`) {
		t.Errorf("the first view is %s", got)
	}
	if got := plain(); got != "folder one: waiting" {
		t.Errorf("the first line is %q", got)
	}
	add("two")
	if got := events(); !strings.Contains(got, `"seq":2`) {
		t.Errorf("the second event is %s", got)
	}
	if got := documents(); !strings.Contains(got, `"name":"two"`) {
		t.Errorf("the second view is %s", got)
	}
	if got := plain(); got != "folder two: waiting" {
		t.Errorf("only what changed is printed, but got %q", got)
	}
	missed, stopMissed := stream(t, home, "events", "--since", "1")
	if got := missed(); !strings.Contains(got, `"seq":2`) {
		t.Errorf("the event after the first is %s", got)
	}
	for i, stop := range []func() int{stopEvents, stopDocuments, stopPlain, stopMissed} {
		if code := stop(); code != 0 {
			t.Errorf("stream %d ended with %d when interrupted", i, code)
		}
	}
}

func TestPainting(t *testing.T) {
	lines := []string{"first line", "zwölf Fische", "c", "d", "e"}
	got := painted(words.Book{}, lines, 6, 4)
	const want = "\x1b[Hfirst…\x1b[K\nzwölf…\x1b[K\n… mor…\x1b[K\n\x1b[J"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := painted(words.Book{}, lines[2:3], 0, 0); got != "\x1b[Hc\x1b[K\n\x1b[J" {
		t.Errorf("on a screen of unknown size: %q", got)
	}
	if lines[2] != "c" {
		t.Error("the lines were changed")
	}
}

// Without an agent the settings are read from, and written to, the file.
func TestSettingsWithoutAnAgent(t *testing.T) {
	home := filepath.Join(t.TempDir(), "h")
	type setting struct {
		Key, Value, Default string
		Set, Restart        bool
	}
	all := read[[]setting](t, shoal(t, home, "--json", "config", "list"))
	if len(all) < 6 || all[0].Key != "name" || all[0].Set {
		t.Fatalf("listed %+v", all)
	}
	for _, one := range all {
		if _, decided := told[one.Key]; !decided {
			t.Errorf("nobody decided whether a report may tell the setting %s", one.Key)
		}
	}
	change := read[struct {
		Setting setting
		Effect  string
	}](t, shoal(t, home, "--json", "config", "set", "listen", ":0"))
	if change.Setting.Value != ":0" || !change.Setting.Set || change.Effect != "when the agent is started" {
		t.Errorf("got %+v", change)
	}
	if r := shoal(t, home, "config", "get", "listen"); r.out != ":0\n" || r.code != 0 {
		t.Errorf("got %+v", r)
	}
	if r := shoal(t, home, "config", "list"); !strings.Contains(r.out, "listen = :0\n    ADDR:PORT") {
		t.Errorf("got %s", r.out)
	}
	if r := shoal(t, home, "config", "unset", "listen"); !strings.Contains(r.out, "listen = :22100 (when") {
		t.Errorf("got %+v", r)
	}
	if r := shoal(t, home, "--quiet", "config", "set", "name", "x"); r.out+r.errs != "" || r.code != 0 {
		t.Errorf("got %+v", r)
	}
}
