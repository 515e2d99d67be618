package rendezvous

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/discovery/tracker"
	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// queueMax messages wait for a device that reads slowly: the answers to all that it may
	// say at once, and what others tell it.
	queueMax = tracker.SayBurst + othersMax + 8
	// othersMax of them come from other devices: more are dropped, and told again. Else
	// anybody could have a device cut off by talking to it.
	othersMax = 32
	// sayTime is how long one message may take on its way out.
	sayTime = 10 * time.Second
	// copySize is what a pipe copies at once.
	copySize = 32 << 10
	// idleTime ends a pipe that says nothing either way: links ping every few seconds, but
	// who only takes what is sent to him may have nothing to say for long.
	idleTime = 2 * time.Minute
)

// desk is where one device talks to the server.
type desk struct {
	conn *websocket.Conn
	host string // under which name it reached the server

	// Of the server's lock: who it is, and when it was last told how to use TURN.
	device ident.DeviceID
	given  time.Time

	mu      sync.Mutex
	queue   []post.Message
	talking bool // a goroutine empties the queue
	ended   bool
}

func (s *Server) pages() http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /devices", s.device)
	pages.HandleFunc("GET /pipe", s.pipe)
	pages.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "This is a shoal rendezvous. Give its address to `shoal --rendezvous`.\n")
	})
	return pages
}

// accept makes a WebSocket of a request. Devices are no browsers: those are turned away.
func accept(w http.ResponseWriter, r *http.Request) (*websocket.Conn, netip.AddrPort, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || r.Header.Get("Origin") != "" {
		http.Error(w, "only devices come here", http.StatusForbidden)
		return nil, at, false
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	return conn, at, err == nil
}

// device serves one device until it goes.
func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	conn, at, ok := accept(w, r)
	if !ok {
		return
	}
	defer func() { _ = conn.CloseNow() }() // it has ended either way
	conn.SetReadLimit(post.MessageMax)
	id := tracker.ConnID(s.lastID.Add(1))
	d := &desk{conn: conn, host: r.Host}
	s.mu.Lock()
	s.desks[id] = d
	s.mu.Unlock()
	s.handle(tracker.Opened{Conn: id, At: at, Chance: draw()})
	for {
		_, text, err := conn.Read(s.ctx)
		if err != nil {
			break
		}
		m, err := post.Parse(text)
		if err != nil {
			d.cut("it does not keep to the protocol")
			break
		}
		s.handle(tracker.Heard{Conn: id, Message: m, Chance: draw()})
	}
	s.mu.Lock()
	delete(s.desks, id)
	s.mu.Unlock()
	s.handle(tracker.Gone{Conn: id})
}

// tell queues a message. A device that does not read what it asked for is cut off.
func (d *desk) tell(m post.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.ended:
		return
	case len(d.queue) >= othersMax && (m.Kind == post.Letter || m.Kind == post.Called):
		return
	case len(d.queue) >= queueMax:
		d.ended = true
		go func() { _ = d.conn.CloseNow() }() // closing may wait for a write
		return
	}
	d.queue = append(d.queue, m)
	if !d.talking {
		d.talking = true
		go d.talk()
	}
}

// talk empties the queue. A device that is quiet costs no goroutine for it.
func (d *desk) talk() {
	for {
		d.mu.Lock()
		if len(d.queue) == 0 || d.ended {
			d.talking, d.queue = false, nil
			d.mu.Unlock()
			return
		}
		m := d.queue[0]
		d.queue = d.queue[1:]
		d.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), sayTime)
		err := d.conn.Write(ctx, websocket.MessageText, post.Append(nil, m))
		cancel()
		if err != nil {
			d.mu.Lock()
			d.ended = true
			d.mu.Unlock()
		}
	}
}

// cut ends the connection, and tells why.
func (d *desk) cut(reason string) {
	d.mu.Lock()
	ended := d.ended
	d.ended = true
	d.mu.Unlock()
	if !ended {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), sayTime)
			defer cancel()
			_ = d.conn.Write(ctx, websocket.MessageText, post.Append(nil, post.Message{Kind: post.Refused, Reason: reason}))
			_ = d.conn.CloseNow()
		}()
	}
}

// end is one end of a pipe.
type end struct {
	conn    *websocket.Conn
	joined  chan struct{} // closed when other or refused is set
	other   *end
	caller  ident.DeviceID
	refused string
	leads   bool // copies both ways
	over    chan struct{}
}

// pipe serves one end of a pipe.
func (s *Server) pipe(w http.ResponseWriter, r *http.Request) {
	secret, err := hex.DecodeString(r.URL.Query().Get("secret"))
	if err != nil || len(secret) != post.PipeSize {
		http.Error(w, "which pipe?", http.StatusBadRequest)
		return
	}
	conn, _, ok := accept(w, r)
	if !ok {
		return
	}
	defer func() { _ = conn.CloseNow() }() // it has ended either way
	e := &end{conn: conn, joined: make(chan struct{}), over: make(chan struct{})}
	defer close(e.over)
	id := tracker.ConnID(s.lastID.Add(1))
	s.mu.Lock()
	s.ends[id] = e
	s.mu.Unlock()
	s.handle(tracker.PipeOpened{Conn: id, Secret: [post.PipeSize]byte(secret)})
	select {
	case <-e.joined:
	case <-s.ctx.Done():
		return
	}
	switch {
	case e.refused != "":
		_ = conn.Close(websocket.StatusPolicyViolation, e.refused)
	case e.leads:
		s.carry(e, e.other)
		s.handle(tracker.PipeClosed{Caller: e.caller})
	default:
		<-e.other.over
	}
}

func (s *Server) joinLocked(f tracker.Join) {
	a, b := s.ends[f.A], s.ends[f.B]
	delete(s.ends, f.A)
	delete(s.ends, f.B)
	a.other, b.other, a.caller, a.leads = b, a, f.Caller, true
	close(a.joined)
	close(b.joined)
}

// carry copies both ways until one side ends.
func (s *Server) carry(a, b *end) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	one := websocket.NetConn(ctx, a.conn, websocket.MessageBinary)
	two := websocket.NetConn(ctx, b.conn, websocket.MessageBinary)
	share := s.shareOf(a.caller)
	defer s.shareDone(a.caller)
	idle := s.opts.idle
	if idle == 0 {
		idle = idleTime
	}
	quiet := time.AfterFunc(idle, cancel)
	defer quiet.Stop()
	var both sync.WaitGroup
	way := func(from, to net.Conn, source, target *websocket.Conn) {
		// What was written before the end arrives: the far side is closed in order.
		defer func() {
			_ = target.Close(websocket.StatusNormalClosure, "")
			_ = source.CloseNow()
		}()
		buffer := make([]byte, copySize)
		for {
			n, err := from.Read(buffer)
			if n > 0 {
				quiet.Reset(idle)
				s.relayed.Add(uint64(n))
				s.pay(ctx, share, n)
				if _, err := to.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	both.Go(func() { way(one, two, a.conn, b.conn) })
	both.Go(func() { way(two, one, b.conn, a.conn) })
	both.Wait()
}
