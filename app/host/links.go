package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/nat/signal"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// links holds every open link, and which of them serves each device.
type links struct {
	agent *agent
	last  atomic.Uint64 // number of the newest link
	syncs atomic.Uint64 // ticket of the newest Sync

	mu      sync.Mutex
	open    map[route.LinkID]*link
	serving map[ident.DeviceID]*link
	waiting map[step.Ticket]chan struct{}
	past    map[ident.DeviceID]traffic // of links that have ended
	ended   bool
}

type traffic struct{ in, out uint64 }

// link is one open link.
type link struct {
	*direct.Link
	id      route.LinkID
	kind    route.Kind
	heardAt atomic.Int64 // instant of the last FrameHeard
	aliveAt atomic.Int64 // instant at which anything came last
	asks    asks
	// ahead is by how many milliseconds the other side's wall clock is ahead of ours, and
	// clockTold whether it has said.
	ahead     atomic.Int64
	clockTold atomic.Bool
	told      step.Instant // when a folder was last told that parts come; the receiver's
	serve     *servers
	releases  atomic.Int32 // questions about releases that are being answered
	out       direct.Gate  // what goes out passes it; found once, for it asks the system
}

func newLinks(a *agent) *links {
	return &links{
		agent: a, open: map[route.LinkID]*link{}, serving: map[ident.DeviceID]*link{},
		waiting: map[step.Ticket]chan struct{}{}, past: map[ident.DeviceID]traffic{},
	}
}

// actDevice carries out one effect of the device machine.
func (a *agent) actDevice(effect node.DeviceEffect) {
	switch f := effect.(type) {
	case route.Dial:
		a.start(func() { a.dial(f) })
	case route.Call:
		a.start(func() { a.call(f) })
		if a.links.doubted(f) {
			a.posts.doubt()
		}
		a.start(func() { a.posts.reach(f.Device, f.Anew) })
	case route.SendPing:
		a.links.send(f.Link, wire.Ping{Nonce: f.Nonce})
	case route.SendPong:
		a.links.send(f.Link, wire.Pong{Nonce: f.Nonce})
	case route.CloseLink:
		if l := a.links.get(f.Link); l != nil {
			a.start(func() { l.Close(f.Reason) })
		}
	case route.PeerConnected:
		a.peerConnected(f)
	case route.PeerLost:
		a.peerLost(f)
	case route.Trouble:
		a.start(func() { a.letters.seek(f.Device) })
		a.log.Debug("device not connected", "device", f.Device.Short(), "reason", f.Reason)
	case pairing.Effect:
		a.linking.act(f)
	case signal.Effect:
		a.letters.act(f)
	case node.Synced:
		a.links.synced(f.Ticket)
	default:
		panic(fmt.Sprintf("bug: nobody carries out %T", f))
	}
}

func (a *agent) peerConnected(f route.PeerConnected) {
	l := a.links.get(f.Link)
	if l == nil {
		return // its LinkLost is on the way
	}
	a.links.mu.Lock()
	a.links.serving[f.Device] = l
	a.links.mu.Unlock()
	a.log.Info("connected", "device", f.Device.Short(), "name", a.deviceName(f.Device),
		"address", l.RemoteAddr().String())
	a.events.add(status.Event{Kind: status.LinkUp, Device: f.Device, Detail: l.RemoteAddr().String()})
	a.letters.askCarrier(f.Device)
	a.start(func() { a.letters.waysOpened(a.letters.carriedBy(f.Device)) })
	a.eachFolder(func(r *folderRun) {
		for _, e := range l.connected() {
			r.post(e)
		}
	})
}

func (a *agent) peerLost(f route.PeerLost) {
	a.links.mu.Lock()
	if l := a.links.serving[f.Device]; l != nil && l.id == f.Link {
		delete(a.links.serving, f.Device)
	}
	a.links.mu.Unlock()
	a.posts.doubt() // it may have gone the same way
	a.log.Info("disconnected", "device", f.Device.Short(), "name", a.deviceName(f.Device), "reason", f.Reason)
	a.events.add(status.Event{Kind: status.LinkDown, Device: f.Device, Detail: f.Reason})
	a.eachFolder(func(r *folderRun) { r.post(node.PeerLost{Device: f.Device}) })
}

func (a *agent) dial(f route.Dial) {
	conn, err := a.endpoint.Dial(a.ctx, f.Device, f.Addr)
	if err != nil {
		a.device.Post(a.ctx, route.DialFailed{Ticket: f.Ticket, Reason: err.Error()})
		return
	}
	a.useLink(conn, straight(conn), f.Ticket)
}

// welcome takes a link another device has opened.
func (a *agent) welcome(conn *direct.Link) {
	a.start(func() { a.useLink(conn, straight(conn), 0) })
}

