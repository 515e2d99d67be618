package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/circle"
	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
)

// number reads a size of the test from the environment.
func number(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// swarming is a source and the devices it gives to, each on a computer of its own whose
// cable is limited both ways.
type swarming struct {
	t      *testing.T
	source *agent
	others []*agent
	mbit   int
}

// newSwarm starts a source and so many others. The source alone is linked with all: the
// others come to know each other as members of its folder.
func newSwarm(t *testing.T, many, mbit int) *swarming {
	t.Helper()
	cables := newCables(t, many)
	all := make([]*agent, many+1)
	for i := range all {
		on := lantest.NewComputer(t)
		slow(t, on, cables.plug(on, i), mbit)
		a := newAgent(t, fmt.Sprintf("device%d", i))
		a.listen, a.flags = ":22100", []string{"--no-mdns"}
		a.on = func(program string, args ...string) *exec.Cmd {
			return on.Command(append([]string{program}, args...)...)
		}
		all[i] = a
	}
	startAll(all...)
	keep(all[0], all[1:]...)
	for i, a := range all[1:] {
		all[0].command("device", "add", a.id, "--name", a.name,
			"--address", fmt.Sprintf("tcp://%s:22100", cables.address(i+1))).done(t)
		a.command("device", "add", all[0].id, "--name", all[0].name,
			"--address", fmt.Sprintf("tcp://%s:22100", cables.address(0))).done(t)
		share(all[0], a)
	}
	w := &swarming{t, all[0], all[1:], mbit}
	least := many
	if many > circle.AllMost {
		least = circle.Enough // of many members a device keeps links with some
	}
	for _, a := range all {
		a.eventually(2*time.Minute, "it is connected to the others", func() error { return a.meets(least) })
	}
	return w
}

// oneNetMax is how many devices are put on one network. The kernel remembers 1,024
// neighbours in all namespaces together, and every device has to know all others there.
const oneNetMax = 30

// cables join the computers of a swarm: on one network, or, when they are too many for one,
// each on a network of its own behind a router.
type cables struct {
	t   *testing.T
	lan *lantest.Bridge // nil when each has its own
}

func newCables(t *testing.T, many int) *cables {
	t.Helper()
	if many < oneNetMax {
		return &cables{t, lantest.NewBridge(t, "lan")}
	}
	lantest.Setup(t, "ip", "link", "set", "lo", "up")
	lantest.Setup(t, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
	return &cables{t: t}
}

// address is where the computer of a number is.
func (c *cables) address(i int) string {
	if c.lan != nil {
		return fmt.Sprintf("10.9.0.%d", i+1)
	}
	return fmt.Sprintf("10.9.%d.2", i)
}

// plug joins a computer, and returns the name of the far end of its cable.
func (c *cables) plug(on *lantest.Computer, i int) string {
	if c.lan != nil {
		c.lan.Plug(on, "eth0", c.address(i)+"/24")
		return fmt.Sprintf("lan-%d", i+1)
	}
	name, router := fmt.Sprintf("lan%d", i), fmt.Sprintf("10.9.%d.1", i)
	own := lantest.NewBridge(c.t, name)
	lantest.Setup(c.t, "ip", "addr", "add", router+"/24", "dev", name)
	own.Plug(on, "eth0", c.address(i)+"/24")
	on.Run("ip", "route", "add", "default", "via", router)
	return name + "-1"
}

// meets reports whether a device is connected to so many members of the shared folder.
func (a *agent) meets(many int) error {
	view, err := a.tryStatus()
	if err != nil {
		return err
	}
	n := 0
	for _, f := range view.Folders {
		for _, m := range f.Members {
			if m.Connected {
				n++
			}
		}
	}
	if n < many {
		return fmt.Errorf("%d of %d are connected", n, many)
	}
	return nil
}

// once is how long a device needs to send so many bytes.
func (w *swarming) once(size int64) time.Duration {
	return time.Duration(float64(size) / (float64(w.mbit) * 125_000) * float64(time.Second))
}

// arrivals is when each device had everything, and what it took.
type arrivals struct {
	each   []time.Duration // in order of time
	copies float64         // that the source sent
	cpu    float64         // seconds of processor of all agents
	busy   float64         // processors in use meanwhile, by whomever
}

func (g arrivals) at(part float64) time.Duration {
	return g.each[min(len(g.each)-1, int(part*float64(len(g.each))))]
}

// watch waits until each device has what the source was just given.
func (w *swarming) watch(size int64, has func(a *agent) bool) (got arrivals) {
	w.t.Helper()
	begun, sent, idle := time.Now(), bytesOut(w.t, w.source), idleSeconds(w.t)
	before := w.cpuSeconds()
	waiting := slices.Clone(w.others)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for limit := 30*time.Second + 12*w.once(size); len(waiting) > 0; <-ticker.C {
		passed := time.Since(begun)
		waiting = slices.DeleteFunc(waiting, func(a *agent) bool {
			if !has(a) {
				return false
			}
			got.each = append(got.each, passed)
			return true
		})
		if passed > limit {
			w.t.Fatalf("%d of %d have it after %v; %s lacks it", len(got.each), len(w.others), passed, waiting[0].name)
		}
	}
	got.cpu = w.cpuSeconds() - before
	got.busy = float64(processors) - (idleSeconds(w.t)-idle)/time.Since(begun).Seconds()
	got.copies = float64(bytesOut(w.t, w.source)-sent) / float64(size)
	return got
}

// say logs how long it took, over the shortest time that it can take.
func (g arrivals) say(t *testing.T, what string, bound time.Duration) {
	t.Helper()
	over := func(d time.Duration) float64 { return d.Seconds() / bound.Seconds() }
	t.Logf("%s: half have it after %.2f, 99 %% after %.2f, the last after %.2f times the bound of %v; "+
		"the source sent %.2f copies; %.1f s of processor in %.1f s, %.2f processors busy in all",
		what, over(g.at(0.5)), over(g.at(0.99)), over(g.at(1)), bound.Round(10*time.Millisecond),
		g.copies, g.cpu, g.at(1).Seconds(), g.busy)
}

// TestSwarm: one device gives a file to all others, each on a link of its own that is
// limited both ways. Everybody has it soon after one copy could have been sent, for they
// give it to each other. SHOAL_SWARM_DEVICES, _MIB and _MBIT make it larger.
func TestSwarm(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	many, mib, mbit := number(t, "SHOAL_SWARM_DEVICES", 8), number(t, "SHOAL_SWARM_MIB", 8), number(t, "SHOAL_SWARM_MBIT", 20)
	w := newSwarm(t, many, mbit)
	aside := filepath.Join(filepath.Dir(w.source.root), "film")
	want := film(t, aside, mib)
	must(t, os.Rename(aside, w.source.at("film")))
	owed := debt(t, append([]*agent{w.source}, w.others...)...)
	got := w.watch(int64(mib)<<20, func(a *agent) bool { return a.exists("film") })
	late := owed()
	for _, a := range w.others {
		content, err := os.ReadFile(a.at("film"))
		must(t, err)
		if sha256.Sum256(content) != want {
			t.Errorf("%s has another film", a.name)
		}
	}
	// The shortest time for equal uplinks, with pieces of 256 KiB (see internal/swarmsim).
	bound := time.Duration(float64(w.once(int64(mib)<<20)) * (1 + float64(bits.Len(uint(many))-1)/float64(4*mib)))
	got.say(t, fmt.Sprintf("%d devices, %d MiB, %d Mbit/s", many, mib, mbit), bound)
	// One after the other would take 8 times as long, all from the source as many copies.
	if limit := 3 * bound; got.at(1) > limit+late || got.copies > 3 {
		t.Errorf("want at most %v, the %v that the machine owes, and 3 copies", limit, late)
	}
	w.shown(t)
}

// shown lets another film come so slowly that there is time to look who sends it.
func (w *swarming) shown(t *testing.T) {
	t.Helper()
	w.source.command("config", "set", "limit_lan", "on").done(t)
	w.source.command("config", "set", "limit_up", "300KB/s").done(t)
	w.source.drop("another", 64<<20)
	w.others[0].eventually(patience, "it shows who sends the film while it comes", func() error {
		if !w.others[0].showsSwarm("another") {
			return errors.New("it does not")
		}
		return nil
	})
}

// TestSwarmOfSmallFiles: one device gives many small files to all others.
// SHOAL_SWARM_DEVICES, _FILES and _MBIT make it larger.
func TestSwarmOfSmallFiles(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	many, files, mbit := number(t, "SHOAL_SWARM_DEVICES", 4), number(t, "SHOAL_SWARM_FILES", 1000), number(t, "SHOAL_SWARM_MBIT", 20)
	w := newSwarm(t, many, mbit)
	const perDir = 100
	dirs := files / perDir
	aside := filepath.Join(filepath.Dir(w.source.root), "many")
	size := manyFiles(t, aside, dirs, perDir)
	must(t, os.Rename(aside, w.source.at("many")))
	done := map[*agent]int{} // directories that are whole
	got := w.watch(size, func(a *agent) bool {
		for done[a] < dirs {
			in, err := os.ReadDir(a.at(fmt.Sprintf("many/%d", done[a])))
			if err != nil || len(in) < perDir {
				return false
			}
			done[a]++
		}
		return true
	})
	equal(w.source, w.others...)
	got.say(t, fmt.Sprintf("%d devices, %d files, %.1f MiB, %d Mbit/s", many, dirs*perDir, float64(size)/(1<<20), mbit), w.once(size))
	if got.copies > 2.5 { // alone it would send one to each
		t.Errorf("the source sent %.2f copies, want about one", got.copies)
	}
}

// manyFiles writes files of 1 to 16 KiB and returns how many bytes they have.
func manyFiles(t *testing.T, in string, dirs, perDir int) (size int64) {
	t.Helper()
	chance := rand.NewChaCha8([32]byte{2})
	for d := range dirs {
		dir := filepath.Join(in, strconv.Itoa(d))
		must(t, os.MkdirAll(dir, 0o755))
		for f := range perDir {
			content := make([]byte, 1<<10+chance.Uint64()%(15<<10))
			_, err := chance.Read(content)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(f)), content, 0o644))
			size += int64(len(content))
		}
	}
	return size
}

