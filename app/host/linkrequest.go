package host

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/mdns"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/members"
)

const (
	// nearbyMax bounds the addresses of devices nearby that are remembered.
	nearbyMax = 256
	// nearbyTime is how long is waited for devices nearby to answer: they do within a
	// second, and the question is repeated once after one.
	nearbyTime = 2500 * time.Millisecond
	// nearbyLook is how often is looked at who has answered. All addresses of a device
	// answer within it.
	nearbyLook = 250 * time.Millisecond
)

var errStops = api.Errorf(api.NoAgent, "the agent stopped")

// Link implements control.Agent.
func (a *agent) Link(ctx context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error {
	ways := 0
	for _, set := range []bool{r.Code != "", r.Nearby != "", r.Approve != "", r.ByHand} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return api.Errorf(api.Usage, "give a code, a device nearby, a device to approve, or by hand, not several of them")
	}
	offers, err := a.offers(r)
	if err != nil {
		return err
	}
	if r.ByHand || pairing.IsInvite(r.Code) || pairing.IsReply(r.Code) {
		return a.linkByHand(ctx, r, offers, deliver)
	}
	a.linking.introduce() // the name may have been changed
	ticket, news, done := a.linking.wait()
	defer done()
	switch {
	case r.Code != "":
		if place := farPlace(r.Code); place != nil {
			defer a.posts.borrow(*place)()
		}
		err = a.enterCode(ctx, ticket, r)
	case r.Nearby != "":
		err = a.askNearby(ctx, ticket, r, offers)
	case r.Approve != "":
		var linked *api.LinkEvent
		if linked, err = a.approve(ticket, r); err == nil && linked != nil {
			return deliver(*linked)
		}
	default:
		err = a.showCode(ctx, ticket, r, offers, deliver)
	}
	if err != nil {
		return err
	}
	for {
		select {
		case n := <-news:
			e, last := a.linkEvent(ticket, r, n)
			if err := deliver(e); err != nil || last {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-a.ctx.Done():
			return errStops
		}
	}
}

// farPlace returns the rendezvous that is named in a link, nil when there is none.
func farPlace(code string) *post.Place {
	entry, err := pairing.ParseEntry(code)
	if err != nil || entry.Link == nil || entry.Link.Rendezvous == "" {
		return nil
	}
	place, err := post.ParsePlace(entry.Link.Rendezvous)
	if err != nil {
		return nil // of a newer program, most likely; the link may work without it
	}
	return &place
}

// offers looks up the folders of a request.
func (a *agent) offers(r api.LinkRequest) ([]pairing.Offer, error) {
	if len(r.Folders) > 0 && (r.Code != "" || r.Approve != "") {
		return nil, api.Errorf(api.Usage, "folders are offered by the device that shows the code, or that asks")
	}
	if len(r.Folders) > pairing.OffersMax {
		return nil, api.Errorf(api.Usage, "at most %d folders are offered at once", pairing.OffersMax)
	}
	if r.Role != "" && !r.Role.Valid() {
		return nil, api.Errorf(api.Usage, "role %q: want owner, writer or reader", r.Role)
	}
	var out []pairing.Offer
	for _, name := range r.Folders {
		f, run, err := a.runOf(name)
		if err != nil {
			return nil, err
		}
		if who := run.who.Load(); who.Known && who.Own != members.Owner {
			return nil, fmt.Errorf("only an owner says who shares %q: ask %s", f.Name, run.owners())
		}
		out = append(out, pairing.Offer{
			Folder: f.ID, Name: f.Name, Role: string(r.Role), Files: uint64(f.Files), Bytes: uint64(f.Bytes),
		})
	}
	return out, nil
}

// showCode makes a code and a link, and lets the local network know of the slot.
func (a *agent) showCode(
	ctx context.Context, ticket step.Ticket, r api.LinkRequest, offers []pairing.Offer, deliver func(api.LinkEvent) error,
) error {
	invited := pairing.Invited{
		Ticket: ticket, Code: a.drawCode(ctx), Offers: offers, Lasts: lasts(r, codeLasts),
	}
	rand.Read(invited.Secret[:])
	link := pairing.Link{
		Device: a.id, Slot: invited.Code.Slot, Secret: invited.Secret, Addrs: ownAddresses(a.listener.Addr()),
		Rendezvous: a.posts.address(),
	}
	a.device.Post(a.ctx, invited)
	return deliver(api.LinkEvent{
		Event: api.LinkCode, Code: invited.Code.String(), Link: link.String(),
		Expires: status.MomentOf(time.Now().Add(invited.Lasts)), Text: a.hidden(),
	})
}

// drawCode draws a code whose number no other device shows at the rendezvous.
func (a *agent) drawCode(ctx context.Context) pairing.Code {
	const tries = 5 // with 9,000 numbers the first one is nearly always free
	for n := 1; ; n++ {
		var chance [8]byte
		rand.Read(chance[:]) // never fails: crypto/rand ends the program instead
		code := pairing.DrawCode(chance)
		if n == tries || a.posts.free(ctx, code.Slot) {
			return code
		}
	}
}

// hidden says why nobody finds this device by its code, empty when it can be found.
func (a *agent) hidden() string {
	switch {
	case len(a.posts.connected()) > 0:
		return ""
	case a.finder == nil:
		return "this device cannot be found by the code alone (mdns is off, or --no-mdns): use the link, or " +
			"add --address tcp://HOST:" + strconv.Itoa(int(a.listener.Addr().Port())) + " on the other one"
	case a.listener.Addr().Addr().IsLoopback():
		return "this agent listens on this computer alone (" + a.listener.Addr().String() + "): only devices on it " +
			"can be linked, by the link"
	case len(a.finder.Sight().Interfaces) == 0:
		return a.finder.Sight().Reason()
	}
	return ""
}

// ownAddresses lists where this device may be reached, the likeliest first: a device that
// listens everywhere is at all addresses that lead further than one cable.
func ownAddresses(listen netip.AddrPort) []netip.AddrPort {
	if !listen.Addr().IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(listen.Addr().WithZone(""), listen.Port())}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the local network may still find this device
	}
	var four, six []netip.AddrPort
	for _, addr := range addrs {
		prefix, err := netip.ParsePrefix(addr.String())
		ip := prefix.Addr()
		switch {
		case err != nil, ip.IsLoopback(), ip.IsLinkLocalUnicast():
		case ip.Is4():
			four = append(four, netip.AddrPortFrom(ip, listen.Port()))
		case listen.Addr().Is6():
			six = append(six, netip.AddrPortFrom(ip, listen.Port()))
		}
	}
	// Without a network both devices may still be on this one computer.
	if len(four)+len(six) == 0 {
		return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), listen.Port())}
	}
	if len(six) > 2 {
		six = six[:2] // systems make several for one network
	}
	return append(four[:min(len(four), 4)], six...)
}

