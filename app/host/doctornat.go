package host

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/nat/probe"
	"github.com/shoal-sync/shoal/nat/webrtc"
)

// probeTime bounds the questions to servers: a person waits for the answer.
const probeTime = 8 * time.Second

// helpRemedy is what helps where nothing else does.
const helpRemedy = "name a rendezvous or a server that helps: `shoal config set rendezvous URL` or " +
	"`shoal config set stun HOST:PORT`; `shoal rendezvous` runs one"

// checkNAT says what is between this computer and the outside, and returns what was found.
func (a *agent) checkNAT(ctx context.Context, d *status.Diagnosis) probe.Found {
	c := status.Check{Name: "nat", Verdict: status.Fine}
	defer func() { d.Add(c) }()
	switch {
	case !a.settings.Load().NAT:
		c.Reason = "links through NATs are turned off (through_nat)"
		return probe.Found{}
	case a.callsThrough() != nil:
		c.Reason = "everything goes through a proxy, which lets no UDP out: only relays that are reached by " +
			"TCP lead to devices elsewhere"
		return probe.Found{}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	at := askable(ctx, a.servers())
	if len(at) == 0 {
		c.Verdict, c.Remedy = status.Unknown, helpRemedy
		c.Reason = "no server is known that could tell what the outside sees"
		return probe.Found{}
	}
	found, err := probe.Ask(ctx, at)
	if err != nil {
		c.Verdict, c.Reason = status.Unknown, err.Error()
		return found
	}
	c.Reason = found.String()
	switch {
	case !found.UDP && found.TCP:
		c.Verdict = status.Doubt
		c.Remedy = "let UDP out in the firewall, or use a relay by TCP (turn:…?transport=tcp, turns:, or a rendezvous)"
	case !found.UDP:
		c.Verdict = status.Doubt
		c.Remedy = "is there a network, and are the servers right? `shoal config get stun`"
	case found.Hard():
		c.Verdict = status.Doubt
		c.Remedy = "a forwarded port (" + fmt.Sprint(a.listener.Addr().Port()) + ", TCP) to this computer makes it " +
			"reachable straight; without one a relay carries what two hard routers have between them"
	}
	return found
}

// askable returns where the servers answer questions by UDP, by address.
func askable(ctx context.Context, servers []webrtc.Server) (out []netip.AddrPort) {
	for _, s := range servers {
		_, at, _ := strings.Cut(s.URL, ":")
		at, query, _ := strings.Cut(at, "?")
		if query == "transport=tcp" {
			continue
		}
		addrs, err := lookUp(ctx, at)
		if err != nil {
			continue // the link says so when it fails
		}
		for _, addr := range addrs {
			if !slices.Contains(out, addr) {
				out = append(out, addr)
			}
		}
	}
	// IPv4 first: that is where the NATs are.
	slices.SortStableFunc(out, func(a, b netip.AddrPort) int { return a.Addr().BitLen() - b.Addr().BitLen() })
	return out
}

// checkVPN names what may lead everything another way.
func (a *agent) checkVPN(d *status.Diagnosis) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return // listening says what matters
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagPointToPoint == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if addrs, err := i.Addrs(); err == nil && len(addrs) > 0 {
			d.Add(status.Check{Name: "vpn", Verdict: status.Doubt, About: i.Name,
				Reason: "this looks like a VPN, through which other devices may be reached worse or not at all",
				Remedy: "if devices on the local network are not found, let the VPN leave the local network alone"})
		}
	}
}

// checkRoutes says of each way to a device whether it works, and why not.
func (a *agent) checkRoutes(d *status.Diagnosis, other status.Device, found probe.Found) {
	add := func(name string, works bool, reason, remedy string) {
		c := status.Check{Name: "route " + name, About: other.Name, Verdict: status.Fine, Reason: reason, Remedy: remedy}
		if !works {
			c.Verdict = status.Unknown
		}
		d.Add(c)
	}
	in := func(routes ...status.Route) bool { return other.Connected && slices.Contains(routes, other.Route) }
	places := a.view.addresses(other.ID)
	switch {
	case in(status.LAN, status.Direct):
		add("direct", true, "in use, "+string(other.Route), "")
	case len(places) == 0:
		add("direct", false, "no address of it is known", "if it can be reached at one, `shoal device add ID --address "+
			"tcp://HOST:PORT` tells it")
	default:
		var at []string
		for _, p := range places {
			at = append(at, p.String())
		}
		add("direct", false, "no link comes about at "+strings.Join(at, ", "), "")
	}
	servers := a.servers()
	relays := slices.ContainsFunc(servers, func(s webrtc.Server) bool { return s.User != "" })
	switch {
	case in(status.Punched):
		add("punched", true, "in use", "")
	case in(status.LAN, status.Direct):
		add("punched", true, "not needed", "")
	case !found.UDP:
		add("punched", false, "nothing is known of the NAT, or no UDP gets out: see above", "")
	case found.Hard():
		add("punched", false, "the router here is hard, so it works only where the other side's lets in whoever "+
			"was sent to", "")
	default:
		add("punched", false, "the router here would do; the other side's may be hard, or nobody carries the call", "")
	}
	switch {
	case in(status.Relayed):
		add("relayed", true, "in use", "")
	case other.Connected:
		add("relayed", true, "not needed", "")
	case !relays && len(a.posts.connected()) == 0:
		add("relayed", false, "no relay is known here; the other side may have one", helpRemedy)
	default:
		add("relayed", false, "a relay is known; the other device does not answer, or nobody carries the call to it",
			"is it on, and does it know a common device or the same rendezvous?")
	}
}