// slow limits what a computer sends and gets: a bucket at both ends of its cable. Where
// the system lets us, flows give way when packets are lost: eight flows of BBR through one
// bucket lose a tenth of what they send, whatever program sends it.
func slow(t *testing.T, on *lantest.Computer, far string, mbit int) {
	t.Helper()
	_ = on.Command("sysctl", "-w", "net.ipv4.tcp_congestion_control=reno").Run()
	rate := fmt.Sprintf("%dmbit", mbit)
	on.Run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "32kb", "latency", "50ms")
	lantest.Setup(t, "tc", "qdisc", "add", "dev", far, "root", "tbf", "rate", rate, "burst", "32kb", "latency", "50ms")
}

// film writes a file of bytes that nobody can guess, and returns their hash.
func film(t *testing.T, path string, mib int) [32]byte {
	t.Helper()
	content := make([]byte, mib<<20)
	chance := rand.NewChaCha8([32]byte{1})
	_, err := chance.Read(content)
	must(t, err)
	must(t, os.WriteFile(path, content, 0o644))
	return sha256.Sum256(content)
}

func bytesOut(t *testing.T, a *agent) (n int64) {
	t.Helper()
	view, err := a.tryStatus()
	must(t, err)
	for _, d := range view.Devices {
		n += int64(d.BytesOut)
	}
	return n
}

// showsSwarm asks an agent who sends it what, and reports whether it told of an item that is
// half here.
func (a *agent) showsSwarm(name string) bool {
	var told struct {
		Peers []struct{ Name string }
		Items []struct {
			Name         string
			Have, Pieces int
			Map          []int
		}
	}
	said := a.command("swarm", "--json", shared)
	if json.Unmarshal(said.out, &told) != nil {
		return false
	}
	for _, i := range told.Items {
		if i.Name == name && i.Have > 0 && i.Have < i.Pieces && len(i.Map) > 0 && len(told.Peers) > 0 {
			return true
		}
	}
	return false
}
