package host

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/nat/signal"
	"github.com/shoal-sync/shoal/sync/wire"
)

// The first byte of what is said in a call tells who understands it.
const (
	topicPlaces byte = 1 // where the sender may be reached: one IP:PORT a line
	topicWebRTC byte = 2 // of nat/webrtc
)

const (
	// askAgain is how often is asked for carriers to one device that is not connected.
	askAgain = 15 * time.Second
	// carriersMax bounds who is asked to carry to one device: two would do.
	carriersMax = 6
	// carryBurst envelopes are passed on for one device at once, and carryEvery allows one
	// more: a call takes about ten.
	carryBurst = 64
	carryEvery = 200 * time.Millisecond
	// placesMax bounds the addresses in one letter.
	placesMax = 16
)

// carry takes an envelope to a device, if it can.
type carry func(to ident.DeviceID, envelope []byte)

// letters seals and opens what is said in calls, and finds who carries it.
type letters struct {
	agent  *agent
	sealer *signal.Sealer

	mu     sync.Mutex
	cards  map[ident.DeviceID]signal.Card
	ways   map[ident.DeviceID][]ident.DeviceID // who answered that they carry to a device
	asked  map[ident.DeviceID]step.Instant
	askers map[ident.DeviceID][]ident.DeviceID // who waits for a device to turn up here
	quotas map[ident.DeviceID]*quota
	topics map[byte]topic
	others []carry // besides linked devices
}

// topic is who understands a part of what is said in calls. Its functions must not wait.
type topic struct {
	heard func(from ident.DeviceID, body []byte, first bool) // first begins a call
	over  func(with ident.DeviceID, reason string)
}

// quota holds back a device that has too much passed on.
type quota struct {
	left int
	at   step.Instant
}

func newLetters(a *agent) (*letters, error) {
	var chance [32]byte
	rand.Read(chance[:]) // never fails: crypto/rand ends the program instead
	sealer, err := signal.NewSealer(a.key.Private(), chance)
	if err != nil {
		return nil, err
	}
	l := &letters{
		agent: a, sealer: sealer, cards: map[ident.DeviceID]signal.Card{},
		ways: map[ident.DeviceID][]ident.DeviceID{}, asked: map[ident.DeviceID]step.Instant{},
		askers: map[ident.DeviceID][]ident.DeviceID{},
		quotas: map[ident.DeviceID]*quota{}, topics: map[byte]topic{},
	}
	l.topics[topicPlaces] = topic{heard: l.placesSaid, over: func(ident.DeviceID, string) {}}
	return l, nil
}

// act carries out one effect of a call.
func (l *letters) act(effect signal.Effect) {
	switch f := effect.(type) {
	case signal.Post:
		l.post(f)
	case signal.Ring:
		l.said(f.Device, f.Body, true)
	case signal.Deliver:
		l.said(f.Device, f.Body, false)
	case signal.Over:
		for _, t := range l.topics {
			t.over(f.Device, f.Reason)
		}
	}
}

func (l *letters) said(from ident.DeviceID, body []byte, first bool) {
	if len(body) > 0 {
		if t, ok := l.topics[body[0]]; ok { // else of a newer program
			t.heard(from, body[1:], first)
		}
	}
}

// say says something to a device in a call, and begins one if need be.
func (l *letters) say(to ident.DeviceID, topic byte, body []byte) {
	l.find(to)
	l.agent.device.Post(l.agent.ctx, signal.Said{Device: to, Body: append([]byte{topic}, body...)})
}

// find asks everybody connected who carries letters to a device, now and then.
func (l *letters) find(to ident.DeviceID) {
	a := l.agent
	now := a.clock.Now()
	l.mu.Lock()
	last, ok := l.asked[to]
	again := !ok || now.Since(last) >= askAgain
	if again {
		l.asked[to] = now
	}
	l.mu.Unlock()
	if !again {
		return
	}
	a.posts.find(to)
	for i, link := range a.links.connected() {
		if link.Device() != to && i <= carriersMax {
			a.sendOn(link, wire.AskCard{Device: to})
		}
	}
}

// askAnew lets every device be asked after at once: somebody new may know it.
func (l *letters) askAnew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.asked)
}

// trusted begins to look for a device that is to be linked to from now on.
func (l *letters) trusted(d ident.DeviceID) {
	l.mu.Lock()
	delete(l.asked, d)
	l.mu.Unlock()
	l.find(d)
}

// post seals a letter and gives it to all who may carry it. Without any it is told again
// later, when there may be some.
func (l *letters) post(f signal.Post) {
	l.mu.Lock()
	card, known := l.cards[f.To]
	l.mu.Unlock()
	if !known {
		l.find(f.To)
		return
	}
	var chance [32]byte
	rand.Read(chance[:])
	envelope, err := l.sealer.Seal(card, f.Letter, chance)
	if err != nil {
		l.agent.log.Warn("cannot seal a letter", "device", f.To.Short(), "error", err)
		return
	}
	l.give(f.To, envelope)
}

func (l *letters) give(to ident.DeviceID, envelope []byte) {
	a := l.agent
	l.mu.Lock()
	ways, others := slices.Clone(l.ways[to]), l.others
	l.mu.Unlock()
	for _, way := range ways {
		if link := a.links.to(way); link != nil {
			a.sendOn(link, wire.Carry{To: to, Envelope: envelope})
		}
	}
	for _, carry := range others {
		carry(to, envelope)
	}
}

