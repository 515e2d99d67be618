// Package rendezvous is a device's side of a rendezvous: it stays registered there, asks
// where others are, sends and takes sealed letters, and opens pipes.
//
// It knows connections, their ends and how long to wait. It trusts the server with nothing
// but its service: what is said in letters is sealed before it gets here, and through pipes
// devices run TLS that proves their keys. The host calls it, and decides whom to call.
package rendezvous

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// dialTime is how long reaching the server and saying who we are may take.
	dialTime = 15 * time.Second
	// askTime is how long an answer may take.
	askTime = 10 * time.Second
	// aliveEvery keeps the lease, and the way through routers that forget a quiet connection
	// within a minute. A third of the lease lets two of them be lost.
	aliveEvery = 20 * time.Second
	// silence ends a connection on which nothing was heard; each alive is answered.
	silence = 2*aliveEvery + 10*time.Second
	// A server that cannot be reached is tried again after a second, then ever more slowly:
	// ten thousand devices come back to one that was started anew within a lease.
	againMin = time.Second
	againMax = 30 * time.Second
	// pipesMax pipes that other devices open may be in the making at once.
	pipesMax = 32
	// Letters are taken lettersMax at once, and one more each lettersEvery: to open one
	// costs a tenth of a millisecond, and who sends them may be the server itself.
	lettersMax   = 256
	lettersEvery = 20 * time.Millisecond
)

// ErrAway reports that no connection to the server stands now.
var ErrAway = errors.New("the rendezvous is not reached")

// Options say which server, who this device is, and who hears what comes.
type Options struct {
	Place post.Place
	Key   ed25519.PrivateKey
	Card  []byte // with which key letters to this device are sealed
	// Dial opens TCP connections; the host leads them through proxies.
	Dial func(ctx context.Context, hostPort string) (net.Conn, error)
	// Letter takes a letter. It must not wait.
	Letter func(from ident.DeviceID, body []byte)
	// Called takes a pipe that another device opened, on a goroutine of its own. Slot is the
	// code's when it was called for one, else 0. From is what the server says.
	Called func(from ident.DeviceID, slot uint16, pipe net.Conn)
	// Takes reports whether such a call is to be taken at all.
	Takes func(from ident.DeviceID, slot uint16) bool
	// Changed is told whenever State has changed. It must not wait.
	Changed func()
	Log     *slog.Logger
}

// State is how things stand with a server.
type State struct {
	Connected bool
	At        netip.AddrPort // this device as the server sees it
	Reason    string         // why it is not reached
	Turn      *post.Turn     // nil when the server told none, or it is over
}

// Client is a device's connection to one server. Its methods may be called from several
// goroutines.
type Client struct {
	opts Options
	work sync.WaitGroup
	news news

	mu      sync.Mutex
	heard   uint64          // how many messages came
	trip    trip            // to the server and back
	turns   turns           // of this connection
	conn    *websocket.Conn // nil while there is none
	state   State
	turnEnd time.Time
	remote  netip.AddrPort
	last    uint64
	waiting map[uint64]chan post.Message
	pipes   int
	letters int       // that may come at once
	fed     time.Time // when letters was filled last
}

// New returns a client that has not connected yet; Run does.
func New(opts Options) *Client {
	return &Client{
		opts: opts, waiting: map[uint64]chan post.Message{}, news: newNews(),
		state: State{Reason: "it is being reached for the first time"},
	}
}

// Place is which server this is.
func (c *Client) Place() post.Place { return c.opts.Place }

// State returns how things stand.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.state
	if time.Now().After(c.turnEnd) {
		out.Turn = nil
	}
	return out
}

// Run stays connected until the context ends, and returns when everything it started has
// ended. It is to be called once.
func (c *Client) Run(ctx context.Context) {
	defer c.work.Wait()
	wait := againMin
	for {
		began := time.Now()
		err := c.session(ctx)
		if ctx.Err() != nil {
			return
		}
		c.setState(State{Reason: err.Error()})
		c.opts.Log.Debug("rendezvous not reached", "server", c.opts.Place.Plain(), "reason", err.Error())
		if time.Since(began) > 2*aliveEvery {
			wait = againMin
		}
		pause := wait/2 + rand.N(wait)
		if errors.Is(err, errSilent) {
			pause = rand.N(silentSpread)
			c.mu.Lock()
			c.news.silent = time.Now()
			c.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-c.news.moved:
			wait = againMin
			continue
		case <-time.After(pause):
		}
		wait = min(2*wait, againMax)
	}
}

func (c *Client) setState(s State) {
	c.mu.Lock()
	changed := c.state.Connected != s.Connected || c.state.Reason != s.Reason || c.state.At != s.At
	c.state = s
	c.mu.Unlock()
	if changed {
		c.opts.Changed()
	}
}

