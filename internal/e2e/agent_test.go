//go:build unix

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/natlab"
	"github.com/shoal-sync/shoal/internal/powercut"
)

// logLines is how much of an agent's log is shown when a test has failed.
const logLines = 60

// program is the path of the binary under test. The agents run agentProgram, which is the
// same, or built with the race detector when the tests are; starting that one takes most of
// a second, too long for every command.
var program, agentProgram string

// builtBefore names the binaries for tests that run once more in a process of their own.
const builtBefore = "SHOAL_E2E_BUILT"

func TestMain(m *testing.M) {
	powercut.Main()
	natlab.ServeIfAsked()
	if built := os.Getenv(builtBefore); built != "" {
		program, agentProgram, _ = strings.Cut(built, "|")
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "shoal-e2e-")
	if err == nil {
		// Others must reach the binary: one test runs it as another user.
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		program = filepath.Join(dir, "shoal")
		agentProgram = program
		err = build(program, "CGO_ENABLED=0")
	}
	if err == nil && withRace {
		agentProgram = filepath.Join(dir, "shoal-race")
		err = build(agentProgram, "CGO_ENABLED=1", "-race")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot build the program:", err)
		os.Exit(1)
	}
	if err := os.Setenv(builtBefore, program+"|"+agentProgram); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// lookAtSources looks at every file the program is made of, so that the cache of test
// results knows that these tests depend on them: they do not import what they test.
// What is looked at before the first test begins is not noted.
var lookAtSources = sync.OnceValue(func() error {
	for _, dir := range []string{"app", "assets", "chunker", "discovery", "internal", "nat", "sync", "go.mod"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
})

// build makes the binary as it is shipped, or with more flags.
func build(path, cgo string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	make := exec.Command("go", append(args, "github.com/shoal-sync/shoal/app/shoal")...)
	make.Env = append(os.Environ(), cgo)
	if out, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// agent is one device: its home, the folder it keeps, and its running process, if any.
type agent struct {
	t      *testing.T
	name   string
	home   string
	root   string
	listen string
	id     string
	flags  []string
	cred   *syscall.SysProcAttr
	on     func(program string, args ...string) *exec.Cmd // the computer it runs on; nil for this one
	binary string                                         // agentProgram unless set
	env    []string                                       // beside that of the tests

	process *exec.Cmd
	exited  chan struct{} // closed when process has been waited for
	log     *bytes.Buffer // what the present process wrote; read it after exited
	logs    string        // what earlier ones wrote
}

// newAgent makes a device with an empty folder; it does not run yet.
func newAgent(t *testing.T, name string) *agent {
	t.Helper()
	must(t, lookAtSources())
	dir, err := os.MkdirTemp("", "e2e-"+name+"-")
	must(t, err)
	a := &agent{
		t: t, name: name, home: filepath.Join(dir, "home"), root: filepath.Join(dir, "sync"),
		listen: fmt.Sprintf("127.0.0.1:%d", freePort(t)),
	}
	must(t, os.MkdirAll(a.root, 0o755))
	t.Cleanup(func() {
		if t.Failed() && a.process != nil {
			t.Logf("status of %s: %s", name, a.command("status").out)
			if tree, err := tryPicture(a.root); err == nil {
				t.Logf("its folder holds %q", tree.names())
			}
		}
		a.stop()
		a.checkLog()
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, last(a.logs, logLines))
		}
		if t.Failed() && os.Getenv("SHOAL_E2E_KEEP") != "" {
			t.Logf("%s is kept in %s", name, dir)
			return
		}
		must(t, os.RemoveAll(dir))
	})
	a.id = a.command("id").done(t).text("id")
	return a
}

// ports are handed out below the range from which systems take ports for outgoing calls,
// so that nobody takes one between our look at it and the agent's.
var ports atomic.Uint32

func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 20000 + (os.Getpid()*61+int(ports.Add(1)))%10000
		probe, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			must(t, probe.Close())
			return port
		}
	}
	t.Fatal("no free port found")
	return 0
}

// start runs the agent and returns when it answers.
func (a *agent) start() {
	a.t.Helper()
	a.spawn()
	a.eventually(patience, "the agent answers", func() error {
		select {
		case <-a.exited:
			a.t.Fatalf("%s ended at once:\n%s", a.name, a.log)
		default:
		}
		_, err := a.tryStatus()
		return err
	})
}

func (a *agent) spawn() {
	a.t.Helper()
	args := append([]string{"--home", a.home, "--nogui", "--name", a.name, "--listen", a.listen}, a.flags...)
	begin := exec.Command
	if a.on != nil {
		begin = a.on // a network of its own
	} else {
		args = append(args, "--no-mdns")
	}
	if os.Getenv("SHOAL_E2E_VERBOSE") != "" {
		args = append(args, "--verbose")
	}
	binary := cmp.Or(a.binary, agentProgram)
	a.process, a.log, a.exited = begin(binary, args...), &bytes.Buffer{}, make(chan struct{})
	a.process.Stderr, a.process.SysProcAttr = a.log, a.cred
	a.process.Env = append(os.Environ(), a.env...)
	must(a.t, a.process.Start())
	go func(process *exec.Cmd, exited chan struct{}) {
		_ = process.Wait() // how it ended is in ProcessState
		close(exited)
	}(a.process, a.exited)
}

// stopMax is what an agent has for stopping.
const stopMax = 5 * time.Second

