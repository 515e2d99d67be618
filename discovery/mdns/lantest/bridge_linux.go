package lantest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const inside = "SHOAL_LANTEST_INSIDE"

// Inside reports whether the test runs in a network of its own. If not, it runs the same
// test there, in a process of its own, takes over how that went, and returns false: the
// caller has nothing more to do.
func Inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		return true
	}
	for _, tool := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, NOTHING WAS TESTED: the program %s is missing", tool)
		}
	}
	var out strings.Builder
	// Root needs no users of its own, and can then do what others need root for.
	again, err := start(t, &out, 0)
	if err != nil {
		again, err = start(t, &out, syscall.CLONE_NEWUSER)
	}
	if err != nil {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: this system lets us make no network namespaces: %v", err)
	}
	err = again.Wait()
	t.Logf("inside a network of its own:\n%s", out.String())
	switch {
	case err != nil:
		t.Fatal(err)
	case strings.Contains(out.String(), "--- SKIP"):
		t.Skip("SKIPPED, NOTHING WAS TESTED: see above")
	}
	return false
}

// start runs the same test in namespaces of its own.
func start(t *testing.T, out io.Writer, flags uintptr) (*exec.Cmd, error) {
	again := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.count=1",
		fmt.Sprintf("-test.short=%v", testing.Short()))
	again.Env = append(os.Environ(), inside+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | flags,
		Pdeathsig:  syscall.SIGKILL, // what runs inside does not outlive an aborted test
	}
	if flags&syscall.CLONE_NEWUSER != 0 {
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	again.Stdout, again.Stderr = out, out
	return again, again.Start()
}

// Bridge is what computers are plugged into.
type Bridge struct {
	t      *testing.T
	name   string
	cables int
}

// NewBridge makes a bridge in the network of the test.
func NewBridge(t *testing.T, name string) *Bridge {
	t.Helper()
	Setup(t, "ip", "link", "add", name, "type", "bridge")
	Setup(t, "ip", "link", "set", name, "up")
	return &Bridge{t: t, name: name}
}

// Computer is one network namespace. It lives as long as the test.
type Computer struct {
	t   *testing.T
	pid string // of the process that holds the namespace
}

// NewComputer makes a computer without a network.
func NewComputer(t *testing.T) *Computer {
	t.Helper()
	holder := exec.Command("cat")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	wire, err := holder.StdinPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := wire.Close(); err != nil && err != io.ErrClosedPipe {
			t.Error(err)
		}
		_ = holder.Wait() // it only held the namespace
	})
	c := &Computer{t: t, pid: strconv.Itoa(holder.Process.Pid)}
	c.Run("ip", "link", "set", "lo", "up")
	return c
}

// Plug connects a computer to the bridge by an interface with the given addresses, such as
// 10.9.0.1/24. It has no other address, not even a link-local one, and no default route.
func (b *Bridge) Plug(c *Computer, iface string, addrs ...string) {
	b.t.Helper()
	b.cables++
	end := fmt.Sprintf("%s-%d", b.name, b.cables)
	Setup(b.t, "ip", "link", "add", end, "type", "veth", "peer", "name", iface, "netns", c.pid)
	Setup(b.t, "ip", "link", "set", end, "master", b.name, "up")
	c.Run("ip", "link", "set", iface, "addrgenmode", "none")
	for _, addr := range addrs {
		args := []string{"ip", "addr", "add", addr, "dev", iface}
		if strings.Contains(addr, ":") {
			args = append(args, "nodad") // else it could not be used for a second or two
		}
		c.Run(args...)
	}
	c.Run("ip", "link", "set", iface, "up")
}

// Run runs a program on the computer, which must succeed.
func (c *Computer) Run(args ...string) {
	c.t.Helper()
	cmd := c.Command(args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Network is the file that stands for the computer's namespace.
func (c *Computer) Network() string { return "/proc/" + c.pid + "/ns/net" }

// Command prepares a program to be run on the computer.
func (c *Computer) Command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + c.Network(), "--"}, args...)...)
}

// Setup runs a program in the network of the test, which must succeed.
func Setup(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
