package host

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/nat/webrtc"
)

// elsewhere stands for every address out there when a proxy is asked for. RFC 5737 keeps it
// for such use.
var elsewhere = netip.MustParseAddrPort("203.0.113.1:443")

// newCalls joins links across NATs with who carries their words.
func newCalls(a *agent) (*webrtc.Endpoint, error) {
	listen, err := parseListen(firstOf(a.opts.Listen, a.settings.Load().Listen))
	if err != nil {
		return nil, err
	}
	e, err := webrtc.New(webrtc.Options{
		Key: a.key.Private(), Log: a.log, Send: a.sendWord, Servers: a.servers,
		Trusts:  func(d ident.DeviceID) bool { return a.settings.Load().NAT && a.trusts(d) },
		Arrived: func(l *webrtc.Link) { a.start(func() { a.useLink(l.Link, kindOf(l), 0) }) },
		Through: a.callsThrough, Loopback: listen.Addr().IsLoopback(),
		Gates: a.limits.outside,
	})
	if err != nil {
		return nil, err
	}
	a.letters.topics[topicWebRTC] = topic{
		heard: func(from ident.DeviceID, body []byte, _ bool) { e.Deliver(from, body) },
		over:  func(with ident.DeviceID, _ string) { e.Repeat(with) },
	}
	return e, nil
}

// sendWord gives a word of a call to whoever carries letters. That there is nobody now is
// no failure: somebody may turn up while the call lasts.
func (a *agent) sendWord(_ context.Context, to ident.DeviceID, word []byte) error {
	a.letters.say(to, topicWebRTC, word)
	return nil
}

// servers are those that help links across NATs come about.
func (a *agent) servers() []webrtc.Server {
	if a.opts.STUN != "" {
		if told, err := webrtc.ParseServers(a.opts.STUN); err == nil {
			return append(told, a.posts.helpers()...)
		}
	}
	return append(slices.Clone(a.settings.Load().STUN), a.posts.helpers()...)
}

// call makes a link across NATs.
func (a *agent) call(f route.Call) {
	if !a.settings.Load().NAT {
		a.device.Post(a.ctx, route.DialFailed{Ticket: f.Ticket, Reason: "links across NATs are turned off (through_nat)"})
		return
	}
	l, err := a.calls.Dial(a.ctx, f.Device)
	if err != nil {
		a.device.Post(a.ctx, route.DialFailed{Ticket: f.Ticket, Reason: err.Error()})
		return
	}
	a.useLink(l.Link, kindOf(l), f.Ticket)
}

func kindOf(l *webrtc.Link) route.Kind {
	if l.Relayed {
		return route.Relayed
	}
	return route.Punched
}

// callsThrough returns the proxy that leads out, nil when none is needed.
func (a *agent) callsThrough() webrtc.Dialer {
	if a.proxy.Load().For(elsewhere) == nil {
		return nil
	}
	return proxyDialer{a}
}

type proxyDialer struct{ agent *agent }

// Dial implements webrtc.Dialer.
func (d proxyDialer) Dial(_, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.agent.ctx, proxyTime)
	defer cancel()
	addrs, err := lookUp(ctx, addr)
	if err != nil {
		return nil, err
	}
	for _, at := range addrs {
		dial := d.agent.proxied(at)
		if dial == nil {
			dialer := net.Dialer{}
			dial = func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", at.String()) }
		}
		var conn net.Conn
		if conn, err = dial(ctx); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// proxyTime bounds one connection to a relay by way of a proxy.
const proxyTime = 10 * time.Second
