package webrtc

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/datachannel"
	pion "github.com/pion/webrtc/v4"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
)

const (
	// gatherWait lets the addresses of this computer, which are known in a moment, go into
	// the first word: that spares the other side a wait.
	gatherWait = 20 * time.Millisecond
	// teardownTime is how long the last word of a call may take to go out.
	teardownTime = 3 * time.Second
	// closeTime is how long the end of all links may take when the program ends: what has
	// not come to its end by then waits for somebody who does not answer.
	closeTime = 1500 * time.Millisecond
	// wordsMax is how many words of the other side may wait: one for each of its candidates.
	wordsMax  = candidatesMax
	channelID = 0
	// strandsRoom has room for all strands of all sockets of a call, so that none waits.
	strandsRoom = 16 * strandsMax
	// bothCalled is the reason of a hang up that is no failure.
	bothCalled = "both called at once"
)

var (
	errWrongDevice = errors.New("another device answers there")
	errHungUp      = errors.New("it hung up")
)

// call is one attempt to make a link, and then what the link stands on.
type call struct {
	endpoint *Endpoint
	device   ident.DeviceID
	number   uint64
	outgoing bool
	ctx      context.Context
	cancel   context.CancelCauseFunc
	words    chan word

	gatherer *pion.ICEGatherer
	ice      *pion.ICETransport
	dtls     *pion.DTLSTransport
	sctp     *pion.SCTPTransport
	sockets  *sockets     // shared with QUIC; nil when only a data channel is wanted
	strands  chan *strand // that the caller opened
	carried  chan []byte  // the first word, when people carry it; else nil
	made     *Link

	mu       sync.Mutex
	step     string              // what is under way, for people
	found    []pion.ICECandidate // where this computer may be reached
	said     int                 // how many of those the other side was told of
	first    word                // the offer or answer, without candidates; none before it is said
	told     bool                // it is out: more candidates follow it
	remote   int                 // candidates of the other side
	ended    bool
	complete chan struct{} // closed when all candidates have been gathered
	whole    sync.Once
}

