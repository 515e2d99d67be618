package webrtc

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/natlab"
)

// once starts two peers, lets the first call the second, and wants a link of a kind.
func once(t *testing.T, at [2]*natlab.Computer, want string) *peers {
	t.Helper()
	p := startPeers(t, at, help)
	kind, took := p.dial(t)
	t.Logf("%s in %v", kind, took)
	if kind != want {
		t.Errorf("%s, want %s", kind, want)
	}
	return p
}

// A carrier's router in front of one's own changes nothing, as long as both keep one port
// for all; one of them that does not is enough to need a relay.
func TestLabTwoRoutersInARow(t *testing.T) {
	t.Parallel()
	behindCarrier(t, "punched", natlab.Symmetric, "relayed", func(lab *natlab.Lab, _ *natlab.Home) *natlab.Computer {
		return lab.NewHome(natlab.Port).Host()
	})
}

// Two homes of one carrier know each other only by the carrier's address, and not every
// carrier turns back what is sent to that from inside.
func TestLabHairpin(t *testing.T) {
	t.Parallel()
	behindCarrier(t, "relayed", natlab.Hairpin, "punched", func(_ *natlab.Lab, carrier *natlab.Home) *natlab.Computer {
		return carrier.Behind(natlab.Port).Host()
	})
}

// behindCarrier wants a kind of link from a home of a carrier to another place, and another
// kind once the carrier's router has become another one.
func behindCarrier(t *testing.T, want string, becomes natlab.Kind, then string,
	other func(*natlab.Lab, *natlab.Home) *natlab.Computer) {
	t.Helper()
	if !natlab.Inside(t) {
		return
	}
	lab := natlab.New(t)
	lab.Server(1)
	carrier := lab.NewHome(natlab.Port)
	at := [2]*natlab.Computer{carrier.Behind(natlab.Port).Host(), other(lab, carrier)}
	once(t, at, want)
	carrier.Become(becomes)
	once(t, at, then)
}
