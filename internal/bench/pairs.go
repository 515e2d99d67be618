package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// freePort returns a port of this machine that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// started are processes that end with the case.
type started struct{ all []*exec.Cmd }

func (s *started) start(name string, args ...string) error {
	c := exec.Command(name, args...)
	if err := c.Start(); err != nil {
		return err
	}
	s.all = append(s.all, c)
	return nil
}

func (s *started) end() error {
	var errs []error
	for _, c := range s.all {
		errs = append(errs, c.Process.Signal(syscall.SIGTERM))
		_ = c.Wait() // how a program says that it was ended does not matter
	}
	return errors.Join(errs...)
}

func (s *started) cpu() (sum float64) {
	for _, c := range s.all {
		sum += cpuOf(c.Process.Pid)
	}
	return sum
}

// agents are two agents on this machine that share a folder.
type agents struct {
	started
	program, dir string
}

func shoalPair(o options, dir string) (pair, error) {
	program, err := filepath.Abs(o.program)
	return &agents{program: program, dir: dir}, err
}

func (a *agents) source() string      { return a.folder(0) }
func (a *agents) target() string      { return a.folder(1) }
func (a *agents) folder(n int) string { return filepath.Join(a.dir, fmt.Sprint("folder", n)) }
func (a *agents) home(n int) string   { return filepath.Join(a.dir, fmt.Sprint("home", n)) }
func (a *agents) changed() error      { return nil }
func (a *agents) name(n int) string   { return fmt.Sprint("n", n) }

// ask runs a command at one of the agents and reads its answer.
func (a *agents) ask(n int, answer any, args ...string) error {
	out, err := exec.Command(a.program, append([]string{"--home", a.home(n), "--json"}, args...)...).Output()
	if err == nil && answer != nil {
		err = json.Unmarshal(out, answer)
	}
	if err != nil {
		return fmt.Errorf("shoal %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

type state struct {
	Device  struct{ ID string }
	Folders []struct{ ID, State, Root string }
	Devices []struct{ Connected bool }
}

func (a *agents) begin() error {
	var ports [2]int
	var states [2]state
	for n := range ports {
		var err error
		if ports[n], err = freePort(); err != nil {
			return err
		}
		if err := a.start(a.program, "--home", a.home(n), "--nogui", "--no-mdns", "--name", a.name(n),
			"--listen", fmt.Sprint("127.0.0.1:", ports[n])); err != nil {
			return err
		}
		if err := until(func() bool { return a.ask(n, &states[n], "status") == nil }); err != nil {
			return fmt.Errorf("the agent has not begun: %w", err)
		}
	}
	folder := ""
	for n := range ports {
		args := []string{"folder", "add", a.folder(n), "--name", "bench"}
		if folder != "" {
			args = append(args, "--id", folder)
		}
		if err := a.ask(n, nil, args...); err != nil {
			return err
		}
		if err := a.ask(n, &states[n], "status"); err != nil {
			return err
		}
		folder = states[n].Folders[0].ID
	}
	for n := range ports {
		other := states[1-n].Device.ID
		err := a.ask(n, nil, "device", "add", other, "--address", fmt.Sprint("tcp://127.0.0.1:", ports[1-n]), "--name", a.name(1-n))
		if err != nil {
			return err
		}
		if err := a.ask(n, nil, "folder", "share", folder, other); err != nil {
			return err
		}
	}
	return until(a.agree)
}

// agree reports whether both agents are linked and hold the same.
func (a *agents) agree() bool {
	var s [2]state
	for n := range s {
		if a.ask(n, &s[n], "status") != nil || len(s[n].Devices) != 1 || !s[n].Devices[0].Connected ||
			s[n].Folders[0].State != "up-to-date" {
			return false
		}
	}
	return s[0].Folders[0].Root == s[1].Folders[0].Root
}

func until(done func() bool) error {
	for begun := time.Now(); !done(); <-time.After(50 * time.Millisecond) {
		if time.Since(begun) > 5*time.Minute {
			return errors.New("not within five minutes")
		}
	}
	return nil
}

// overSSH is rsync, which is run when the source has changed, over an sshd of its own.
type overSSH struct {
	started
	dir  string
	port int
	used float64 // CPU of the runs
}

func rsyncPair(_ options, dir string) (pair, error) {
	for _, needed := range []string{"rsync", "ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(needed); err != nil {
			return nil, err
		}
	}
	return &overSSH{dir: dir}, nil
}

func (r *overSSH) source() string { return filepath.Join(r.dir, "folder0") }
func (r *overSSH) target() string { return filepath.Join(r.dir, "folder1") }
func (r *overSSH) cpu() float64   { return r.used + r.started.cpu() }

func (r *overSSH) begin() (err error) {
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd"
	}
	if r.port, err = freePort(); err != nil {
		return err
	}
	for _, key := range []string{"id", "host"} {
		if err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(r.dir, key)).Run(); err != nil {
			return fmt.Errorf("ssh-keygen: %w", err)
		}
	}
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %[2]s/host\nAuthorizedKeysFile %[2]s/id.pub\n"+
		"PermitRootLogin yes\nPasswordAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n", r.port, r.dir)
	path := filepath.Join(r.dir, "sshd_config")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd refuses to run without
			return err
		}
	}
	if err := r.start(sshd, "-D", "-f", path); err != nil {
		return err
	}
	return until(func() bool { return r.run("-n") == nil })
}

// changed pushes the source to the target.
func (r *overSSH) changed() error { return r.run() }

func (r *overSSH) run(more ...string) error {
	shell := fmt.Sprintf("ssh -p %d -i %s/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
		r.port, r.dir)
	c := exec.Command("rsync", append(more, "-a", "--delete", "-e", shell, r.source()+"/", "127.0.0.1:"+r.target()+"/")...)
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	r.used += (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	return nil
}

// ticks is how many of the units that the kernel counts in are a second. It is 100 on every
// Linux there is.
const ticks = 100

// cpuOf returns the CPU seconds of a process and of those of its children that have ended.
func cpuOf(pid int) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields, sum := strings.Fields(rest), 0
	for i := 11; i < 15 && i < len(fields); i++ {
		n, _ := strconv.Atoi(fields[i]) // the kernel writes numbers
		sum += n
	}
	return float64(sum) / ticks
}

// machine returns the CPU seconds that all programs have used since the start.
func machine() float64 {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	sum := 0
	for i, field := range strings.Fields(line) {
		if n, err := strconv.Atoi(field); err == nil && i != 4 && i != 5 { // idle, waiting
			sum += n
		}
	}
	return float64(sum) / ticks
}
