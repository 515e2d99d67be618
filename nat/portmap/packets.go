package portmap

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	// routerPort is that of PCP and NAT-PMP.
	routerPort = 5351
	// A question is told again after firstWait, then after twice as long each time: RFC
	// 6886 section 3.1, cut short because a router is near.
	firstWait = 250 * time.Millisecond
	asks      = 4
	packetMax = 1100 // RFC 6887 section 7
)

var errNoRouter = errors.New("this computer has no router")

func sorted(askers map[string]asker) []string { return slices.Sorted(maps.Keys(askers)) }

// routers returns who may be this network's router: on Linux who the system sends
// everything to, elsewhere the first address of each private network.
func routers() (out []netip.AddrPort) {
	if table, err := os.Open("/proc/net/route"); err == nil {
		defer table.Close()
		lines := bufio.NewScanner(table)
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) < 3 || fields[1] != "00000000" {
				continue
			}
			if raw, err := hex.DecodeString(fields[2]); err == nil && len(raw) == 4 {
				slices.Reverse(raw) // the kernel writes the number as this computer holds it
				out = append(out, netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw)), routerPort))
			}
		}
		return out
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && p.Addr().IsPrivate() && !p.IsSingleIP() {
			out = append(out, netip.AddrPortFrom(p.Masked().Addr().Next(), routerPort))
		}
	}
	return out
}

func askPCP(ctx context.Context, port uint16) (Granted, error) { return askAll(ctx, port, "PCP", pcp) }

func askPMP(ctx context.Context, port uint16) (Granted, error) {
	return askAll(ctx, port, "NAT-PMP", pmp)
}

func askAll(ctx context.Context, port uint16, by string, ask func(context.Context, netip.AddrPort, uint16) (Granted, error)) (Granted, error) {
	err := errNoRouter
	for _, at := range routers() {
		var granted Granted
		if granted, err = ask(ctx, at, port); err == nil {
			granted.By = by
			return granted, nil
		}
	}
	return Granted{}, fmt.Errorf("%s: %w", by, err)
}

// exchange sends a question until an answer comes that fits.
func exchange(ctx context.Context, at netip.AddrPort, question []byte, fits func([]byte) bool) ([]byte, netip.Addr, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", at.String())
	if err != nil {
		return nil, netip.Addr{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, netip.Addr{}, errNoRouter
	}
	answer := make([]byte, packetMax)
	for i := range asks {
		if _, err = conn.Write(question); err != nil {
			return nil, netip.Addr{}, err
		}
		if err = conn.SetReadDeadline(time.Now().Add(firstWait << i)); err != nil {
			return nil, netip.Addr{}, err
		}
		for {
			var n int
			n, err = conn.Read(answer)
			if err == nil && fits(answer[:n]) {
				return answer[:n], local.AddrPort().Addr().Unmap(), nil
			}
			if err != nil {
				break // nobody there, or too late
			}
		}
	}
	return nil, netip.Addr{}, err
}

// pmp asks by NAT-PMP, RFC 6886 sections 3.2 and 3.3.
func pmp(ctx context.Context, at netip.AddrPort, port uint16) (Granted, error) {
	fits := func(op byte, size int) func([]byte) bool {
		return func(b []byte) bool { return len(b) >= size && b[0] == 0 && b[1] == 128+op }
	}
	where, _, err := exchange(ctx, at, []byte{0, 0}, fits(0, 12))
	if err != nil {
		return Granted{}, err
	}
	if code := binary.BigEndian.Uint16(where[2:]); code != 0 {
		return Granted{}, fmt.Errorf("the router refuses: result %d", code)
	}
	outside := netip.AddrFrom4([4]byte(where[8:12]))
	ask := func(ctx context.Context, outer uint16, seconds uint32) ([]byte, error) {
		q := binary.BigEndian.AppendUint16([]byte{0, 2, 0, 0}, port)
		q = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(q, outer), seconds)
		answer, _, err := exchange(ctx, at, q, fits(2, 16))
		if err == nil {
			if code := binary.BigEndian.Uint16(answer[2:]); code != 0 {
				err = fmt.Errorf("the router refuses: result %d", code)
			}
		}
		return answer, err
	}
	answer, err := ask(ctx, port, uint32(lease/time.Second))
	if err != nil {
		return Granted{}, err
	}
	return granted(outside, binary.BigEndian.Uint16(answer[10:]), binary.BigEndian.Uint32(answer[12:]),
		func(ctx context.Context) error {
			_, err := ask(ctx, 0, 0)
			return err
		})
}

// mappingNonce names this program's mapping to PCP routers for as long as it runs: one that
// has granted it renews or takes back for no other (RFC 6887 section 11.3).
var mappingNonce = func() (nonce [12]byte) {
	rand.Read(nonce[:]) // never fails: crypto/rand ends the program instead
	return nonce
}()

// pcp asks by PCP, RFC 6887 sections 7 and 11.
func pcp(ctx context.Context, at netip.AddrPort, port uint16) (Granted, error) {
	nonce := mappingNonce
	own, err := ownAddr(ctx, at)
	if err != nil {
		return Granted{}, err
	}
	ask := func(ctx context.Context, seconds uint32) ([]byte, error) {
		q := binary.BigEndian.AppendUint32([]byte{2, 1, 0, 0}, seconds)
		inside := own.As16()
		q = append(append(q, inside[:]...), nonce[:]...)
		q = append(q, 6, 0, 0, 0) // TCP
		q = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(q, port), port)
		none := netip.AddrFrom4([4]byte{}).As16()
		q = append(q, none[:]...)
		answer, _, err := exchange(ctx, at, q, func(b []byte) bool {
			return len(b) >= 60 && b[0] == 2 && b[1] == 129 && [12]byte(b[24:36]) == nonce
		})
		if err == nil && answer[3] != 0 {
			err = fmt.Errorf("the router refuses: result %d", answer[3])
		}
		return answer, err
	}
	answer, err := ask(ctx, uint32(lease/time.Second))
	if err != nil {
		return Granted{}, err
	}
	outside := netip.AddrFrom16([16]byte(answer[44:60])).Unmap()
	return granted(outside, binary.BigEndian.Uint16(answer[42:]), binary.BigEndian.Uint32(answer[4:]),
		func(ctx context.Context) error {
			_, err := ask(ctx, 0)
			return err
		})
}

// ownAddr is the address from which this computer speaks to the router.
func ownAddr(ctx context.Context, at netip.AddrPort) (netip.Addr, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", at.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, errNoRouter
	}
	return local.AddrPort().Addr().Unmap(), nil
}

// granted checks what a router says: it may be behind another one.
func granted(outside netip.Addr, port uint16, seconds uint32, remove func(context.Context) error) (Granted, error) {
	switch {
	case port == 0 || seconds == 0 || !outside.IsValid() || outside.IsUnspecified():
		return Granted{}, errors.New("the router grants nothing")
	case outside.IsPrivate() || outside.IsLoopback() || shared.Contains(outside):
		return Granted{}, fmt.Errorf("the router is itself behind another one: outside it is %s", outside)
	}
	return Granted{
		Outside: netip.AddrPortFrom(outside, port), remove: remove,
		lasts: min(time.Duration(seconds)*time.Second, lease),
	}, nil
}

// shared is the address space of carriers' NATs, RFC 6598.
var shared = netip.MustParsePrefix("100.64.0.0/10")