func (a *agent) enterCode(ctx context.Context, ticket step.Ticket, r api.LinkRequest) error {
	entry, err := pairing.ParseEntry(r.Code)
	if err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	entered := pairing.Entered{Ticket: ticket, Entry: entry, Lasts: lasts(r, lookLasts)}
	for _, address := range r.Addresses {
		hostPort, err := config.SplitAddress(address)
		if err != nil {
			return api.Errorf(api.Usage, "%v", err)
		}
		found, err := lookUp(ctx, hostPort)
		if err != nil {
			return fmt.Errorf("address %s: %w", address, err)
		}
		entered.Addrs = append(entered.Addrs, found...)
	}
	a.device.Post(a.ctx, entered)
	a.start(func() { a.posts.look(ctx, entry.Slot()) })
	return nil
}

// nearbyNow lists who answers within nearbyTime, each device once, or whom enough says are
// enough.
func (a *agent) nearbyNow(
	ctx context.Context, enough func([]api.NearbyDevice) bool,
) (out []api.NearbyDevice, err error) {
	l := a.linking
	l.setSeek(func() { l.looking++ })
	defer l.setSeek(func() { l.looking-- })
	limit := time.After(nearbyTime)
	ticker := time.NewTicker(nearbyLook)
	defer ticker.Stop()
	for {
		select {
		case <-limit:
			return out, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
		l.mu.Lock()
		heard := slices.Clone(l.nearby)
		l.mu.Unlock()
		out = nil
		for _, n := range heard {
			out = a.withNeighbour(out, n)
		}
		if enough(out) {
			return out, nil
		}
	}
}

func (a *agent) withNeighbour(list []api.NearbyDevice, n mdns.Neighbour) []api.NearbyDevice {
	if n.Device.IsZero() || n.Device == a.id {
		return list // it wants to be found by its code only
	}
	at := slices.IndexFunc(list, func(d api.NearbyDevice) bool { return d.ID == n.Device })
	if at < 0 {
		at = len(list)
		list = append(list, api.NearbyDevice{ID: n.Device, Name: n.Name, Linked: a.trusts(n.Device)})
	}
	list[at].Addresses = append(list[at].Addresses, "tcp://"+n.At.String())
	return list
}

func (a *agent) listNearby(ctx context.Context, _ api.NearbyList) (any, error) {
	found, err := a.nearbyNow(ctx, func([]api.NearbyDevice) bool { return false })
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		none := api.Nearby{Devices: []api.NearbyDevice{}, Reason: a.lanReason(), Cause: a.lanCause()}
		if none.Cause == api.Firewall || none.Cause == api.NoMulticast {
			none.Remedy = platform.FirewallRemedy(a.listener.Addr().Port())
		}
		return none, nil
	}
	return api.Nearby{Devices: found}, nil
}

