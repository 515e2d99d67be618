// Package gate holds connections of which nobody knows yet whose they are. Listeners for
// devices and the rendezvous have one each.
package gate

import (
	"net"
	"net/netip"
	"sync"

	"github.com/shoal-sync/shoal/internal/caller"
)

// Gate bounds how many strangers there may be: of all callers and of one. Its methods may
// be called from several goroutines.
type Gate struct {
	most, ofOne int
	meeting     sync.WaitGroup // one for each connection that was let in

	mu        sync.Mutex
	shut      bool
	strangers map[net.Conn]netip.Addr
	sources   map[netip.Addr]int
}

// New returns a gate for so many strangers, and so many of one caller.
func New(most, ofOne int) *Gate {
	return &Gate{
		most: most, ofOne: ofOne,
		strangers: map[net.Conn]netip.Addr{}, sources: map[netip.Addr]int{},
	}
}

// Admit meets a connection on a goroutine of its own, or closes it when there are too many.
// Who meets it calls known once, when it has found out whose it is, or that it never will:
// it is no stranger then. Known returns false when the gate was shut; the connection is
// closed then.
func (g *Gate) Admit(conn net.Conn, meet func(known func() bool)) {
	from := Of(conn)
	g.mu.Lock()
	full := g.shut || len(g.strangers) >= g.most || g.sources[from] >= g.ofOne
	if !full {
		g.strangers[conn] = from
		g.sources[from]++
		g.meeting.Add(1)
	}
	g.mu.Unlock()
	if full {
		conn.Close()
		return
	}
	go func() {
		defer g.meeting.Done()
		meet(func() bool { return g.release(conn, from) })
	}()
}

func (g *Gate) release(conn net.Conn, from netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.strangers, conn)
	if g.sources[from]--; g.sources[from] <= 0 {
		delete(g.sources, from)
	}
	return !g.shut
}

// Shut lets nobody in any more and closes the connections of all strangers. It does not
// wait.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for conn := range g.strangers {
		conn.Close()
	}
}

// Of returns what stands for whoever is at the other end of a TCP connection; nothing for
// other connections.
func Of(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return caller.Source(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}

// Wait returns when nobody meets a connection any more.
func (g *Gate) Wait() { g.meeting.Wait() }
