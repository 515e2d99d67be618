package portmap

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
)

// The search for routers is our own, because the library forgets who gave an answer. Any
// device of the network may answer, and what it names is asked next: if that could be
// anything, it would make this computer send to others what it cannot send to them itself.
// So whoever answers may name itself only.

const (
	// searchTime is how long routers may take to answer, and what they are told of that.
	searchTime = 2 * time.Second
	// searches are how often they are asked: packets get lost.
	searches      = 3
	searchBetween = 100 * time.Millisecond
	// sightingsMax bounds what is heard in one network, placesMax what of one device: there
	// are routers with two. devicesMax are asked.
	sightingsMax = 32
	placesMax    = 2
	devicesMax   = 4
	// describeTime is how long one of them may take to describe itself.
	describeTime = 2 * time.Second
	// ssdpMax is the longest answer; the library takes 2,048 bytes, too.
	ssdpMax = 2048
)

var (
	ssdpGroup = netip.MustParseAddrPort("239.255.255.250:1900")
	// routerKinds are the services that open ports.
	routerKinds = []string{internetgateway2.URN_WANIPConnection_1, internetgateway2.URN_WANIPConnection_2}
)

// sighting is a device that says that it is a router.
type sighting struct {
	from netip.Addr
	at   *url.URL // where it describes itself, on that very device
}

// search asks all networks of this computer for routers. An error says why a device that
// answered is none.
func search(ctx context.Context) ([]sighting, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	own, err := ownNetworks()
	if err != nil {
		return nil, err
	}
	type result struct {
		found []sighting
		err   error
	}
	results := make(chan result)
	for _, addr := range own {
		go func() {
			found, err := searchFrom(ctx, addr)
			results <- result{found, err}
		}()
	}
	var all []sighting
	var errs []error
	for range own {
		r := <-results
		all, errs = append(all, r.found...), append(errs, r.err)
	}
	// Somebody else who answers does not keep us from the router that the system names.
	known := routers()
	slices.SortStableFunc(all, func(a, b sighting) int { return a.rank(known) - b.rank(known) })
	return all[:min(len(all), devicesMax)], errors.Join(errs...)
}

// rank orders whom to ask first.
func (s sighting) rank(routers []netip.AddrPort) int {
	if slices.Contains(routers, netip.AddrPortFrom(s.from, routerPort)) {
		return 0
	}
	return 1
}

// ownNetworks returns this computer's address in each network that has multicast.
func ownNetworks() (out []netip.Addr, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	const want = net.FlagMulticast | net.FlagUp
	for _, i := range all {
		if i.Flags&want != want || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
				out = append(out, p.Addr())
			}
		}
	}
	return out, nil
}

// searchFrom asks one network, and listens until the context ends.
func searchFrom(ctx context.Context, own netip.Addr) (found []sighting, err error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(own, 0)))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	asked := make(chan error, 1)
	go func() { asked <- askNetwork(ctx, conn) }()
	packet := make([]byte, ssdpMax)
	for {
		n, from, readErr := conn.ReadFromUDPAddrPort(packet)
		if readErr != nil {
			break // the time is over
		}
		s, sightErr := sight(packet[:n], from.Addr().Unmap())
		if sightErr != nil {
			err = sightErr
			continue
		}
		places := 0
		for _, o := range found {
			if o.at.String() == s.at.String() {
				places = placesMax // it is known
			} else if o.from == s.from {
				places++
			}
		}
		if places < placesMax && len(found) < sightingsMax {
			found = append(found, s)
		}
	}
	conn.Close()
	return found, errors.Join(err, <-asked)
}

func askNetwork(ctx context.Context, conn *net.UDPConn) error {
	for range searches {
		for _, kind := range routerKinds {
			question := fmt.Sprintf("M-SEARCH * HTTP/1.1\r\nHOST: %s\r\nMAN: \"ssdp:discover\"\r\nMX: %d\r\nST: %s\r\n\r\n",
				ssdpGroup, searchTime/time.Second-1, kind)
			if _, err := conn.WriteToUDPAddrPort([]byte(question), ssdpGroup); err != nil {
				if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
					return nil // enough has answered
				}
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(searchBetween):
		}
	}
	return nil
}

// sight reads an answer to a search. Who gave it must be of a private network, as routers
// are on their inner side, and must speak for itself.
func sight(answer []byte, from netip.Addr) (sighting, error) {
	said, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		return sighting{}, fmt.Errorf("the answer of %s cannot be read: %w", from, err)
	}
	_ = said.Body.Close() // it is in memory
	if !from.IsPrivate() && !from.IsLinkLocalUnicast() {
		return sighting{}, fmt.Errorf("%s answered, which is no address of a private network", from)
	}
	if said.StatusCode != http.StatusOK || !slices.Contains(routerKinds, said.Header.Get("ST")) {
		return sighting{}, fmt.Errorf("%s answered, and is no router", from)
	}
	at, err := url.Parse(said.Header.Get("Location"))
	if err == nil {
		err = itself(from, at)
	}
	return sighting{from, at}, err
}

// itself fails unless a URL leads to the device that named it.
func itself(from netip.Addr, at *url.URL) error {
	host, err := netip.ParseAddr(at.Hostname())
	if at.Scheme != "http" || at.User != nil || err != nil || host.Unmap() != from {
		return fmt.Errorf("the device at %s does not name itself as what to speak to, but %q", from, at.Redacted())
	}
	return nil
}

// describe asks a device what it can do, and returns that of it which opens ports.
func (s sighting) describe(ctx context.Context) (out []gateway, err error) {
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	web := speakTo(s.from)
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, s.at.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := web.Do(ask)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() // it was read, or there is no need to
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the router answered %q", answer.Status)
	}
	root := new(goupnp.RootDevice)
	text := xml.NewDecoder(answer.Body)
	text.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := text.Decode(root); err != nil {
		return nil, fmt.Errorf("the router's description cannot be read: %w", err)
	}
	base := s.at
	if root.URLBaseStr != "" {
		if base, err = url.Parse(root.URLBaseStr); err != nil {
			return nil, fmt.Errorf("the router's description cannot be read: %w", err)
		}
	}
	root.SetURLBase(base)
	// The library fails when there is none of a kind.
	one, oneErr := internetgateway2.NewWANIPConnection1ClientsFromRootDevice(root, s.at)
	for _, c := range one {
		c.SOAPClient.HTTPClient = web
		out = append(out, c)
	}
	two, twoErr := internetgateway2.NewWANIPConnection2ClientsFromRootDevice(root, s.at)
	for _, c := range two {
		c.SOAPClient.HTTPClient = web
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.Join(oneErr, twoErr)
	}
	return out, nil
}
