//go:build unix

package e2e

import (
	"os"
	"testing"
)

// TestThroughTheMiddle links anna with bert and bert with carl, and nobody else.
func TestThroughTheMiddle(t *testing.T) {
	t.Parallel()
	a, b, c := newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")
	startAll(a, b, c)
	keep(a, b, c)
	link(a, b)
	link(b, c)
	share(a, b)
	share(b, c)
	a.put("dir/from anna", "a")
	b.put("dir/from bert", "b")
	c.put("dir/from carl", "c")
	settleAll(a, b, c)
	a.put("dir/from carl", "edited by anna")
	c.move("dir/from bert", "moved by carl")
	b.remove("dir/from anna")
	settleAll(a, b, c)
	if a.exists("dir/from anna") || !a.exists("moved by carl") || c.read("dir/from carl") != "edited by anna" {
		t.Errorf("anna sees %q", picture(t, a.root).names())
	}

	// A large file is passed on before it is whole in the middle. Anna sends it slowly, so
	// that not the machine decides who comes first.
	const size = 60 << 20
	a.command("config", "set", "limit_lan", "on").done(t)
	a.command("config", "set", "limit_up", "12MB/s").done(t)
	a.drop("large", size)
	b.eventually(patience, "bert has the large file", func() error {
		_, err := os.Stat(b.at("large"))
		return err
	})
	if got := c.traffic(b); got < size/5 {
		t.Errorf("carl had %d MiB of the large file when bert had all of it", got>>20)
	}
	settleAll(a, b, c)
	for _, d := range c.status().Devices {
		if d.ID.String() == a.id {
			t.Error("carl knows anna")
		}
	}
}

// TestTwoFetchTogether lets two devices fetch one large file from a third: they get about
// half of it from each other.
func TestTwoFetchTogether(t *testing.T) {
	t.Parallel()
	a, b, c := newAgent(t, "anna"), newAgent(t, "bert"), newAgent(t, "carl")
	startAll(a, b, c)
	keep(a, b, c)
	for _, two := range [][2]*agent{{a, b}, {b, c}, {a, c}} {
		link(two[0], two[1])
		share(two[0], two[1])
	}
	settleAll(a, b, c)
	const size = 64 << 20
	a.drop("large", size)
	settleAll(a, b, c)
	sent := int64(a.device(b).BytesOut + a.device(c).BytesOut)
	between := b.traffic(c) + c.traffic(b)
	t.Logf("anna sent %.2f copies, bert and carl exchanged %.2f", float64(sent)/size, float64(between)/size)
	if between < size/8 {
		t.Errorf("bert and carl exchanged only %d MiB of %d MiB", between>>20, size>>20)
	}
	if all := sent + between; all > 2*size+size/4 {
		t.Errorf("%d MiB travelled for two copies of %d MiB", all>>20, size>>20)
	}
}

// settleAll brings any number of agents to rest. Whoever is in the middle may pass
// something on while the others already agree, so everybody is asked twice.
func settleAll(agents ...*agent) {
	agents[0].t.Helper()
	rescan(agents...)
	for range len(agents) - 1 {
		for _, a := range agents {
			a.command("wait", "--folder", shared, "--timeout", patience.String()).done(a.t)
		}
	}
	equal(agents[0], agents[1:]...)
}