// session is one connection, from its beginning to its end.
func (c *Client) session(ctx context.Context) error {
	conn, err := c.register(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.work.Add(1)
	go func() {
		defer c.work.Done()
		cancel(c.keepAlive(ctx, conn))
	}()
	for {
		m, err := hear(ctx, conn, silence)
		if err != nil {
			c.leave(conn)
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return err
		}
		c.mu.Lock()
		c.heard++
		c.mu.Unlock()
		if m.Kind == post.Refused && m.Ticket == 0 {
			c.leave(conn)
			return errors.New(m.Reason)
		}
		c.take(ctx, m)
	}
}

// register connects and proves who this device is.
func (c *Client) register(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTime, fmt.Errorf("no answer within %v", dialTime))
	defer cancel()
	ctx, stop := c.untilMoved(ctx)
	defer stop()
	conn, err := c.open(ctx, "/devices")
	if err != nil {
		return nil, err
	}
	m, err := c.introduce(ctx, conn)
	if err != nil {
		_ = conn.CloseNow() // it has failed already
		return nil, err
	}
	c.mu.Lock()
	c.conn, c.turns = conn, turns{}
	c.mu.Unlock()
	c.takeTurn(m.Turn)
	c.mu.Lock()
	state := State{Connected: true, At: m.At, Turn: c.state.Turn}
	c.mu.Unlock()
	c.setState(state)
	return conn, nil
}

func (c *Client) introduce(ctx context.Context, conn *websocket.Conn) (post.Message, error) {
	m, err := hear(ctx, conn, dialTime)
	if err == nil && m.Kind == post.Refused {
		err = errors.New(m.Reason)
	}
	if err == nil && (m.Kind != post.Hello || m.Nonce == nil) {
		err = errors.New("what answers there is no rendezvous")
	}
	if err == nil && m.Version != post.Version {
		err = fmt.Errorf("it speaks version %d, this device speaks %d: update the older one", m.Version, post.Version)
	}
	if err != nil {
		return m, err
	}
	c.note(func(now time.Time) {
		c.trip.asked = nil // on an older connection; nobody answers that
		c.trip.ask(now)
	})
	err = say(ctx, conn, post.Message{
		Kind: post.Register, Key: c.opts.Key.Public().(ed25519.PublicKey), Card: c.opts.Card, Token: c.opts.Place.Token,
		Signature: post.Sign(c.opts.Key, c.opts.Place.Audience(), m.Nonce),
	})
	if err != nil {
		return m, err
	}
	m, err = hear(ctx, conn, dialTime)
	switch {
	case err != nil:
		return m, err
	case m.Kind == post.Refused:
		return m, errors.New(m.Reason)
	case m.Kind != post.Registered:
		return m, errors.New("what answers there is no rendezvous")
	}
	c.note(c.trip.answer)
	return m, nil
}

// open opens a WebSocket to a server that shows the pinned key, or one systems trust.
func (c *Client) open(ctx context.Context, path string) (*websocket.Conn, error) {
	place := c.opts.Place
	config := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}
	if place.Pin != "" {
		config.InsecureSkipVerify = true // the key is checked instead of who vouches for it
		config.VerifyConnection = func(state tls.ConnectionState) error { return pinned(state, place.Pin) }
	}
	web := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := c.opts.Dial(ctx, place.Host)
			if err == nil {
				c.noteRemote(conn.RemoteAddr())
			}
			return conn, err
		},
		TLSClientConfig:   config,
		DisableKeepAlives: true,
	}}
	conn, answer, err := websocket.Dial(ctx, "https://"+place.Host+path, &websocket.DialOptions{
		HTTPClient: web, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		} else if answer != nil {
			err = fmt.Errorf("what answers there is no rendezvous (%s)", answer.Status)
		}
		return nil, bare(err)
	}
	conn.SetReadLimit(post.MessageMax)
	return conn, nil
}

// noteRemote remembers the server's address, for people.
func (c *Client) noteRemote(at net.Addr) {
	if tcp, ok := at.(*net.TCPAddr); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.remote = netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
	}
}

// Remote is the server's address as it was reached last, or that of what led there.
func (c *Client) Remote() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remote
}

func pinned(state tls.ConnectionState, pin string) error {
	cert := state.PeerCertificates[0] // TLS has made sure that there is one
	public, err := x509.MarshalPKIXPublicKey(cert.PublicKey)
	if err != nil {
		return err
	}
	if post.PinOf(public) != pin {
		return errors.New("the server shows another key than its address says: " +
			"either it was set up anew, or somebody stands between")
	}
	return nil
}

func hear(ctx context.Context, conn *websocket.Conn, within time.Duration) (post.Message, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("nothing was heard for %v", within))
	defer cancel()
	_, text, err := conn.Read(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return post.Message{}, cause
		}
		return post.Message{}, fmt.Errorf("the connection broke: %w", bare(err))
	}
	return post.Parse(text)
}

