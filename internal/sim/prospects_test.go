package sim

import (
	"testing"
	"time"
)

// TestProspects: while files are read, which takes long there, others fetch what they are
// told of them, and go on with it when it proves right. Whatever people, cuts and crashes do
// meanwhile, nothing is lost or invented, and all are equal in the end.
func TestProspects(t *testing.T) {
	for seed := range uint64(2) {
		o := Named("prospects", seed)
		o.Busy, o.Rounds = 20*time.Second, 1
		live(t, o)
	}
}

// TestProspectsBringContent: most of a file is there when it is known what it is.
func TestProspectsBringContent(t *testing.T) {
	o := Calm(3)
	o.Prospects, o.Nodes, o.Files, o.Rounds, o.Busy = true, 3, 0, 1, 0
	o.Reading = 16 << 20
	w := newWorld(o)
	w.furnish()
	for _, d := range w.devices {
		d.uplink = 32 << 20
		d.start()
	}
	w.until(t, time.Minute, func() bool { return w.same(true) })
	large := w.contents.large(200)
	first := w.devices[0]
	first.disk.save("film", large)
	w.until(t, time.Minute, func() bool { return w.same(true) && w.devices[2].disk.at("film") != nil })
	if w.inherited < 40 {
		t.Errorf("two devices went on with %d pieces of 200, staged were %d", w.inherited, w.hoped)
	}
	for _, d := range w.devices {
		for _, p := range d.hopes.staged {
			if p.heir != large.id {
				t.Errorf("%s still keeps a part that nobody wants", d.name)
			}
		}
	}
}
