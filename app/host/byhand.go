package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/webrtc"
)

// Linking by hand needs nobody but the two people: an invitation is carried one way and its
// reply the other way, and the call that is in them makes the link. Nothing is recorded
// before that stands, so a half-done linking leaves no trust behind.

// byHand are the invitations that were given out and the questions that stand.
type byHand struct {
	mu        sync.Mutex
	invites   []*invited
	questions map[step.Ticket]chan api.LinkAnswer
}

// invited is an invitation that waits for its reply.
type invited struct {
	pairing.Invite
	hand *webrtc.Hand
	end  chan api.LinkEvent // how it ended, with room for that
	// replies is how many the person is asked about or that are tried; used is set once
	// one was agreed to, or the last was refused. Both are byHand's.
	replies int
	used    bool
}

// question opens a question to the person.
func (h *byHand) question(ticket step.Ticket) (answers chan api.LinkAnswer, done func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.questions == nil {
		h.questions = map[step.Ticket]chan api.LinkAnswer{}
	}
	answers = make(chan api.LinkAnswer, 1)
	h.questions[ticket] = answers
	return answers, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.questions, ticket)
	}
}

// answer passes on what the person said. It reports whether that was asked here.
func (h *byHand) answer(i api.LinkAnswer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	answers := h.questions[step.Ticket(i.Ticket)]
	if answers == nil {
		return false
	}
	select {
	case answers <- i:
	default: // answered before
	}
	return true
}

var saidNo = api.LinkEvent{Event: api.LinkEnded, Kind: api.Failed, Text: "nothing was linked: you said no"}

// errUsed is told to who brings a reply when another one came first.
var errUsed = api.Errorf(api.Failed, "another reply to this invitation came first, and an invitation is good for one: begin again")

// begin lets a person be asked about one more reply to an invitation. Two may be entered at
// once, and neither knows of the other.
func (h *byHand) begin(i *invited) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i.used {
		return errUsed
	}
	i.replies++
	return nil
}

// agree gives an invitation to the reply that is agreed to first.
func (h *byHand) agree(i *invited) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i.used {
		return errUsed
	}
	i.used = true
	return nil
}

// leave ends what begin began. A refusal ends the invitation, too, unless there is another
// reply: that one is the person's as well.
func (h *byHand) leave(i *invited, refused bool) (ends bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i.replies--
	ends = refused && i.replies == 0 && !i.used
	i.used = i.used || ends
	return ends
}

// linkByHand carries out a request that begins, or that holds a text.
func (a *agent) linkByHand(
	ctx context.Context, r api.LinkRequest, offers []pairing.Offer, deliver func(api.LinkEvent) error,
) error {
	if !a.settings.Load().NAT {
		return api.Errorf(api.Failed, "links across NATs are turned off: `shoal config set through_nat true` turns them on")
	}
	if len(r.Addresses) > 0 {
		return api.Errorf(api.Usage, "the text says where the other device is: leave the addresses out")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, min(lasts(r, webrtc.HandTime), webrtc.HandTime), errNoReply)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	var err error
	switch {
	case r.ByHand:
		err = a.invite(ctx, offers, deliver)
	case pairing.IsReply(r.Code):
		err = a.replied(ctx, r, deliver)
	default:
		err = a.accept(ctx, r, deliver)
	}
	switch {
	case err == nil:
		return nil
	case a.ctx.Err() != nil:
		return errStops
	case errors.Is(context.Cause(ctx), errNoReply):
		return errNoReply
	}
	return err
}

var errNoReply = api.Errorf(api.Timeout, "the other device did not come in time; begin again, a text is good once")