// bare leaves out what only programmers want to know.
func bare(err error) error {
	var closed websocket.CloseError
	if errors.As(err, &closed) && closed.Reason != "" {
		return errors.New(closed.Reason)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server closed it")
	}
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

func say(ctx context.Context, conn *websocket.Conn, m post.Message) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, post.Append(nil, m))
}

func (c *Client) keepAlive(ctx context.Context, conn *websocket.Conn) error {
	ticker := time.NewTicker(aliveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.news.doubted:
			if err := c.doubted(ctx, conn); err != nil {
				return err
			}
		case <-c.news.moved:
			if err := c.prove(ctx, conn); err != nil {
				return err
			}
		case <-ticker.C:
			if err := c.sayAlive(ctx, conn); err != nil {
				return err
			}
		}
	}
}

// leave ends the connection, and frees who waits for an answer.
func (c *Client) leave(conn *websocket.Conn) {
	_ = conn.CloseNow() // it has ended either way
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == conn {
		c.conn = nil
	}
	for ticket, answer := range c.waiting {
		close(answer)
		delete(c.waiting, ticket)
	}
}

// take hands a message to whom it concerns.
func (c *Client) take(ctx context.Context, m post.Message) {
	switch m.Kind {
	case post.Alive:
		c.note(c.trip.answer)
		c.takeTurn(m.Turn)
	case post.Letter:
		if c.mayTake() {
			c.opts.Letter(m.Device, m.Body)
		}
	case post.Called:
		c.called(ctx, m)
	case post.Found, post.Claimed, post.Pipe, post.Shared, post.Members, post.Refused:
		c.mu.Lock()
		answer := c.waiting[m.Ticket]
		delete(c.waiting, m.Ticket)
		c.mu.Unlock()
		if answer != nil {
			answer <- m // it has room for one
		}
	}
}

// mayTake reports whether there is room for one more letter. What is dropped is told again.
func (c *Client) mayTake() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if more := int(time.Since(c.fed) / lettersEvery); more > 0 {
		c.letters, c.fed = min(c.letters+more, lettersMax), time.Now()
	}
	if c.letters == 0 {
		return false
	}
	c.letters--
	return true
}

func (c *Client) takeTurn(turn *post.Turn) {
	if turn == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Turn, c.turnEnd = turn, time.Now().Add(time.Duration(min(turn.Lasts, 24*3600))*time.Second)
}

// called takes up a pipe, unless too many are being taken up.
func (c *Client) called(ctx context.Context, m post.Message) {
	if len(m.Pipe) == 0 || !c.opts.Takes(m.Device, m.Slot) { // asked without the lock: it may ask us
		return
	}
	c.mu.Lock()
	full := c.pipes >= pipesMax
	if !full {
		c.pipes++
	}
	c.mu.Unlock()
	if full {
		return
	}
	c.work.Add(1)
	go func() {
		defer c.work.Done()
		pipe, err := c.pipe(ctx, m.Pipe)
		c.mu.Lock()
		c.pipes--
		c.mu.Unlock()
		if err != nil {
			c.opts.Log.Debug("a call could not be taken", "server", c.opts.Place.Plain(), "reason", err.Error())
			return
		}
		c.opts.Called(m.Device, m.Slot, pipe)
	}()
}

// pipe opens one end. It lives until it is closed, whatever becomes of the client.
func (c *Client) pipe(ctx context.Context, secret []byte) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTime, fmt.Errorf("no answer within %v", dialTime))
	defer cancel()
	conn, err := c.open(ctx, "/pipe?secret="+hex.EncodeToString(secret))
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(-1) // bytes of a stream: who reads takes what fits
	return newStream(conn), nil
}

// ask says something and waits for its answer.
func (c *Client) ask(ctx context.Context, m post.Message) (post.Message, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTime, fmt.Errorf("no answer within %v", askTime))
	defer cancel()
	c.mu.Lock()
	conn := c.conn
	c.last++
	m.Ticket = c.last
	answer := make(chan post.Message, 1)
	if conn != nil {
		c.waiting[m.Ticket] = answer
	}
	c.mu.Unlock()
	if conn == nil {
		return m, ErrAway
	}
	defer func() {
		c.mu.Lock()
		delete(c.waiting, m.Ticket)
		c.mu.Unlock()
	}()
	if err := say(ctx, conn, m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrAway, bare(err))
	}
	select {
	case got, ok := <-answer:
		switch {
		case !ok:
			return m, ErrAway
		case got.Kind == post.Refused:
			return m, Refusal(got.Reason)
		}
		return got, nil
	case <-ctx.Done():
		return m, context.Cause(ctx)
	}
}

// Refusal is what a server says when it does not do what it was asked for.
type Refusal string

// Error returns the server's words.
func (r Refusal) Error() string { return string(r) }
