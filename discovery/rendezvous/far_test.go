package rendezvous

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
)

// far is a rendezvous at the other end of a long road. It lets everybody in and answers
// signs of life; that is all the client needs to know how long the road is.
type far struct {
	t      *testing.T
	oneWay time.Duration
	dials  atomic.Int32
	words  atomic.Int32
	lost   atomic.Bool // whatever is under way, and what follows; nobody is told
	calls  chan net.Conn
	place  post.Place
	work   sync.WaitGroup
}

// dial opens a connection over the road.
func (f *far) dial(context.Context, string) (net.Conn, error) {
	f.dials.Add(1)
	here, nearEnd := net.Pipe()
	farEnd, there := net.Pipe()
	f.work.Go(func() { f.carry(nearEnd, farEnd) })
	f.work.Go(func() { f.carry(farEnd, nearEnd) })
	f.calls <- there
	return here, nil
}

// carry brings bytes from one end to the other, each after the same time.
func (f *far) carry(from, to net.Conn) {
	type parcel struct {
		bytes []byte
		due   time.Time
	}
	road := make(chan parcel, 1000) // more than is ever said in a test
	f.work.Go(func() {
		defer to.Close()
		for p := range road {
			<-time.After(time.Until(p.due))
			if _, err := to.Write(p.bytes); err != nil {
				return
			}
		}
	})
	defer close(road)
	for {
		b := make([]byte, 4096)
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if !f.lost.Load() {
			road <- parcel{b[:n], time.Now().Add(f.oneWay)}
		}
	}
}

// Accept implements net.Listener.
func (f *far) Accept() (net.Conn, error) {
	if conn, ok := <-f.calls; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (f *far) Close() error { close(f.calls); return nil }

// Addr implements net.Listener.
func (f *far) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

// ServeHTTP is the server's desk.
func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.work.Add(1)
	defer f.work.Done()
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx := context.Background()
	tell := func(m post.Message) { _ = conn.Write(ctx, websocket.MessageText, post.Append(nil, m)) }
	tell(post.Message{Kind: post.Hello, Version: post.Version, Nonce: make([]byte, post.NonceSize)})
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		m, err := post.Parse(text)
		if err != nil {
			f.t.Error(err)
		}
		f.words.Add(1)
		switch m.Kind {
		case post.Register:
			tell(post.Message{Kind: post.Registered, At: netip.MustParseAddrPort("192.0.2.2:2")})
		case post.Alive:
			tell(post.Message{Kind: post.Alive})
		}
	}
}

// reach starts a server so far away and a client that is connected to it.
func reach(t *testing.T, oneWay time.Duration) (*far, *Client) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, &about, &about, public, key)
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	f := &far{t: t, oneWay: oneWay, calls: make(chan net.Conn, 10)}
	f.place = post.Place{Host: "192.0.2.1:1", Pin: post.PinOf(pinned)}
	web := &http.Server{Handler: f}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(tls.NewListener(f, config)) // until it is closed
	}()
	c := New(Options{Place: f.place, Key: key, Dial: f.dial, Changed: func() {}, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ran
		_ = web.Close() // the listener is closed by it
		<-served
		f.work.Wait()
	})
	<-time.After(20 * oneWay)
	if s := c.State(); !s.Connected {
		t.Fatalf("a server %v away: %s", oneWay, s.Reason)
	}
	return f, c
}

// TestProofOnALongRoad: a connection in doubt has as many round trips for its sign of life
// as its road is long, so that one by satellites is not given up for being slow, and one in
// the neighbourhood not waited for.
func TestProofOnALongRoad(t *testing.T) {
	for oneWay, most := range map[time.Duration]time.Duration{
		10 * time.Millisecond:   proveMin,
		150 * time.Millisecond:  1300 * time.Millisecond,
		300 * time.Millisecond:  2500 * time.Millisecond,
		600 * time.Millisecond:  proveMax,
		1200 * time.Millisecond: proveMax,
	} {
		synctest.Test(t, func(t *testing.T) {
			f, c := reach(t, oneWay)
			for range 3 {
				c.Moved()
				<-time.After(believedFor + 7*time.Second)
			}
			if n := f.dials.Load(); n != 1 {
				t.Errorf("%v away, a connection that lives was given up: %d were made", oneWay, n)
			}
			f.lost.Store(true)
			c.Moved()
			begun := time.Now()
			for c.State().Connected && time.Since(begun) < time.Minute {
				<-time.After(time.Millisecond)
			}
			if took := time.Since(begun); took > most+time.Millisecond || took < 2*2*oneWay {
				t.Errorf("%v away, a lost connection was given up after %v, want %v at most", oneWay, took, most)
			}
		})
	}
}

// TestTooMuchToSay: who wants to say a thousand things at once says as many as the server
// takes, and its connection stays.
func TestTooMuchToSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := reach(t, time.Millisecond)
		before := f.words.Load()
		for _, after := range []time.Duration{0, time.Second, 10 * time.Second} {
			<-time.After(after)
			var said, dropped atomic.Int32
			begun := time.Now()
			for range 1000 {
				go func() {
					switch err := c.Send(context.Background(), ident.DeviceID{1}, []byte("x")); {
					case err == nil:
						said.Add(1)
					case errors.Is(err, ErrBusy):
						dropped.Add(1)
					default:
						t.Error(err)
					}
				}()
			}
			<-time.After(turnWait + time.Millisecond)
			synctest.Wait()
			if said.Load()+dropped.Load() != 1000 {
				t.Errorf("of 1000 words %d were said and %d dropped after %v", said.Load(), dropped.Load(), time.Since(begun))
			}
		}
		// What the server takes is one word each 100 ms, and 100 more.
		if n := int(f.words.Load() - before); n > 100+20*10 || n < 200 {
			t.Errorf("%d words were said", n)
		}
	})
}

// TestTurns holds what is handed out to what the server takes (tracker.SayBurst, sayEvery),
// whenever it is asked for.
func TestTurns(t *testing.T) {
	var turns turns
	at := time.Unix(1, 0)
	left, fed := 100.0, at // as the server counts
	for i := range 5000 {
		if i%150 == 0 {
			at = at.Add(time.Duration(i/150%13) * 900 * time.Millisecond)
		}
		wait, ok := turns.take(at)
		if !ok {
			continue
		}
		said := at.Add(wait)
		if said.After(fed) {
			left, fed = min(100, left+float64(said.Sub(fed))/1e8), said
		}
		if left--; left < 20 {
			t.Fatalf("word %d leaves %.1f words to a person", i, left)
		}
	}
}
