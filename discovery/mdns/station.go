package mdns

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/mdns"
)

// interfacesMax is how many interfaces are used at once: a computer has a few, one that
// runs containers may have hundreds.
const interfacesMax = 16

// place is one network interface as it was when last looked at.
type place struct {
	iface  net.Interface
	addrs  []netip.Addr
	v4, v6 bool
}

// places lists the interfaces that multicast can be used on. Ends of tunnels are left out:
// there is no LAN behind them.
func places() ([]place, error) {
	ifaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	const wanted, unwanted = net.FlagUp | net.FlagMulticast, net.FlagLoopback | net.FlagPointToPoint
	var out []place
	for _, iface := range ifaces {
		if iface.Flags&wanted != wanted || iface.Flags&unwanted != 0 {
			continue
		}
		addrs, err := iface.Addrs()
		if err != nil {
			continue // it has just gone
		}
		p := place{iface: iface}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				p.addrs = append(p.addrs, prefix.Addr())
				p.v4 = p.v4 || prefix.Addr().Is4()
				p.v6 = p.v6 || prefix.Addr().Is6()
			}
		}
		if p.v4 || p.v6 {
			out = append(out, p)
		}
	}
	// The ends of containers' networks have IPv6 addresses only; they come last.
	slices.SortStableFunc(out, func(a, b place) int {
		switch {
		case a.v4 == b.v4:
			return cmp.Compare(a.iface.Index, b.iface.Index)
		case a.v4:
			return -1
		default:
			return 1
		}
	})
	return out[:min(len(out), interfacesMax)], nil
}

// same reports whether what was opened for one place serves the other.
func (p place) same(o place) bool {
	return p.iface.Index == o.iface.Index && p.iface.Name == o.iface.Name &&
		p.iface.Flags == o.iface.Flags && slices.Equal(p.addrs, o.addrs)
}

// station is what we have open on one interface.
type station struct {
	place  place
	server *mdns.Server
	mute   bool // we should answer here, and cannot
	askers []*asker
	rounds int // questions asked since it opened, or since it was last told to hurry
	next   time.Time
}

// open begins to answer and makes ready to ask on one interface. It opens what can be
// opened; the error says what could not.
func (f *Finder) open(p place) (*station, error) {
	s := &station{place: p}
	var failed []error
	for _, family := range []byte{'4', '6'} {
		if family == '4' && !p.v4 || family == '6' && !p.v6 {
			continue
		}
		a, err := newAsker(f, p.iface, family)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		s.askers = append(s.askers, a)
	}
	if f.opts.Port != 0 && (!f.opts.Only.IsValid() || slices.Contains(p.addrs, f.opts.Only)) {
		var err error
		s.server, err = mdns.NewServer(&mdns.Config{
			Zone: &f.answerer, Iface: &p.iface, Logger: log.New(io.Discard, "", 0),
		})
		if s.mute = err != nil; s.mute {
			failed = append(failed, fmt.Errorf("answer on %s: %w", p.iface.Name, err))
		}
	}
	return s, errors.Join(failed...)
}

// ask asks in every family of the interface and reports whether a question went out.
func (s *station) ask(want byte, own tag) (sent bool, err error) {
	for _, a := range s.askers {
		failed := a.ask(want, own)
		sent = sent || failed == nil
		err = errors.Join(err, failed)
	}
	return sent, err
}

func (s *station) close() error {
	var err error
	if s.server != nil {
		err = s.server.Shutdown()
	}
	for _, a := range s.askers {
		err = errors.Join(err, a.close())
	}
	return err
}
