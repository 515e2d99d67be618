package portmap

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"time"

	"github.com/huin/goupnp/soap"
)

const (
	leaseSeconds = uint32(lease / time.Second)
	// lookTime is for looking whose the ports are, once one is free. There are routers that
	// take a second for each answer, and askTime is for all of them together.
	lookTime = 1500 * time.Millisecond
	// portsTried are more than the devices of most houses that want the same one.
	portsTried = 6
	// Ports from portsFrom on are nobody's, and below those that systems draw.
	portsFrom  = 20_000
	portsCount = 10_000
	// What a router refuses by: somebody else has the port; it gives ports for ever only
	// (WANIPConnection:1, section 2.4.16).
	faultTaken   = 718
	faultForEver = 725
)

// gateway is what UPnP routers of every kind can do.
type gateway interface {
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	AddPortMappingCtx(ctx context.Context, host string, outer uint16, protocol string, inner uint16,
		client string, enabled bool, description string, seconds uint32) error
	DeletePortMappingCtx(ctx context.Context, host string, outer uint16, protocol string) error
	GetSpecificPortMappingEntryCtx(ctx context.Context, host string, outer uint16, protocol string) (inner uint16,
		client string, enabled bool, description string, seconds uint32, err error)
}

func askUPnP(ctx context.Context, port uint16) (Granted, error) {
	found, err := search(ctx)
	if len(found) == 0 && err == nil {
		err = errors.New("no router speaks it")
	}
	for _, s := range found {
		var got Granted
		if got, err = s.ask(ctx, port); err == nil {
			return got, nil
		}
	}
	return Granted{}, fmt.Errorf("UPnP: %w", err)
}

// ask asks one device for a port, in each way that it knows.
func (s sighting) ask(ctx context.Context, port uint16) (got Granted, err error) {
	ways, err := s.describe(ctx)
	for _, g := range ways {
		if got, err = askGateway(ctx, g, s.from, port); err == nil {
			return got, nil
		}
	}
	return Granted{}, err
}

// askGateway asks one router for the port of the same number, or for another one when that
// is somebody else's: a second device of this network, as a rule.
func askGateway(ctx context.Context, g gateway, at netip.Addr, port uint16) (Granted, error) {
	own, err := ownAddr(ctx, netip.AddrPortFrom(at, routerPort))
	if err != nil {
		return Granted{}, err
	}
	text, err := g.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return Granted{}, err
	}
	outside, err := netip.ParseAddr(text)
	if err != nil {
		return Granted{}, err
	}
	self := netip.AddrPortFrom(own, port)
	outer, err := openPort(ctx, g, self)
	if err != nil {
		return Granted{}, err
	}
	got, err := granted(outside, outer, leaseSeconds, func(ctx context.Context) error {
		return g.DeletePortMappingCtx(ctx, "", outer, "TCP")
	})
	got.By = "UPnP"
	if err != nil { // of no use to anybody
		err = errors.Join(err, g.DeletePortMappingCtx(ctx, "", outer, "TCP"))
	}
	return got, err
}

// openPort opens the first port that is not somebody else's, or anew that which is ours
// already, and returns it.
func openPort(ctx context.Context, g gateway, self netip.AddrPort) (uint16, error) {
	free := make([]uint16, 0, portsTried)
	begun := time.Now()
	for _, outer := range outerPorts(self) {
		if len(free) > 0 && time.Since(begun) > lookTime {
			break
		}
		// Some routers give a port to whoever asked last, and so take it from somebody.
		inner, client, _, _, _, err := g.GetSpecificPortMappingEntryCtx(ctx, "", outer, "TCP")
		switch {
		case err == nil && client == self.Addr().String() && inner == self.Port():
			return outer, addMapping(ctx, g, self, outer)
		case err != nil || client == "":
			free = append(free, outer) // it says that there is no such entry, or cannot say
		}
	}
	err := errors.New("the router has given every port that was asked for to others")
	for _, outer := range free {
		if err = addMapping(ctx, g, self, outer); err == nil || fault(err) != faultTaken {
			return outer, err
		}
	}
	return 0, err
}

// addMapping asks for one port, for ever where a router knows nothing else. It is then
// given back at the end, and found again by a program that was killed.
func addMapping(ctx context.Context, g gateway, self netip.AddrPort, outer uint16) error {
	add := func(seconds uint32) error {
		return g.AddPortMappingCtx(ctx, "", outer, "TCP", self.Port(), self.Addr().String(), true, "shoal", seconds)
	}
	err := add(leaseSeconds)
	if fault(err) == faultForEver {
		err = add(0)
	}
	return err
}

// outerPorts are the ports that a device asks for, in this order and always the same.
func outerPorts(self netip.AddrPort) (out [portsTried]uint16) {
	out[0] = self.Port()
	for i := 1; i < len(out); i++ {
		sum := fnv.New32a()
		fmt.Fprint(sum, self, i)
		out[i] = portsFrom + uint16(sum.Sum32()%portsCount)
	}
	return out
}

// fault is the number of an error by which a router refused, 0 for others.
func fault(err error) int {
	var refused *soap.SOAPFaultError
	if errors.As(err, &refused) {
		return refused.Detail.UPnPError.Errorcode
	}
	return 0
}
