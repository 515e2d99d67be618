package rendezvous

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	realm = "shoal"
	// turnLasts is how long a device may open relays after it was told how, and turnAnew
	// when it is told anew: links that need a relay again find fresh words at hand.
	turnLasts = time.Hour
	turnAnew  = turnLasts / 3
	// relaysOfOne relays of one device: a few links, each tried by UDP and by TCP, and
	// those of an earlier run that are not over yet.
	relaysOfOne = 32
	// relayTime is when a relay whose device vanished is over; living ones are refreshed.
	relayTime = 5 * time.Minute
)

var (
	errRelayed  = errors.New("this server relays packets only")
	errTooMany  = errors.New("this device has too many relays")
	errNoTarget = errors.New("nothing is relayed to that address")
)

// startTurn serves STUN and TURN on UDP, and TURN on the TCP connections that front finds.
func (s *Server) startTurn(udp net.PacketConn) error {
	s.relays = &relays{server: s, ports: map[uint16]bool{}, users: map[string]int{}}
	allowed := func(_ net.Addr, peer net.IP) bool {
		ip, ok := netip.AddrFromSlice(peer)
		return ok && mayRelay(ip.Unmap(), s.opts.Public)
	}
	var err error
	s.turn, err = turn.NewServer(turn.ServerConfig{
		Realm: realm, AuthHandler: s.knows, AllocationLifetime: relayTime, LoggerFactory: quiet{},
		PacketConnConfigs: []turn.PacketConnConfig{
			{PacketConn: udp, RelayAddressGenerator: s.relays, PermissionHandler: allowed},
		},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: s.front.turn, RelayAddressGenerator: s.relays, PermissionHandler: allowed},
		},
	})
	if err != nil {
		return errors.Join(err, udp.Close())
	}
	return nil
}

// quiet drops what the library logs: anybody can make it log anything.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("turn", logging.LogLevelDisabled, discard{})
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// mayRelay reports whether a relay may send to an address. A public server sends to public
// ones only, so that nobody reaches what is behind it; one in a private network serves that.
func mayRelay(to, public netip.Addr) bool {
	switch {
	case !to.IsValid(), to.IsUnspecified(), to.IsLoopback() && !public.IsLoopback(), to.IsMulticast(),
		to.IsLinkLocalUnicast(), to == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case isPrivate(public):
		return true
	}
	return !isPrivate(to)
}

// carrierGrade is the shared space of providers (RFC 6598).
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

func isPrivate(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || carrierGrade.Contains(ip)
}

// equip adds what a device needs for STUN and TURN to what it is told.
func (s *Server) equip(d *desk, m post.Message) post.Message {
	switch {
	case m.Kind == post.Registered:
		d.device = m.Device
	case m.Kind != post.Alive || time.Since(d.given) < turnAnew:
		return m
	}
	d.given = time.Now()
	until := strconv.FormatInt(d.given.Add(turnLasts).Unix(), 10)
	user := until + ":" + hex.EncodeToString(d.device[:])
	host := d.host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = s.place.Host // the caller left the port out, or something worse
	}
	m.Turn = &post.Turn{
		URLs: []string{
			"stun:" + host, "turn:" + host + "?transport=udp", "turn:" + host + "?transport=tcp",
		},
		Username: user, Password: s.password(user), Lasts: int(turnLasts.Seconds()),
	}
	return m
}

// password belongs to a user name, as the usual way of short-lived words for TURN has it.
func (s *Server) password(user string) string {
	mac := hmac.New(sha1.New, s.secret)
	mac.Write([]byte(user))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// knows reports whether a user name is one that this server gave, and not over.
func (s *Server) knows(ra *turn.RequestAttributes) (string, []byte, bool) {
	until, device, ok := strings.Cut(ra.Username, ":")
	at, err := strconv.ParseInt(until, 10, 64)
	if !ok || err != nil || time.Now().Unix() > at || len(device) != 2*len(ident.DeviceID{}) {
		return "", nil, false
	}
	return device, turn.GenerateAuthKey(ra.Username, ra.Realm, s.password(ra.Username)), true
}

// relays opens the sockets that relay.
type relays struct {
	server *Server

	mu    sync.Mutex
	ports map[uint16]bool // of living relays
	users map[string]int
}

// Validate implements turn.RelayAddressGenerator.
func (*relays) Validate() error { return nil }

// AllocatePacketConn implements turn.RelayAddressGenerator.
func (r *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	public := r.server.opts.Public
	if public.Is4() != (c.Network == "udp4") {
		return nil, nil, errNoTarget
	}
	raw, err := hex.DecodeString(c.UserID)
	if err != nil || len(raw) != len(ident.DeviceID{}) {
		return nil, nil, errNoTarget
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users[c.UserID] >= relaysOfOne {
		return nil, nil, errTooMany
	}
	conn, err := net.ListenPacket(c.Network, net.JoinHostPort(public.String(), strconv.Itoa(c.RequestedPort)))
	if err != nil { // the public address is that of a router before this computer
		conn, err = net.ListenPacket(c.Network, net.JoinHostPort("", strconv.Itoa(c.RequestedPort)))
	}
	if err != nil {
		return nil, nil, err
	}
	port := uint16(conn.LocalAddr().(*net.UDPAddr).Port)
	r.ports[port] = true
	r.users[c.UserID]++
	out := &relay{PacketConn: conn, relays: r, user: c.UserID, device: ident.DeviceID(raw), port: port}
	out.share = r.server.shareOf(out.device)
	return out, net.UDPAddrFromAddrPort(netip.AddrPortFrom(public, port)), nil
}

// AllocateListener implements turn.RelayAddressGenerator.
func (*relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errRelayed
}

// AllocateConn implements turn.RelayAddressGenerator.
func (*relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errRelayed }

// lives reports whether a port of this server is a relay's.
func (r *relays) lives(port uint16) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ports[port]
}

func (r *relays) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ports)
}

// relay is one device's relayed address.
type relay struct {
	net.PacketConn
	relays *relays
	user   string
	device ident.DeviceID
	port   uint16
	share  *share
	once   sync.Once
}

// WriteTo sends a packet, unless the device has used up its share, or means something of
// this server that is no relay.
func (r *relay) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errNoTarget
	}
	at := udp.AddrPort()
	if at.Addr().Unmap() == r.relays.server.opts.Public && !r.relays.lives(at.Port()) {
		return len(b), nil // as if the network had lost it
	}
	if !r.relays.server.passes(r.share, len(b)) {
		return len(b), nil // what is too fast is lost, as on any slow line
	}
	return r.PacketConn.WriteTo(b, to)
}

// ReadFrom takes the next packet that the device's share lets through.
func (r *relay) ReadFrom(into []byte) (int, net.Addr, error) {
	for {
		n, from, err := r.PacketConn.ReadFrom(into)
		if err != nil || r.relays.server.passes(r.share, n) {
			return n, from, err
		}
	}
}

// Close ends the relay.
func (r *relay) Close() error {
	r.once.Do(func() {
		r.relays.mu.Lock()
		delete(r.relays.ports, r.port)
		if r.relays.users[r.user]--; r.relays.users[r.user] == 0 {
			delete(r.relays.users, r.user)
		}
		r.relays.mu.Unlock()
		r.relays.server.shareDone(r.device)
	})
	return r.PacketConn.Close()
}
