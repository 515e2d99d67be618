package natlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/pion/stun/v2"
)

// Teller answers questions about NATs (RFC 5780): at two addresses and two ports each, of
// which any can be asked to answer instead of the one that was asked.
type Teller struct {
	at    [2][2]netip.AddrPort // by address, port
	conns [2][2]net.PacketConn
}

// NewTeller opens the four sockets. It answers until Close.
func NewTeller(first, second netip.Addr, port, other uint16) (*Teller, error) {
	t := &Teller{}
	for i, addr := range []netip.Addr{first, second} {
		for j, p := range []uint16{port, other} {
			conn, err := net.ListenPacket("udp", netip.AddrPortFrom(addr, p).String())
			if err != nil {
				return nil, errors.Join(err, t.Close())
			}
			t.at[i][j], t.conns[i][j] = netip.AddrPortFrom(addr, p), conn
		}
	}
	for i := range t.conns {
		for j := range t.conns[i] {
			go t.serve(i, j)
		}
	}
	return t, nil
}

// Addr is where it is to be asked.
func (t *Teller) Addr() netip.AddrPort { return t.at[0][0] }

// Close ends it.
func (t *Teller) Close() (err error) {
	for i := range t.conns {
		for _, conn := range t.conns[i] {
			if conn != nil {
				err = errors.Join(err, conn.Close())
			}
		}
	}
	return err
}

func (t *Teller) serve(i, j int) {
	packet := make([]byte, 1500)
	for {
		n, from, err := t.conns[i][j].ReadFrom(packet)
		if err != nil {
			return // closed
		}
		question := &stun.Message{Raw: append([]byte(nil), packet[:n]...)}
		asker, ok := from.(*net.UDPAddr)
		if !ok || question.Decode() != nil || question.Type != stun.BindingRequest {
			continue
		}
		a, b := i, j
		if change, err := question.Get(stun.AttrChangeRequest); err == nil && len(change) == 4 {
			if change[3]&4 != 0 {
				a = 1 - i
			}
			if change[3]&2 != 0 {
				b = 1 - j
			}
		}
		elsewhere := t.at[1-i][1-j]
		answer, err := stun.Build(stun.NewTransactionIDSetter(question.TransactionID), stun.BindingSuccess,
			&stun.XORMappedAddress{IP: asker.IP, Port: asker.Port},
			&stun.OtherAddress{IP: elsewhere.Addr().AsSlice(), Port: int(elsewhere.Port())})
		if err != nil {
			fmt.Println(err)
			continue
		}
		if _, err := t.conns[a][b].WriteTo(answer.Raw, from); err != nil {
			continue // the asker will ask again
		}
	}
}