// invite gives out an invitation and waits until its reply was brought, by another request.
func (a *agent) invite(ctx context.Context, offers []pairing.Offer, deliver func(api.LinkEvent) error) error {
	if len(offers) > pairing.HandOffersMax {
		return api.Errorf(api.Usage, "at most %d folders are offered by hand: share the others afterwards", pairing.HandOffersMax)
	}
	hand, err := a.calls.CallByHand(ctx)
	if err != nil {
		return err
	}
	defer hand.Close()
	i := &invited{
		Invite: pairing.Invite{Device: a.id, Card: a.handCard(), Offers: offers, Word: hand.Word()},
		hand:   hand, end: make(chan api.LinkEvent, 1),
	}
	rand.Read(i.Secret[:]) // never fails: crypto/rand ends the program instead
	h := &a.linking.byHand
	h.mu.Lock()
	h.invites = append(h.invites, i)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.invites = slices.DeleteFunc(h.invites, func(o *invited) bool { return o == i })
	}()
	if err := deliver(a.carryEvent(ctx, i.String(), "")); err != nil {
		return err
	}
	select {
	case e := <-i.end:
		return deliver(e)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// replied takes in the reply to an invitation of this device.
func (a *agent) replied(ctx context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error {
	h := &a.linking.byHand
	h.mu.Lock()
	waiting := slices.Clone(h.invites)
	h.mu.Unlock()
	var invites []pairing.Invite
	for _, i := range waiting {
		invites = append(invites, i.Invite)
	}
	reply, at, err := pairing.ParseReply(r.Code, invites)
	if err != nil {
		return api.Errorf(api.NotFound, "%v", err)
	}
	i := waiting[at]
	if err := h.begin(i); err != nil {
		return err
	}
	refused := false
	defer func() {
		if h.leave(i, refused) {
			i.end <- saidNo
		}
	}()
	answer, err := a.askByHand(ctx, api.LinkEvent{ID: reply.Device, Name: handName(reply.Card, reply.Device)}, deliver)
	if err != nil {
		return err
	}
	if !answer.Yes {
		refused = true
		return deliver(saidNo)
	}
	if err := deliver(api.LinkEvent{Event: api.LinkLooking, Text: "the two devices try all their addresses"}); err != nil {
		return err
	}
	if err := h.agree(i); err != nil {
		return err
	}
	end := func(e api.LinkEvent) error {
		i.end <- e // there is room: one reply is agreed to
		return deliver(e)
	}
	l, err := i.hand.Connect(ctx, reply.Device, reply.Word)
	if err != nil {
		return end(noWay(err))
	}
	save := pairing.Save{Device: reply.Device, Card: reply.Card}
	for _, o := range i.Offers {
		if slices.Contains(reply.Taken, o.Folder) {
			save.Given = append(save.Given, o)
		}
	}
	return end(a.linkedByHand(l, save))
}

// accept answers an invitation of another device.
func (a *agent) accept(ctx context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error {
	i, err := pairing.ParseInvite(r.Code)
	if err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	if i.Device == a.id {
		return api.Errorf(api.Usage, "this is the invitation of this device itself: enter it on the other one")
	}
	name := handName(i.Card, i.Device)
	answer, err := a.askByHand(ctx, api.LinkEvent{ID: i.Device, Name: name, Offers: a.proposed(r, i.Offers)}, deliver)
	if err != nil {
		return err
	}
	if !answer.Yes {
		return deliver(saidNo)
	}
	save := pairing.Save{Device: i.Device, Card: i.Card}
	reply := pairing.Reply{Device: a.id, Card: a.handCard()}
	for _, p := range answer.Places {
		at := slices.IndexFunc(i.Offers, func(o pairing.Offer) bool { return o.Folder == p.Folder })
		if at >= 0 && !slices.Contains(reply.Taken, p.Folder) {
			reply.Taken = append(reply.Taken, p.Folder)
			save.Taken = append(save.Taken, pairing.Taken{Offer: i.Offers[at], Path: p.Path})
		}
	}
	hand, err := a.calls.AnswerByHand(ctx, i.Device, i.Word)
	if err != nil {
		return err
	}
	defer hand.Close()
	reply.Word = hand.Word()
	if err := deliver(a.carryEvent(ctx, reply.Text(i), name)); err != nil {
		return err
	}
	l, err := hand.Wait(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return deliver(noWay(err))
	}
	return deliver(a.linkedByHand(l, save))
}

// askByHand asks the person here and returns the answer.
func (a *agent) askByHand(
	ctx context.Context, e api.LinkEvent, deliver func(api.LinkEvent) error,
) (api.LinkAnswer, error) {
	ticket, _, done := a.linking.wait()
	defer done()
	answers, closed := a.linking.byHand.question(ticket)
	defer closed()
	e.Event, e.Ticket = api.LinkQuestion, uint64(ticket)
	if err := deliver(e); err != nil {
		return api.LinkAnswer{}, err
	}
	select {
	case answer := <-answers:
		return answer, nil
	case <-ctx.Done():
		return api.LinkAnswer{}, context.Cause(ctx)
	}
}

// linkedByHand records a device that has proven itself, and uses the link to it.
func (a *agent) linkedByHand(l *webrtc.Link, save pairing.Save) api.LinkEvent {
	if err := a.recordLinked(save); err != nil {
		l.Close("it could not be recorded")
		return api.LinkEvent{Event: api.LinkEnded, Kind: api.Failed, Text: err.Error()}
	}
	a.start(func() { a.useLink(l.Link, kindOf(l), 0) })
	e := api.LinkEvent{Event: api.LinkLinked, ID: save.Device, Name: a.deviceName(save.Device)}
	for _, o := range save.Given {
		e.Folders = append(e.Folders, a.linkFolder(o, a.pathOf(o.Folder)))
	}
	for _, t := range save.Taken {
		e.Folders = append(e.Folders, a.linkFolder(t.Offer, t.Path))
	}
	return e
}

func (a *agent) carryEvent(ctx context.Context, text, name string) api.LinkEvent {
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(webrtc.HandTime)
	}
	return api.LinkEvent{Event: api.LinkCarry, Link: text, Name: name, Expires: status.MomentOf(until)}
}

func noWay(err error) api.LinkEvent {
	return api.LinkEvent{Event: api.LinkEnded, Kind: api.Failed, Text: fmt.Sprintf("not linked: no way between the two "+
		"devices was found: %v; `shoal doctor` on both says what is in the way: a STUN server or a relay in the "+
		"setting stun helps, and a rendezvous", err)}
}

// handCard is what this device says of itself in texts that strangers may read.
func (a *agent) handCard() pairing.Card {
	return pairing.Card{Name: a.ownName(), Port: a.listener.Addr().Port(), Announce: a.key.Announce()}
}

func handName(c pairing.Card, id ident.DeviceID) string {
	if c.Name == "" {
		return id.Short()
	}
	return c.Name
}
