// Package control is the agent's ear on its own computer: a server on the Unix socket of
// the home, speaking the language of package api.
//
// It guards the door (only the owner of a closed home can reach the socket), bounds what
// comes in and how long it may take, and turns requests into calls of an Agent. It
// decides nothing about folders or devices and keeps no state of them. The host makes
// one when it starts and hands itself in as the Agent.
package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// Agent is what the server needs of the one who does the work. All methods are called
// from many goroutines at once, and must return soon after their context ends.
type Agent interface {
	// Status returns the present view. It is asked a few times a second while somebody
	// watches, so it is to be ready, not computed.
	Status() status.View
	// Do carries out an intent and returns its result as its documentation says. Errors
	// of type *api.Error keep their kind, others are plain failures.
	Do(ctx context.Context, intent api.Intent) (any, error)
	// Events hands every remembered event numbered above since to deliver, then those
	// that come, in order, until the context ends or deliver fails; it returns that
	// failure. Deliver may block.
	Events(ctx context.Context, since uint64, deliver func(status.Event) error) error
	// Logs returns the remembered lines of the log numbered above since, and a channel that
	// is closed when there are more.
	Logs(since uint64) ([]status.LogLine, <-chan struct{})
	// Wait returns nil, nil once the folder is verified equal on the device. An empty
	// folder means every folder; an empty device means all connected members, and with
	// none connected it waits on. When the context ends first it says what is missing and
	// why, with or without the context's error.
	Wait(ctx context.Context, folder, device string) (missing []string, err error)
	// Link links two devices and hands what happens to deliver, in order. It returns when
	// it is over, one way or the other, or with the failure of deliver. When the context
	// ends first, nothing comes of it.
	Link(ctx context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error
}

// Limits of the server, each far above what honest clients need.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// lineTimeout is how long one line of a stream may take: a client that was stopped
	// must not hold an agent's events back for ever.
	lineTimeout = 30 * time.Second
	// watchEvery is how often a watched view is compared with the last one sent: often
	// enough to look alive, rarely enough to cost nothing.
	watchEvery = 250 * time.Millisecond
	// stopTimeout leaves most of the 5 s an agent has for stopping to the rest of it.
	stopTimeout = time.Second
	headerMax   = 16 << 10
	requestsMax = 128
)

// Server answers on the socket of one home.
type Server struct {
	listener *net.UnixListener
	path     string
	agent    Agent
	log      *slog.Logger
	slots    chan struct{} // bounds the requests at work; holds one token for each
}

// Listen takes the socket of the home, which must be closed to other users. A socket left
// behind by a dead agent is replaced; one that is answered is never taken over.
func Listen(home string, agent Agent, log *slog.Logger) (*Server, error) {
	if err := checkClosed(home); err != nil {
		return nil, err
	}
	path := api.SocketPath(home)
	if err := clearStale(home, path); err != nil {
		return nil, err
	}
	address, release, err := api.SocketAddress(home)
	if err != nil {
		return nil, err
	}
	defer release()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	// The listener may know the socket by a name that ends with release.
	listener.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("close %s to others: %w", path, err),
			listener.Close(), os.Remove(path))
	}
	return &Server{
		listener: listener, path: path, agent: agent, log: log,
		slots: make(chan struct{}, requestsMax),
	}, nil
}

// Run answers until the context ends, then stops what is still going on and removes the
// socket. It is to be called once.
func (s *Server) Run(ctx context.Context) error {
	requests, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           s.routes(),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerMax,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1) // room for the one result, so that Serve never waits
	go func() { ended <- server.Serve(ownListener{s.listener, s.log}) }()
	var failure error
	select {
	case failure = <-ended:
		failure = fmt.Errorf("answer on %s: %w", s.path, failure)
		cancel()
	case <-ctx.Done():
	}
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer stop()
	if server.Shutdown(limit) != nil {
		// Somebody is still busy; whoever asked sees the connection end.
		failure = errors.Join(failure, server.Close())
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		failure = errors.Join(failure, err)
	}
	return failure
}

// clearStale removes what a dead agent left at path. The caller holds the lock of the
// home, so no other agent can come up in between.
func clearStale(home, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if !isSocket(info) {
		return fmt.Errorf("%s is no socket, and not ours to replace: move it away", path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := api.DialSocket(ctx, home)
	if err == nil {
		return errors.Join(fmt.Errorf("another agent answers on %s", path), conn.Close())
	}
	if !api.Refused(err) {
		return fmt.Errorf("find out who listens on %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket of a dead agent: %w", err)
	}
	return nil
}