func (a *agent) askNearby(ctx context.Context, ticket step.Ticket, r api.LinkRequest, offers []pairing.Offer) error {
	id, err := ident.ParseDevice(r.Nearby)
	isID := err == nil
	meant := func(d api.NearbyDevice) bool {
		return isID && d.ID == id || d.Name == r.Nearby || strings.EqualFold(d.ID.Short(), r.Nearby)
	}
	found, err := a.nearbyNow(ctx, func(all []api.NearbyDevice) bool { return slices.ContainsFunc(all, meant) })
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(d api.NearbyDevice) bool { return !meant(d) })
	switch len(found) {
	case 0:
		return api.Errorf(api.Timeout, "no device nearby that wants to be linked is called %q; on that device run "+
			"`shoal link`: %s", r.Nearby, a.lanReason())
	case 1:
	default:
		return api.Errorf(api.Failed, "%d devices nearby are called %q: use one of their ids instead, see "+
			"`shoal link list`", len(found), r.Nearby)
	}
	picked := pairing.Picked{
		Ticket: ticket, Device: found[0].ID, Name: found[0].Name, Offers: offers, Lasts: lasts(r, lookLasts),
	}
	for _, address := range found[0].Addresses {
		if at, err := netip.ParseAddrPort(strings.TrimPrefix(address, "tcp://")); err == nil {
			picked.Addrs = append(picked.Addrs, at)
		}
	}
	a.device.Post(a.ctx, picked)
	return nil
}

// approve answers a device that asks. One that only called as if it were trusted is
// trusted at once: then the returned event is the end.
func (a *agent) approve(ticket step.Ticket, r api.LinkRequest) (*api.LinkEvent, error) {
	if _, err := ident.ParseDevice(r.Approve); err != nil {
		return nil, api.Errorf(api.Usage, "approve: %v", err)
	}
	asks, err := api.FindAsking(a.Status(), r.Approve)
	if err != nil {
		return nil, err
	}
	if asks.Words != r.Words {
		return nil, api.Errorf(api.Failed, "not linked: another device asks now, or the same one again: look at the "+
			"words again, see `shoal device list`")
	}
	if asks.Words == "" {
		if _, err := a.addDevice(api.DeviceAdd{ID: asks.ID}); err != nil {
			return nil, err
		}
		return &api.LinkEvent{Event: api.LinkLinked, ID: asks.ID, Name: a.deviceName(asks.ID)}, nil
	}
	a.linking.mu.Lock()
	var offers []pairing.Offer
	for _, o := range a.linking.asking {
		if o.ID == asks.ID {
			offers = o.offers
		}
	}
	a.linking.mu.Unlock()
	answer := pairing.PersonAnswered{Ticket: ticket, Device: asks.ID, Words: asks.Words, Yes: true}
	for _, o := range a.proposed(r, offers) {
		if err := a.checkPlace(api.LinkPlace{Folder: o.ID, Path: o.Path}); err != nil {
			return nil, err
		}
		answer.Places = append(answer.Places, pairing.Place{Folder: o.ID, Path: o.Path})
	}
	for _, p := range r.Places {
		if err := a.checkPlace(p); err != nil {
			return nil, err
		}
		answer.Places = append([]pairing.Place{{Folder: p.Folder, Path: p.Path}}, answer.Places...)
	}
	a.device.Post(a.ctx, answer)
	return nil, nil
}