// straight is the kind of a link that needed no help.
func straight(conn *direct.Link) route.Kind {
	if onLAN(conn.RemoteAddr().Addr()) {
		return route.Lan
	}
	return route.Direct
}

// useLink runs a link until it ends.
func (a *agent) useLink(conn *direct.Link, kind route.Kind, ticket step.Ticket) {
	l := &link{Link: conn, id: route.LinkID(a.links.last.Add(1)), kind: kind, out: &a.limits.up}
	if kind >= route.Direct {
		_, l.out = a.limits.gates(l.RemoteAddr())
	}
	l.serve = newServers(a, l)
	if !a.links.add(l) {
		conn.Close("the device stops")
		return
	}
	up := route.LinkUp{
		Device: l.Device(), Link: l.id, Addr: l.RemoteAddr(), Incoming: l.Incoming(),
		Kind: kind, Ticket: ticket,
	}
	a.device.Post(a.ctx, up)
	a.links.barrier()
	a.start(l.serve.main.run)
	a.sendOn(l, wire.Hello{Version: wire.ProtocolVersion, Name: a.ownName(), Client: "shoal " + a.opts.Version})
	a.sendOn(l, wire.Clock{Wall: uint64(max(0, time.Now().UnixMilli()))})
	a.sendOn(l, wire.Card{Card: a.letters.sealer.Card().Bytes()})
	a.offered.send(l)
	reason := l.Receive(func(frame []byte) error { return a.heard(l, frame) })
	l.Close(reason.Error())
	l.serve.stop()
	l.asks.clear()
	a.links.remove(l)
	a.device.Post(a.ctx, route.LinkLost{Link: l.id, Reason: reason.Error()})
}

// heard takes one frame apart and hands it to whom it concerns.
func (a *agent) heard(l *link, frame []byte) error {
	m, err := wire.Parse(frame)
	if errors.Is(err, wire.ErrUnknownType) {
		return nil // of a newer program
	}
	if err != nil {
		return fmt.Errorf("it broke the protocol: %w", err)
	}
	a.frameHeard(l, m)
	switch m := m.(type) {
	case wire.Slice:
		return a.sliceHeard(l, m)
	case wire.Clock:
		l.ahead.Store(int64(m.Wall) - time.Now().UnixMilli())
		l.clockTold.Store(true)
	case wire.Ping:
		a.device.Post(a.ctx, route.PingHeard{Link: l.id, Nonce: m.Nonce})
		a.links.barrier()
	case wire.Pong:
		a.device.Post(a.ctx, route.PongHeard{Link: l.id, Nonce: m.Nonce})
	case wire.Goodbye:
		return errors.New(m.Reason)
	case wire.Offers:
		a.offered.heard(l.Device(), m)
	case wire.Hello:
		if m.Version != wire.ProtocolVersion {
			return a.partWith(l, m.Version)
		}
		a.nameHeard(l.Device(), m.Name)
	case wire.NoPiece:
		if p := l.asks.end(m.Ticket); p != nil {
			m.Ticket = p.ticket
			p.run.post(node.MessageHeard{Device: l.Device(), Message: m, Wall: time.Now().UnixMilli()})
		}
	case wire.CancelPieces:
		l.serve.cancel(m.Tickets)
		a.asksCanceled(l, m.Tickets)
	case wire.Recipes:
		for i := range m.Parts { // they lie in the frame, which is read into again
			m.Parts[i].Body = bytes.Clone(m.Parts[i].Body)
		}
		a.hearAboutFolder(l, m)
	default:
		if !a.letters.heard(l, m) && !a.releases.heard(l, m) {
			a.hearAboutFolder(l, m)
		}
	}
	return nil
}

// partWith ends a link to a device that speaks another protocol, and lets it know why, in
// words that are true on both.
func (a *agent) partWith(l *link, version uint64) error {
	older, newer := min(version, wire.ProtocolVersion), max(version, wire.ProtocolVersion)
	reason := fmt.Sprintf("a device with protocol %d and one with protocol %d cannot keep a folder together: "+
		"update shoal on the one with protocol %d", older, newer, older)
	a.sendOn(l, wire.Goodbye{Reason: reason})
	l.Close(reason) // what was sent before goes out
	return errors.New(reason)
}

// sliceHeard takes in a part of a piece, and lets its folder know now and then that parts
// are coming.
func (a *agent) sliceHeard(l *link, m wire.Slice) error {
	const tellEvery = time.Second // a quarter of what the swarm may take for a stall
	p, err := l.asks.slice(m)
	if p == nil || err != nil {
		return err
	}
	if now := a.clock.Now(); now.Since(l.told) >= tellEvery {
		l.told = now
		p.run.post(swarm.PartCame{Peer: l.Device()})
	}
	return nil
}

// connected are the events by which a folder hears that this link serves its device.
func (l *link) connected() [2]node.FolderEvent {
	return [...]node.FolderEvent{
		swarm.PeerPlaced{Peer: l.Device(), Lan: l.kind == route.Lan},
		node.PeerConnected{Device: l.Device(), Link: uint64(l.id)},
	}
}

