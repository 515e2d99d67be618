// Package web is the page that shows a device without a screen in a browser: how things
// are, linking, adding a folder, conflicts, held deletes and the trash.
//
// It is off unless a person gives it an address. It asks the agent in the words of the local
// API, as the window does, and holds no state but which browsers were let in: a link that is
// good once lets one in, and only hashes of what they carry are stored. Requests that other
// pages cause are refused by the browser's own word about where they come from, by a secret
// in each form, and by the name the request was sent to. The page works without scripts;
// the one script it has keeps it fresh. Package shoal starts it beside the agent.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/shoal-sync/shoal/app/meet"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/assets"
)

//go:embed page
var files embed.FS

const (
	// freshEvery is the least time between two pictures of the page: more often could not be
	// read, and phones pay for it with their battery.
	freshEvery    = time.Second
	formMax       = 16 << 10
	headerMax     = 16 << 10
	headerTimeout = 5 * time.Second
	idleTimeout   = time.Minute
	stopTimeout   = time.Second
	// askTimeout bounds what a form may ask of the agent.
	askTimeout = time.Minute
	// streamsMax bounds how many pages are kept fresh at once.
	streamsMax = 32
)

// Agent is what the page asks; *api.Client is one.
type Agent interface {
	meet.Agent
	Status(ctx context.Context) (status.View, error)
	Watch(ctx context.Context, deliver func(status.View) error) error
}

// Options say how the page is served.
type Options struct {
	Home     string
	Language words.Language // empty follows each browser
	Log      *slog.Logger
}

// Server serves the page.
type Server struct {
	agent    Agent
	options  Options
	door     *door
	table    *meet.Table
	listener net.Listener
	papers   map[words.Language]*paper
	streams  chan struct{}
	linking  *bell
	ctx      context.Context
	end      context.CancelFunc
}

// Listen takes the address, HOST:PORT. Without a host it is this computer's own, which no
// other one reaches.
func Listen(address string, agent Agent, o Options) (*Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("web page: address %q: want ADDR:PORT", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	door, err := newDoor(o.Home, time.Now)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("web page: %w", err)
	}
	s := &Server{agent: agent, options: o, door: door, listener: listener,
		papers: newPapers(), streams: make(chan struct{}, streamsMax), linking: newBell()}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.table = meet.New(s.ctx, agent, s.linking.ring)
	return s, nil
}

// Addr returns where the page is served.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Open reports whether other computers can reach the page.
func (s *Server) Open() bool {
	at, ok := s.listener.Addr().(*net.TCPAddr)
	return !ok || !at.IP.IsLoopback()
}

// Run serves until the context ends. It is to be called once.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.guarded(s.routes()),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerMax,
		ErrorLog:          slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1) // room for the one result, so that Serve never waits
	go func() { ended <- server.Serve(s.listener) }()
	var failure error
	select {
	case failure = <-ended:
	case <-ctx.Done():
	}
	s.end()
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer stop()
	if server.Shutdown(limit) != nil {
		failure = errors.Join(failure, server.Close())
	}
	s.table.Close()
	if errors.Is(failure, http.ErrServerClosed) {
		return nil
	}
	return failure
}

// guarded lets through what was meant for us, by whom it may be.
func (s *Server) guarded(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if !ours(r) {
			http.Error(w, "This page is only shown under an address or the name of its own computer.",
				http.StatusMisdirectedRequest)
			return
		}
		if err := cross.Check(r); err != nil {
			http.Error(w, "This was asked by another page.", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, formMax)
		next.ServeHTTP(w, r)
	})
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.asGuest(s.showPage))
	mux.HandleFunc("GET /fresh", s.asGuest(s.keepFresh))
	mux.HandleFunc("GET /trash", s.asGuest(s.showTrash))
	mux.HandleFunc("GET /enter", s.showDoor)
	mux.HandleFunc("POST /enter", s.enter)
	mux.HandleFunc("POST /leave", s.asGuest(s.leave))
	for name, act := range acts {
		mux.HandleFunc("POST /do/"+name, s.asGuest(s.doing(act)))
	}
	for _, name := range []string{"page.css", "page.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, files, "page/"+name)
		})
	}
	mux.HandleFunc("GET /icon.svg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		s.write(w, assets.Icon())
	})
	return mux
}

// write sends what was drawn. Whoever has gone meanwhile does not want it.
func (s *Server) write(w http.ResponseWriter, text []byte) {
	if _, err := w.Write(text); err != nil {
		s.options.Log.Debug("a browser went away", "reason", err)
	}
}

// asGuest serves browsers that were let in, and tells the others how that is done.
func (s *Server) asGuest(next func(http.ResponseWriter, *http.Request, guest)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g, ok := s.door.known(r)
		if !ok {
			if r.Method != http.MethodGet {
				http.Error(w, "This browser is not let in any more: run shoal web on the device.", http.StatusForbidden)
				return
			}
			s.drawDoor(w, r, http.StatusForbidden, "")
			return
		}
		next(w, r, g)
	}
}

// showDoor shows a button that lets the browser in. The link alone does not: programs that
// look at links before a person does would use it up.
func (s *Server) showDoor(w http.ResponseWriter, r *http.Request) {
	s.drawDoor(w, r, http.StatusOK, r.URL.Query().Get("key"))
}

func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	cookie, ok, err := s.door.enter(r.PostFormValue("key"))
	if err != nil {
		s.options.Log.Error("a browser could not be let in", "reason", err)
	}
	if !ok || err != nil {
		s.drawDoor(w, r, http.StatusForbidden, "")
		return
	}
	s.options.Log.Info("a browser was let in to the web page", "address", r.RemoteAddr)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: cookie, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int(stayLasts.Seconds())})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) leave(w http.ResponseWriter, r *http.Request, g guest) {
	if r.PostFormValue("form") != g.Form {
		http.Error(w, "This form is too old: load the page anew.", http.StatusForbidden)
		return
	}
	if err := s.door.leave(r); err != nil {
		s.options.Log.Error("a browser could not be forgotten", "reason", err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// keepFresh sends the living part of the page whenever it has changed, as server-sent
// events.
func (s *Server) keepFresh(w http.ResponseWriter, r *http.Request, g guest) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	views := newBell()
	go s.watch(ctx, views)
	last := ""
	for {
		linking, changed := s.linking.heard(), views.heard()
		text, err := s.living(ctx, r, g)
		if err != nil {
			return
		}
		if text != last {
			last = text
			if err := out.SetWriteDeadline(time.Now().Add(askTimeout)); err != nil {
				return
			}
			if err := sendEvent(w, text); err != nil || out.Flush() != nil {
				return
			}
		}
		sleep(ctx, freshEvery)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-linking:
		}
	}
}

// watch rings whenever the agent's view has changed, or the agent has come or gone.
func (s *Server) watch(ctx context.Context, views *bell) {
	for ctx.Err() == nil {
		err := s.agent.Watch(ctx, func(status.View) error { views.ring(); return nil })
		s.options.Log.Debug("the agent is not watched", "reason", err)
		views.ring()
		sleep(ctx, freshEvery)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