func newCall(ctx context.Context, e *Endpoint, device ident.DeviceID, number uint64) *call {
	c := &call{
		endpoint: e, device: device, number: number, words: make(chan word, wordsMax),
		step: "nothing was gathered", complete: make(chan struct{}), strands: make(chan *strand, strandsRoom),
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// hear takes in a word of the other side. What does not fit is dropped: a caller that
// floods us harms its own call.
func (c *call) hear(w word) {
	if w.kind == wordHangUp && w.reason == bothCalled {
		c.giveUp(ErrCalledBack)
		return
	}
	if w.kind == wordHangUp {
		c.giveUp(fmt.Errorf("%w: %s", errHungUp, strings.ToValidUTF8(w.reason, "?")))
		return
	}
	select {
	case c.words <- w:
	default:
	}
}

func (c *call) giveUp(why error) { c.cancel(why) }

func (c *call) link() *Link { return c.made }

// run makes the link. When it fails, nothing of the call is left.
func (c *call) run() error {
	err := c.connect()
	if cause := context.Cause(c.ctx); cause != nil && err != nil {
		err = cause
	}
	if err != nil {
		c.teardown()
		if !errors.Is(err, errHungUp) && !errors.Is(err, ErrCalledBack) {
			c.say(word{kind: wordHangUp, reason: err.Error()})
		}
	}
	return err
}

func (c *call) connect() error {
	api, err := c.prepare()
	if err != nil {
		return err
	}
	if err := c.gather(api); err != nil {
		return err
	}
	own, err := c.gatherer.GetLocalParameters()
	if err != nil {
		return err
	}
	first, err := c.exchange(own)
	if err != nil {
		return err
	}
	c.now("no way was found")
	c.endpoint.work.Go(c.followWords)
	role := pion.ICERoleControlled
	if c.outgoing {
		role = pion.ICERoleControlling
	}
	if err := c.ice.StartContext(c.ctx, nil, first.ice, &role); err != nil {
		return fmt.Errorf("find a way: %w", err)
	}
	c.now("the way was found, the proof was not finished")
	if c.sockets != nil && first.abilities&abilityQUIC != 0 {
		if c.outgoing {
			return c.callByStrand(api, first.print)
		}
		return c.answerByEither(api, first.print)
	}
	return c.byChannel(api, first.print)
}

// prepare makes the library ready, with sockets that QUIC shares unless that has failed.
func (c *call) prepare() (*pion.API, error) {
	if !c.endpoint.opts.NoQUIC {
		shared, err := newSockets(c.offerStrand)
		if err != nil {
			return nil, err
		}
		shared.holding = c.carried != nil
		c.sockets = shared
	}
	return c.endpoint.api(c.sockets, c.carried != nil), nil
}

func (c *call) byChannel(api *pion.API, print [32]byte) error {
	if err := c.prove(print); err != nil {
		return err
	}
	return c.open(api)
}

// callByStrand tries QUIC first. The callee waits for either.
func (c *call) callByStrand(api *pion.API, print [32]byte) error {
	pair, err := c.ice.GetSelectedCandidatePair()
	if err != nil {
		return fmt.Errorf("which way was found: %w", err)
	}
	l, err := c.dialStrands(pair)
	switch {
	case err == nil:
		c.carryStrand(l)
		return nil
	case errors.Is(err, errWrongDevice) || c.ctx.Err() != nil:
		return err
	case !errors.Is(err, errNoStrand):
		c.endpoint.opts.Log.Debug("no strand, but a data channel", "device", c.device.Short(), "reason", err)
	}
	return c.byChannel(api, print)
}

// answerByEither takes whichever the caller comes by: all of its strands, or, when some of
// them did not get through in its time, the proof that a channel begins with.
func (c *call) answerByEither(api *pion.API, print [32]byte) error {
	proven := make(chan error, 1)
	c.endpoint.work.Go(func() { proven <- c.prove(print) })
	var strands []*strand
	for {
		select {
		case l := <-c.strands:
			if strands = append(strands, l); len(strands) >= strands[0].of {
				c.carryStrand(newStripe(strands, c.teardown))
				return nil
			}
		case err := <-proven:
			switch {
			case err == nil:
				for _, l := range strands {
					_ = l.conn.CloseWithError(0, "a channel instead") // the caller gave it up
				}
				return c.open(api)
			case len(strands) == 0:
				return err
			}
			proven = nil // the rest may still come
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
	}
}

// carryStrand makes a link of strands.
func (c *call) carryStrand(l *stripe) {
	c.watch()
	c.made = &Link{Striped: true, Link: direct.Carry(l,
		direct.Ends{Device: c.device, Remote: l.strands[0].remote(), Incoming: !c.outgoing}, c.endpoint.opts.Gates)}
}

// watch ends the link when ICE has lost the way.
func (c *call) watch() {
	c.ice.OnConnectionStateChange(func(s pion.ICETransportState) {
		if s == pion.ICETransportStateFailed || s == pion.ICETransportStateClosed {
			c.teardown() // the reader learns of it
		}
	})
}

func (c *call) now(step string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step = step
}

// progress says how far a call has come, for people.
func (c *call) progress() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.step
}

// gather begins to find out where this computer may be reached.
func (c *call) gather(api *pion.API) (err error) {
	opts := pion.ICEGatherOptions{}
	through := c.endpoint.opts.Through()
	if through != nil {
		opts.ICEGatherPolicy = pion.ICETransportPolicyRelay
	}
	for _, s := range c.endpoint.opts.Servers() {
		if through == nil || byTCP(s.URL) {
			opts.ICEServers = append(opts.ICEServers,
				pion.ICEServer{URLs: []string{s.URL}, Username: s.User, Credential: s.Password})
		}
	}
	if through != nil && len(opts.ICEServers) == 0 {
		return errors.New("the proxy lets no UDP out, and no relay is known that is reached by TCP")
	}
	if c.gatherer, err = api.NewICEGatherer(opts); err != nil {
		return err
	}
	c.gatherer.OnLocalCandidate(c.gathered)
	c.ice = pion.NewICETransport(c.gatherer, quiet{})
	if c.dtls, err = api.NewDTLSTransport(c.ice, []pion.Certificate{c.endpoint.cert}); err != nil {
		return err
	}
	c.sctp = api.NewSCTPTransport(c.dtls)
	c.ice.OnConnectionStateChange(func(s pion.ICETransportState) {
		if s == pion.ICETransportStateFailed {
			c.cancel(errors.New("no pair of addresses leads from one device to the other"))
		}
	})
	return c.gatherer.Gather()
}

// byTCP reports whether a server is reached by TCP.
func byTCP(url string) bool {
	return strings.HasPrefix(url, "turns:") || strings.HasPrefix(url, "turn:") && strings.HasSuffix(url, "transport=tcp")
}

// gathered takes in a candidate of this computer; nil comes after the last one.
func (c *call) gathered(found *pion.ICECandidate) {
	if found == nil {
		c.whole.Do(func() { close(c.complete) })
		return
	}
	_, addr := kindOf(*found)
	if !c.endpoint.usable(addr) {
		return
	}
	c.mu.Lock()
	if len(c.found) == candidatesMax {
		c.mu.Unlock()
		return
	}
	c.found = append(c.found, *found)
	told := c.told
	c.mu.Unlock()
	if told {
		c.endpoint.work.Go(c.sayMore)
	}
}

// exchange says the first word and waits for that of the other side.
func (c *call) exchange(own pion.ICEParameters) (word, error) {
	w := word{kind: wordAnswer, ice: own, print: c.endpoint.print}
	if c.sockets != nil {
		w.abilities |= abilityQUIC
	}
	if c.outgoing {
		w.kind = wordOffer
	}
	wait := gatherWait
	if c.carried != nil {
		wait = handGather // what is found later is never told
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.complete:
	case <-c.ctx.Done():
		return word{}, context.Cause(c.ctx)
	}
	c.mu.Lock()
	c.first = w
	c.mu.Unlock()
	if err := c.sayFirst(); err != nil {
		return word{}, err
	}
	c.now("it did not answer the call")
	if c.carried != nil && c.sockets != nil {
		ctx, stop := context.WithCancel(c.ctx)
		defer stop()
		c.endpoint.work.Go(func() { c.sockets.keepOpen(ctx, handKeep) })
	}
	for {
		select {
		case heard := <-c.words:
			c.believe(heard)
			if heard.kind != wordCandidates { // these overtook the answer
				return heard, nil
			}
		case <-c.ctx.Done():
			return word{}, context.Cause(c.ctx)
		}
	}
}

// sayFirst says the offer or answer, with all that was gathered by now, and then what was
// found meanwhile. To the other side a word before the offer would belong to no call.
func (c *call) sayFirst() error {
	c.mu.Lock()
	w := c.first
	w.candidates = slices.Clone(c.found[:min(len(c.found), candidatesWordMax)])
	c.said = len(w.candidates)
	c.mu.Unlock()
	if err := c.say(w); err != nil {
		return err
	}
	c.mu.Lock()
	c.told = true
	c.mu.Unlock()
	c.sayMore()
	return nil
}

// sayMore says what was found since the other side was told of candidates.
func (c *call) sayMore() {
	c.mu.Lock()
	more := slices.Clone(c.found[c.said:])
	c.said = len(c.found)
	c.mu.Unlock()
	for part := range slices.Chunk(more, candidatesWordMax) {
		if err := c.say(word{kind: wordCandidates, candidates: part}); err != nil {
			c.endpoint.opts.Log.Debug("candidates not told", "device", c.device.Short(), "reason", err)
		}
	}
}

// repeat says it once more. The other side takes no harm from hearing it twice.
func (c *call) repeat() {
	c.mu.Lock()
	begun := c.first.kind != 0
	c.mu.Unlock()
	if !begun || c.ctx.Err() != nil {
		return
	}
	if err := c.sayFirst(); err != nil {
		c.endpoint.opts.Log.Debug("word not repeated", "device", c.device.Short(), "reason", err)
	}
}

// say sends a word, if there is somebody to carry it.
func (c *call) say(w word) error {
	if c.carried != nil {
		c.hand(w)
		return nil
	}
	w.call = c.number
	ctx := c.ctx
	if w.kind == wordHangUp { // said when the call is over
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(c.endpoint.ctx, teardownTime)
		defer cancel()
	}
	if err := c.endpoint.opts.Send(ctx, c.device, w.append(nil)); err != nil {
		return fmt.Errorf("nobody carries the call: %w", err)
	}
	return nil
}

// followWords takes in candidates while the call goes on.
func (c *call) followWords() {
	for {
		select {
		case w := <-c.words:
			c.believe(w) // a first word that was repeated may know more
		case <-c.ctx.Done():
			return
		}
	}
}

// believe tries the addresses the other side has named.
func (c *call) believe(w word) {
	for i := range w.candidates {
		c.mu.Lock()
		c.remote++
		full := c.remote > candidatesMax
		c.mu.Unlock()
		_, addr := kindOf(w.candidates[i])
		if full || !c.endpoint.usable(addr) {
			continue
		}
		if err := c.ice.AddRemoteCandidate(&w.candidates[i]); err != nil {
			c.endpoint.opts.Log.Debug("candidate not taken", "device", c.device.Short(), "reason", err)
		}
	}
}

// prove shows this device's certificate and checks the other's: first that it is the one
// the words were about, then that its key is the wanted device's.
func (c *call) prove(print [32]byte) error {
	// The role is that of the other side.
	params := pion.DTLSParameters{Role: pion.DTLSRoleClient}
	if c.outgoing {
		params.Role = pion.DTLSRoleServer
	}
	params.Fingerprints = []pion.DTLSFingerprint{{Algorithm: "sha-256", Value: printText(print)}}
	if err := c.dtls.StartContext(c.ctx, params); err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	cert, err := x509.ParseCertificate(c.dtls.GetRemoteCertificate())
	if err != nil {
		return fmt.Errorf("its certificate cannot be read: %w", err)
	}
	key, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("%w: its certificate has no Ed25519 key", errWrongDevice)
	}
	if got := ident.DeviceFromKey(key); got != c.device {
		return fmt.Errorf("%w: it is %s", errWrongDevice, got)
	}
	return nil
}

// printText writes a fingerprint as RFC 8122 does.
func printText(print [32]byte) string {
	digits := hex.EncodeToString(print[:])
	pairs := make([]string, 0, len(print))
	for i := 0; i < len(digits); i += 2 {
		pairs = append(pairs, digits[i:i+2])
	}
	return strings.Join(pairs, ":")
}

// open begins SCTP and its one channel. The caller announces the channel and the callee
// waits for that: what is said on a channel that the other side does not have yet is lost.
func (c *call) open(api *pion.API) error {
	c.now("the other device was proven, the channel did not open")
	stop := context.AfterFunc(c.ctx, c.teardown) // frees a start that hangs
	opened := make(chan *pion.DataChannel, 1)
	if !c.outgoing {
		c.sctp.OnDataChannel(func(dc *pion.DataChannel) {
			dc.OnOpen(func() {
				select {
				case opened <- dc:
				default: // one is enough
				}
			})
		})
	}
	if err := c.sctp.Start(pion.SCTPCapabilities{MaxMessageSize: messageMax}); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if c.outgoing {
		id := uint16(channelID)
		dc, err := api.NewDataChannel(c.sctp, &pion.DataChannelParameters{Label: "shoal", ID: &id, Ordered: true})
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		opened <- dc
	}
	var dc *pion.DataChannel
	select {
	case dc = <-opened:
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
	raw, err := dc.DetachWithDeadline()
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if !stop() {
		return context.Cause(c.ctx)
	}
	return c.carry(raw)
}

// carry makes the link. From here on the call ends with the link, not with its context.
func (c *call) carry(raw datachannel.ReadWriteCloserDeadliner) error {
	pair, err := c.ice.GetSelectedCandidatePair()
	if err != nil {
		return fmt.Errorf("which way was found: %w", err)
	}
	local, remote := addrOf(pair.Local), addrOf(pair.Remote)
	ch, err := newChannel(raw, [2]net.Addr{net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(remote)}, c.teardown)
	if err != nil {
		return err
	}
	c.watch()
	c.made = &Link{
		Link: direct.Carry(ch, direct.Ends{Device: c.device, Remote: remote, Incoming: !c.outgoing},
			c.endpoint.opts.Gates),
		Relayed: relayed(pair),
	}
	return nil
}

func addrOf(c *pion.ICECandidate) netip.AddrPort {
	addr, err := netip.ParseAddr(c.Address)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), c.Port)
}

// teardown ends everything a call stands on. It returns at once: what the layers below do
// for a good end may take its time, and has hung before.
func (c *call) teardown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	c.cancel(nil)
	gatherer, ice, dtls, sctp := c.gatherer, c.ice, c.dtls, c.sctp
	c.endpoint.work.Go(func() {
		// Errors here say that something had ended already.
		if sctp != nil {
			_ = sctp.Stop()
		}
		if dtls != nil {
			_ = dtls.Stop()
		}
		switch {
		case ice != nil:
			_ = ice.GracefulStop()
		case gatherer != nil:
			_ = gatherer.GracefulClose()
		}
	})
}