// answerLink passes on what the person said.
func (a *agent) answerLink(i api.LinkAnswer) (any, error) {
	answer := pairing.PersonAnswered{Ticket: step.Ticket(i.Ticket), Yes: i.Yes}
	for _, p := range i.Places {
		if err := a.checkPlace(p); err != nil {
			return nil, err
		}
		answer.Places = append(answer.Places, pairing.Place{Folder: p.Folder, Path: p.Path})
	}
	if a.linking.byHand.answer(i) {
		return api.Nothing{}, nil
	}
	a.linking.mu.Lock()
	known := a.linking.waiting[answer.Ticket] != nil
	a.linking.mu.Unlock()
	if !known {
		return nil, api.Errorf(api.NotFound, "nothing is asked under number %d any more", i.Ticket)
	}
	a.device.Post(a.ctx, answer)
	return api.Nothing{}, nil
}

// linkEvent says news in the words of the local API, and whether they are the last.
func (a *agent) linkEvent(ticket step.Ticket, r api.LinkRequest, n pairing.News) (e api.LinkEvent, last bool) {
	switch n := n.(type) {
	case pairing.Looking:
		return api.LinkEvent{Event: api.LinkLooking, Text: a.lanReason()}, false
	case pairing.Waiting:
		return api.LinkEvent{Event: api.LinkWaiting, ID: n.Device, Name: n.Name}, false
	case pairing.Asks:
		return api.LinkEvent{Event: api.LinkAsking, ID: n.Device, Name: n.Name, Words: n.Words}, false
	case pairing.Question:
		return api.LinkEvent{
			Event: api.LinkQuestion, Ticket: uint64(ticket), ID: n.Device, Name: n.Name, Words: n.Words,
			Offers: a.proposed(r, n.Offers),
		}, false
	case pairing.Done:
		e = api.LinkEvent{Event: api.LinkLinked, ID: n.Device, Name: a.deviceName(n.Device)}
		if place := farPlace(r.Code); place != nil {
			e.Text = a.posts.adopt(*place)
		}
		for _, o := range n.Given {
			e.Folders = append(e.Folders, a.linkFolder(o, a.pathOf(o.Folder)))
		}
		for _, t := range n.Taken {
			e.Folders = append(e.Folders, a.linkFolder(t.Offer, t.Path))
		}
		return e, true
	case pairing.Ended:
		e = api.LinkEvent{Event: api.LinkEnded, Kind: api.Failed, Text: n.Text}
		switch n.Why {
		case pairing.Expired:
			e.Kind = api.Timeout
		case pairing.NotFound:
			e.Kind = api.Timeout
			e.Text += "; " + a.lanReason() + "; " + a.posts.reason()
		}
		return e, true
	}
	panic(fmt.Sprintf("bug: nobody tells of %T", n))
}

func (a *agent) linkFolder(o pairing.Offer, path string) api.LinkFolder {
	role := status.Role(o.Role)
	if !role.Valid() {
		role = status.Writer // what a device becomes when no role is named
	}
	return api.LinkFolder{
		ID: o.Folder, Name: o.Name, Role: role, Path: path, Files: o.Files, Bytes: o.Bytes,
	}
}
