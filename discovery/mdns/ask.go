package mdns

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	mdnsPort = 5353
	// packetMax is far above one answer, which has about 250 bytes.
	packetMax = 4096
	// heardMax bounds the answers that are looked at for one question: more come only from
	// somebody who wants to keep us busy.
	heardMax = 1000
	// perDeviceMax bounds the addresses taken for one device per question. A device
	// answers from one address; others can only be claimed to be its own.
	perDeviceMax = 2
	// readPause keeps a socket that cannot be read from keeping a processor busy.
	readPause = 100 * time.Millisecond
)

var (
	group4 = netip.MustParseAddr("224.0.0.251")
	group6 = netip.MustParseAddr("ff02::fb")
)

// asker asks on one interface in one family, through one socket that lives as long as it
// does. What is heard on that socket are answers: they come back to whoever asked.
type asker struct {
	finder *Finder
	family byte
	group  *net.UDPAddr
	conn   *net.UDPConn
	ended  chan struct{} // closed when the reader has ended
	closed chan struct{}

	mu    sync.Mutex
	asked [4]string // names of the newest questions
	heard int
	from  map[ident.DeviceID]int
}

func newAsker(f *Finder, iface net.Interface, family byte) (*asker, error) {
	a := &asker{finder: f, family: family, ended: make(chan struct{}), closed: make(chan struct{})}
	conn, err := net.ListenUDP("udp"+string(family), &net.UDPAddr{})
	if err != nil {
		return nil, err
	}
	// RFC 6762, section 11: 255 hops, so that a receiver can tell a packet of its own link.
	if family == '4' {
		a.group = &net.UDPAddr{IP: group4.AsSlice(), Port: mdnsPort}
		p := ipv4.NewPacketConn(conn)
		err = errors.Join(p.SetMulticastInterface(&iface), p.SetMulticastTTL(255))
	} else {
		a.group = &net.UDPAddr{IP: group6.AsSlice(), Port: mdnsPort}
		p := ipv6.NewPacketConn(conn)
		err = errors.Join(p.SetMulticastInterface(&iface), p.SetMulticastHopLimit(255))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask on %s: %w", iface.Name, err), conn.Close())
	}
	a.conn = conn
	go a.read()
	return a, nil
}

// ask sends one question.
func (a *asker) ask(want byte, own tag) error {
	var chance [6]byte
	rand.Read(chance[:]) // never fails: crypto/rand ends the program instead
	q := question{want: want, family: a.family, nonce: binary.BigEndian.Uint32(chance[:]), asker: own}
	var m dns.Msg
	m.Id = binary.BigEndian.Uint16(chance[4:])
	m.Question = []dns.Question{{Name: q.name(), Qtype: dns.TypePTR, Qclass: dns.ClassINET}}
	packet, err := m.Pack()
	if err != nil {
		return err
	}
	a.mu.Lock()
	copy(a.asked[1:], a.asked[:])
	a.asked[0] = q.name()
	a.heard, a.from = 0, map[ident.DeviceID]int{}
	a.mu.Unlock()
	_, err = a.conn.WriteToUDP(packet, a.group)
	return err
}

func (a *asker) read() {
	defer close(a.ended)
	packet := make([]byte, packetMax)
	for {
		n, from, err := a.conn.ReadFromUDPAddrPort(packet)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Windows reports what became of earlier packets here; nothing follows from it.
			select {
			case <-time.After(readPause):
			case <-a.closed:
				return
			}
		default:
			a.hear(packet[:n], from)
		}
	}
}

// hear passes on where a linked device is, when the packet is its answer to our question.
func (a *asker) hear(packet []byte, from netip.AddrPort) {
	a.mu.Lock()
	a.heard++
	enough := a.heard > heardMax
	a.mu.Unlock()
	ip := from.Addr().Unmap()
	if enough || !ip.IsValid() || ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() {
		return
	}
	asked, c, ok := parseAnswer(packet)
	if !ok {
		return
	}
	at := netip.AddrPortFrom(ip, c.port)
	page := a.finder.register.at(time.Now())
	device, known := page.device[c.tag]
	switch {
	case known && a.expects(asked, device):
		a.finder.note(false, time.Now())
		a.finder.opts.Heard(device, at, believed)
	case page.isOwn(c.tag):
		return
	}
	q, _ := parseQuestion(asked)
	if found := a.finder.opts.Found; q.want == linking && found != nil && a.wasAsked(asked) {
		a.finder.note(false, time.Now())
		found(Neighbour{Device: c.device, Name: c.name, Slot: c.slot, At: at})
	}
}

// expects reports whether the question was asked, and the device may still answer it.
func (a *asker) expects(asked string, device ident.DeviceID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.wasAskedLocked(asked) || a.from[device] >= perDeviceMax {
		return false
	}
	a.from[device]++
	return true
}

// wasAsked reports whether the question is one of the newest.
func (a *asker) wasAsked(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wasAskedLocked(name)
}

func (a *asker) wasAskedLocked(name string) bool {
	return name != "" && slices.Contains(a.asked[:], name)
}

// close ends the asker; after it nothing more is heard.
func (a *asker) close() error {
	close(a.closed)
	err := a.conn.Close()
	<-a.ended
	return err
}