// heard takes in what a linked device says about letters; it reports whether it was that.
func (l *letters) heard(from *link, m wire.Message) bool {
	a := l.agent
	device := from.Device()
	switch m := m.(type) {
	case wire.Card:
		if card, err := signal.ParseCard(m.Card); err == nil && a.trusts(card.Device) {
			if card.Device != device {
				l.wayHeard(card.Device, device)
			}
			l.cardHeard(card)
			if card.Device == device {
				l.turnedUp(card)
			}
		}
	case wire.AskCard:
		l.mu.Lock()
		card, known := l.cards[m.Device]
		l.mu.Unlock()
		switch {
		case !l.allows(device):
		case known && a.links.to(m.Device) != nil:
			a.sendOn(from, wire.Card{Card: card.Bytes()})
		default:
			l.waitFor(m.Device, device)
		}
	case wire.Carry:
		if to := a.links.to(m.To); to != nil && m.To != device && l.allows(device) {
			a.sendOn(to, wire.Carried{From: device, Envelope: m.Envelope})
		}
	case wire.Carried:
		l.opened(m.Envelope, func(to ident.DeviceID) { l.wayHeard(to, device) })
	default:
		return false
	}
	return true
}

// allows reports whether a device may have one more thing passed on.
func (l *letters) allows(device ident.DeviceID) bool {
	now := l.agent.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.quotas[device]
	if q == nil {
		q = &quota{carryBurst, now}
		l.quotas[device] = q
	}
	if more := int(now.Since(q.at) / carryEvery); more > 0 {
		q.left, q.at = min(q.left+more, carryBurst), now
	}
	if q.left == 0 {
		return false
	}
	q.left--
	return true
}

// wayHeard notes that a device is reached through another one.
func (l *letters) wayHeard(to, through ident.DeviceID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ways := slices.DeleteFunc(l.ways[to], func(d ident.DeviceID) bool {
		return d == through || l.agent.links.to(d) == nil
	})
	l.ways[to] = append(ways, through)[max(0, len(ways)+1-carriersMax):]
}

// cardHeard notes with which key letters to a device are sealed. What waits is told again.
func (l *letters) cardHeard(card signal.Card) {
	l.mu.Lock()
	old, known := l.cards[card.Device]
	l.cards[card.Device] = card
	l.mu.Unlock()
	l.agent.device.Post(l.agent.ctx, route.CallsLearned{Device: card.Device, Possible: true})
	if !known || old.Run != card.Run {
		l.agent.device.Post(l.agent.ctx, signal.WayOpened{Device: card.Device})
	}
}

// opened takes an envelope that somebody brought. Back tells through whom an answer goes.
func (l *letters) opened(envelope []byte, back func(to ident.DeviceID)) {
	a := l.agent
	if card, err := signal.ParseCard(envelope); err == nil {
		if a.trusts(card.Device) {
			back(card.Device)
			l.cardHeard(card)
		}
		return
	}
	card, letter, err := l.sealer.Open(envelope)
	if err != nil && !errors.Is(err, signal.ErrNotForUs) || !a.trusts(card.Device) {
		return // nobody we know wrote it
	}
	back(card.Device)
	if err != nil { // sealed to the key of an earlier run, most likely: tell the new one
		if l.allows(card.Device) {
			l.give(card.Device, l.sealer.Card().Bytes())
		}
		return
	}
	l.cardHeard(card)
	a.device.Post(a.ctx, signal.LetterCame{From: card.Device, Run: card.Run, Letter: letter})
}

// seek lets a device that cannot be reached know where this one is, and so learns where
// that one is: one of the two may be able to dial the other.
func (l *letters) seek(device ident.DeviceID) {
	now := l.agent.clock.Now()
	l.mu.Lock()
	last, ok := l.asked[device]
	l.mu.Unlock()
	if !ok || now.Since(last) >= askAgain {
		l.say(device, topicPlaces, l.ownPlaces())
	}
}

func (l *letters) ownPlaces() []byte {
	var lines []string
	near := l.near()
	for _, at := range useful(l.agent.ownAddresses(near), near) {
		lines = append(lines, at.String())
	}
	return []byte(strings.Join(lines, "\n"))
}

// near reports whether this agent is one of several on this computer alone: to the others
// its own addresses mean something.
func (l *letters) near() bool { return l.agent.listener.Addr().Addr().IsLoopback() }

// placesSaid takes in where a device may be reached, and answers with the same.
func (l *letters) placesSaid(from ident.DeviceID, body []byte, first bool) {
	a := l.agent
	lines := strings.Split(string(body), "\n")
	for _, line := range lines[:min(len(lines), placesMax)] {
		if at, err := netip.ParseAddrPort(line); err == nil && len(useful([]netip.AddrPort{at}, l.near())) == 1 {
			a.start(func() {
				a.device.Post(a.ctx, book.AddressHeard{Device: from, Addr: at, Source: book.Claim, Lasts: hintLasts})
			})
		}
	}
	if first {
		a.start(func() { l.say(from, topicPlaces, l.ownPlaces()) })
	}
}