// frameHeard tells the route core that a link lives, at most once a second. Of pings and
// their answers it is told one by one.
func (a *agent) frameHeard(l *link, m wire.Message) {
	now := int64(a.clock.Now())
	l.aliveAt.Store(now)
	switch m.(type) {
	case wire.Ping, wire.Pong:
		return
	}
	if last := l.heardAt.Load(); now-last >= int64(time.Second) && l.heardAt.CompareAndSwap(last, now) {
		a.device.Post(a.ctx, route.FrameHeard{Link: l.id})
	}
}

// hearAboutFolder hands a message about a folder to that folder. About a folder that is
// not kept here, a Join is refused and everything else means nothing.
func (a *agent) hearAboutFolder(l *link, m wire.Message) {
	id, ok := wire.FolderOf(m)
	if !ok || !a.links.serves(l) {
		return
	}
	a.mu.Lock()
	r := a.folders[id]
	a.mu.Unlock()
	_, join := m.(wire.Join)
	switch {
	case r == nil && join:
		a.sendOn(l, wire.Refuse{Folder: id, Reason: wire.NotMember})
	case r == nil:
	case r.broken.Load() != nil && join:
		a.sendOn(l, wire.Refuse{Folder: id, Reason: wire.FolderBroken})
	default:
		r.post(node.MessageHeard{Device: l.Device(), Message: m, Wall: time.Now().UnixMilli()})
	}
}

// sendOn says something on a link. That the link has ended is learned from its receiver.
func (a *agent) sendOn(l *link, m wire.Message) {
	if err := l.Send(direct.Metadata, wire.Append(nil, m)); err != nil {
		a.log.Debug("not sent", "device", l.Device().Short(), "message", fmt.Sprintf("%T", m), "reason", err)
	}
}

func (ls *links) send(id route.LinkID, m wire.Message) {
	if l := ls.get(id); l != nil {
		ls.agent.sendOn(l, m)
	}
}

func (ls *links) get(id route.LinkID) *link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.open[id]
}

// to returns the link that serves a device, nil when there is none.
func (ls *links) to(device ident.DeviceID) *link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.serving[device]
}

func (ls *links) serves(l *link) bool { return ls.to(l.Device()) == l }

func (ls *links) add(l *link) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.ended {
		return false
	}
	ls.open[l.id] = l
	return true
}

func (ls *links) remove(l *link) {
	in, out := l.Counters()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.open, l.id)
	t := ls.past[l.Device()]
	ls.past[l.Device()] = traffic{t.in + in, t.out + out}
}

// counted returns the bytes a device has sent us and got from us since the agent started.
func (ls *links) counted(device ident.DeviceID) traffic {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	t := ls.past[device]
	for _, l := range ls.open {
		if l.Device() == device {
			in, out := l.Counters()
			t.in, t.out = t.in+in, t.out+out
		}
	}
	return t
}

func (ls *links) closeAll(reason string) {
	ls.mu.Lock()
	ls.ended = true
	var all []*link
	for _, l := range ls.open {
		all = append(all, l)
	}
	ls.mu.Unlock()
	var closing sync.WaitGroup
	for _, l := range all {
		closing.Go(func() {
			ls.agent.sendOn(l, wire.Goodbye{Reason: reason})
			l.Close(reason)
		})
	}
	closing.Wait()
}

// barrier returns when the device loop has handled every event posted before, so that a
// frame that follows finds everybody told.
func (ls *links) barrier() {
	ticket := step.Ticket(ls.syncs.Add(1))
	done := make(chan struct{})
	ls.mu.Lock()
	ls.waiting[ticket] = done
	ls.mu.Unlock()
	if ls.agent.device.Post(ls.agent.ctx, node.Sync{Ticket: ticket}) {
		select {
		case <-done:
		case <-ls.agent.ctx.Done():
		}
	}
	ls.mu.Lock()
	delete(ls.waiting, ticket)
	ls.mu.Unlock()
}

func (ls *links) synced(ticket step.Ticket) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if done := ls.waiting[ticket]; done != nil {
		close(done)
		delete(ls.waiting, ticket)
	}
}

// onLAN reports whether an address is in a network this computer has an interface in.
func onLAN(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.IsLoopback() || addr.IsLinkLocalUnicast() {
		return true
	}
	networks, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, n := range networks {
		if p, err := netip.ParsePrefix(n.String()); err == nil && p.Masked().Contains(addr) && !p.IsSingleIP() {
			return true
		}
	}
	return false
}

// resolveTimeout bounds one look-up of a host name.
const resolveTimeout = 5 * time.Second

func lookUp(ctx context.Context, hostPort string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip, uint16(number))}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, ip := range ips {
		out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(number)))
	}
	return out, nil
}
