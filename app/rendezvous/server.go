// Package rendezvous is the server that anyone can run so that devices find each other: it
// tells devices who is present, carries their sealed letters, joins them by pipes, tells
// them how the outside sees them (STUN) and relays for those that need it (TURN).
//
// It knows sockets, certificates and quotas. What a device may ask for is decided by the
// tracker core. It learns addresses and ids of devices, never names, content or codes. The
// program app/shoal runs it.
//
// One port number carries everything. On UDP it is STUN and TURN. On TCP the first byte
// tells:
//
//	0x16 ──▶ TLS ──▶ 0..3 ──▶ TURN       0..3 ──▶ TURN       else ──▶ a word for people
//	          └────▶ else ──▶ HTTPS: /devices (WebSocket), /pipe (WebSocket)
package rendezvous

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/turn/v5"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/discovery/tracker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/internal/step"
)

// Options say how a server is to run.
type Options struct {
	Listen netip.AddrPort // an unspecified address means all
	// Public is the address that devices reach the server at, and that relays are at.
	Public netip.Addr
	// Host is the name or address in the URL; empty means Public.
	Host string
	// CertFile and KeyFile hold a certificate that systems trust. Without them the server
	// makes a key of its own, in KeyDir, and the URL pins it.
	CertFile, KeyFile string
	KeyDir            string
	Token             string    // empty lets every device in
	Devices           int       // most at once
	RelayRate         pace.Rate // of one device, each way, pipes and TURN together
	TotalRate         pace.Rate // of all of them
	Metrics           string    // ADDR:PORT for Prometheus; empty for none
	Log               *slog.Logger
	idle              time.Duration // ends a silent pipe; zero means idleTime; for tests
}

const (
	// tickEvery is how often is looked for what has had its time; leases are a minute.
	tickEvery = 250 * time.Millisecond
	// headTime is how long a connection may take for TLS and the head of its request.
	headTime = 10 * time.Second
	// strangersMax connections may be at that, and strangersOfOne from one address.
	strangersMax   = 2048
	strangersOfOne = 256
)

// Server is a running rendezvous. Its methods may be called from several goroutines.
type Server struct {
	opts    Options
	clock   step.Clock
	place   post.Place
	secret  []byte // of TURN credentials
	front   *front
	web     *http.Server
	turn    *turn.Server
	relays  *relays
	ctx     context.Context
	ending  context.CancelFunc
	work    sync.WaitGroup
	lastID  atomic.Uint64
	metrics net.Listener
	relayed atomic.Uint64 // bytes through pipes

	mu    sync.Mutex
	core  *tracker.Core
	desks map[tracker.ConnID]*desk
	ends  map[tracker.ConnID]*end
	rates map[ident.DeviceID]*share
	all   *share
}

// Open binds the port and starts to serve.
func Open(opts Options) (*Server, error) {
	keys, err := certificateOf(opts)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: opts, clock: step.NewClock(), desks: map[tracker.ConnID]*desk{}, ends: map[tracker.ConnID]*end{},
		rates: map[ident.DeviceID]*share{}, all: newShare(opts.TotalRate), secret: make([]byte, 32),
	}
	rand.Read(s.secret) // never fails: crypto/rand ends the program instead
	s.ctx, s.ending = context.WithCancel(context.Background())
	tcp, udp, err := bind(opts.Listen)
	if err != nil {
		return nil, err
	}
	host := opts.Host
	if host == "" {
		host = opts.Public.String()
	}
	port := netip.MustParseAddrPort(tcp.Addr().String()).Port()
	s.place = post.Place{Host: net.JoinHostPort(host, fmt.Sprint(port)), Pin: keys.pin, Token: opts.Token}
	s.core = tracker.New(tracker.Rules{
		Audiences: []string{s.place.Audience()}, Token: opts.Token, Devices: opts.Devices,
	})
	s.front = newFront(tcp, keys.config(), opts.Log)
	if err := s.startTurn(udp); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if opts.Metrics != "" {
		if s.metrics, err = net.Listen("tcp", opts.Metrics); err != nil {
			return nil, errors.Join(fmt.Errorf("listen on %s for metrics: %w", opts.Metrics, err), s.Close())
		}
		s.serve(&http.Server{Handler: http.HandlerFunc(s.showMetrics), ReadHeaderTimeout: headTime}, s.metrics)
	}
	s.web = &http.Server{
		Handler: s.pages(), ReadHeaderTimeout: headTime, IdleTimeout: headTime,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	s.serve(s.web, s.front.web)
	s.start(s.front.run)
	s.start(s.tick)
	return s, nil
}

// URL is what devices are told: where the server is, and its pinned key.
func (s *Server) URL() string { return s.place.String() }

// Close ends all connections and returns when everything has ended.
func (s *Server) Close() error {
	s.ending()
	err := s.front.close()
	if s.web != nil {
		err = errors.Join(err, s.web.Close())
	}
	if s.metrics != nil {
		err = errors.Join(err, s.metrics.Close())
	}
	if s.turn != nil {
		err = errors.Join(err, s.turn.Close())
	}
	s.mu.Lock()
	for _, d := range s.desks {
		d.cut("the server stops")
	}
	for _, e := range s.ends {
		_ = e.conn.CloseNow() // it ends either way
	}
	s.mu.Unlock()
	s.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // one of them closed another's socket first
	}
	return err
}

func (s *Server) start(work func()) {
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		work()
	}()
}

func (s *Server) serve(server *http.Server, on net.Listener) {
	s.start(func() {
		if err := server.Serve(on); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.opts.Log.Error("cannot serve", "address", on.Addr().String(), "error", err)
		}
	})
}

func (s *Server) tick() {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		if now := s.clock.Now(); s.core.Deadline() <= now {
			s.actLocked(s.core.Tick(now))
		}
		s.mu.Unlock()
	}
}

// handle tells the core what happened, and does what it orders. Nothing of that waits.
func (s *Server) handle(e tracker.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actLocked(s.core.Handle(s.clock.Now(), e))
}

func (s *Server) actLocked(effects []tracker.Effect) {
	for _, f := range effects {
		switch f := f.(type) {
		case tracker.Tell:
			if d := s.desks[f.Conn]; d != nil {
				d.tell(s.equip(d, f.Message))
			}
		case tracker.Drop:
			if d := s.desks[f.Conn]; d != nil {
				d.cut(f.Reason)
			}
			if e := s.ends[f.Conn]; e != nil {
				e.refused = f.Reason
				close(e.joined)
				delete(s.ends, f.Conn)
			}
		case tracker.Join:
			s.joinLocked(f)
		}
	}
}

// draw returns chance for one event.
func draw() (chance tracker.Chance) {
	rand.Read(chance[:])
	return chance
}

// bind takes the TCP and the UDP port of the same number.
func bind(at netip.AddrPort) (net.Listener, net.PacketConn, error) {
	text := at.String()
	if at.Addr() == netip.IPv6Unspecified() || !at.Addr().IsValid() {
		text = fmt.Sprintf(":%d", at.Port())
	}
	for try := 0; ; try++ {
		tcp, err := net.Listen("tcp", text)
		if err != nil {
			return nil, nil, fmt.Errorf("listen on TCP %s: %w", text, err)
		}
		udpAt := *tcp.Addr().(*net.TCPAddr)
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: udpAt.IP, Port: udpAt.Port})
		if err == nil {
			return tcp, udp, nil
		}
		err = errors.Join(fmt.Errorf("listen on UDP %s: %w", text, err), tcp.Close())
		if at.Port() != 0 || try == 10 { // a free port may be taken on UDP: take another
			return nil, nil, err
		}
	}
}