// stop ends the agent as a service manager does, and checks that it ends well and soon.
func (a *agent) stop() {
	a.t.Helper()
	if a.process == nil {
		return
	}
	begun, owed := time.Now(), debt(a.t, a)
	a.signal(syscall.SIGTERM)
	limit, look := time.After(patience), time.NewTicker(stallMin)
	defer look.Stop()
	var late time.Duration // nothing is known of who has ended
	for running := true; running; {
		select {
		case <-a.exited:
			running = false
		case <-look.C:
			late = owed()
		case <-limit:
			a.signal(syscall.SIGQUIT)
			<-a.exited
			a.t.Errorf("%s did not stop within %v:\n%s", a.name, patience, a.log)
			running = false
		}
	}
	took, state := time.Since(begun), a.process.ProcessState
	late = max(late, owed())
	if took > stopMax+late {
		a.t.Errorf("%s took %v to stop, allowed are %v and the %v that the machine owes", a.name, took, stopMax, late)
	}
	if !state.Success() {
		a.t.Errorf("%s ended with %v:\n%s", a.name, state, last(a.log.String(), 40))
	}
	a.buried()
}

// kill ends the agent as a power cut would.
func (a *agent) kill() {
	a.t.Helper()
	a.signal(syscall.SIGKILL)
	<-a.exited
	a.buried()
}

func (a *agent) buried() {
	a.logs += a.log.String()
	a.process = nil
}

func (a *agent) signal(s syscall.Signal) {
	a.t.Helper()
	if err := a.process.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		a.t.Fatal(err)
	}
}

// checkLog fails the test when an agent died of a mistake of ours, whoever noticed.
func (a *agent) checkLog() {
	a.t.Helper()
	for _, sign := range []string{"panic:", "DATA RACE", "fatal error:", "goroutine "} {
		if at := strings.Index(a.logs, sign); at >= 0 {
			a.t.Errorf("%s says %q:\n%s", a.name, sign, a.logs[at:min(len(a.logs), at+6000)])
			return
		}
	}
}

// answer is what one command did.
type answer struct {
	command string
	code    int
	out     []byte
	errs    string
}

// commandTime is what a command may take: one that waits gives up before.
const commandTime = patience + 30*time.Second

// command runs one command line against the agent's home, with --json.
func (a *agent) command(args ...string) answer {
	a.t.Helper()
	return a.within(commandTime, args...)
}

func (a *agent) within(limit time.Duration, args ...string) answer {
	a.t.Helper()
	return a.standing("", limit, args...)
}

// standing runs a command in a directory.
func (a *agent) standing(in string, limit time.Duration, args ...string) answer {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	run := exec.CommandContext(ctx, program, append([]string{"--home", a.home, "--json"}, args...)...)
	run.Dir = in
	var out, errs bytes.Buffer
	run.Stdout, run.Stderr, run.SysProcAttr = &out, &errs, a.cred
	err := run.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		a.t.Fatalf("%s: shoal %s: %v %v", a.name, strings.Join(args, " "), err, ctx.Err())
	}
	return answer{
		command: a.name + ": shoal " + strings.Join(args, " "), code: run.ProcessState.ExitCode(),
		out: out.Bytes(), errs: errs.String(),
	}
}

// done demands that the command succeeded.
func (w answer) done(t *testing.T) answer {
	t.Helper()
	if w.code != 0 {
		t.Fatalf("%s: exit %d: %s", w.command, w.code, w.errs)
	}
	return w
}

// failed demands an exit code and one line that holds all the given words.
func (w answer) failed(t *testing.T, code int, words ...string) {
	t.Helper()
	if w.code != code {
		t.Errorf("%s: exit %d, want %d: %s", w.command, w.code, code, w.errs)
		return
	}
	line := strings.TrimSuffix(w.errs, "\n")
	if line == "" || strings.Contains(line, "\n") {
		t.Errorf("%s: want one line of reason, got %q", w.command, w.errs)
	}
	for _, word := range words {
		if !strings.Contains(line, word) {
			t.Errorf("%s: the reason %q does not say %q", w.command, line, word)
		}
	}
}

func (w answer) into(t *testing.T, value any) {
	t.Helper()
	if err := json.Unmarshal(w.out, value); err != nil {
		t.Fatalf("%s: %v in %q", w.command, err, w.out)
	}
}

func (w answer) text(field string) string {
	var fields map[string]any
	if json.Unmarshal(w.out, &fields) != nil {
		return ""
	}
	text, _ := fields[field].(string)
	return text
}

func (a *agent) tryStatus() (view status.View, err error) {
	got := a.within(30*time.Second, "status")
	if got.code != 0 {
		return view, errors.New(got.errs)
	}
	return view, json.Unmarshal(got.out, &view)
}

// status is what `shoal status` says now.
func (a *agent) status() status.View {
	a.t.Helper()
	view, err := a.tryStatus()
	if err != nil {
		a.t.Fatalf("%s: status: %v", a.name, err)
	}
	return view
}

// folder is what the status says of the folder the tests share.
func (a *agent) folder() status.Folder {
	a.t.Helper()
	for _, f := range a.status().Folders {
		if f.Name == shared {
			return f
		}
	}
	a.t.Fatalf("%s: there is no folder %q in its status", a.name, shared)
	return status.Folder{}
}

// device is what the status says of another device.
func (a *agent) device(other *agent) status.Device {
	a.t.Helper()
	for _, d := range a.status().Devices {
		if d.ID.String() == other.id {
			return d
		}
	}
	a.t.Fatalf("%s: %s is not in its status", a.name, other.name)
	return status.Device{}
}

func last(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
