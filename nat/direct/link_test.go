package direct

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/linktest"
)

var loopback = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)

// keyOf is a device key that is the same in every run.
func keyOf(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func deviceOfKey(key ed25519.PrivateKey) ident.DeviceID {
	return ident.DeviceFromKey(key.Public().(ed25519.PublicKey))
}

func endpoint(t testing.TB, opts Options) *Endpoint {
	t.Helper()
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// serve starts a listener that ends with the test; welcomed links come through the channel.
func serve(t testing.TB, e *Endpoint) (netip.AddrPort, <-chan *Link) {
	t.Helper()
	l, err := e.Listen(loopback)
	if err != nil {
		t.Fatal(err)
	}
	links := make(chan *Link, 256) // more than any test here opens
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(func(link *Link) { links <- link }) }()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr(), links
}

func trusts(device ident.DeviceID) func(ident.DeviceID) bool {
	return func(d ident.DeviceID) bool { return d == device }
}

func connected(t testing.TB) (dialer, listener *Link) {
	t.Helper()
	key, other := keyOf(1), keyOf(2)
	addr, links := serve(t, endpoint(t, Options{Key: other, Trusts: trusts(deviceOfKey(key))}))
	a, err := endpoint(t, Options{Key: key}).Dial(context.Background(), deviceOfKey(other), addr)
	if err != nil {
		t.Fatal(err)
	}
	return a, <-links
}

// suiteLink speaks of lanes in the suite's words.
type suiteLink struct{ *Link }

func (l suiteLink) Send(lane linktest.Lane, frame []byte) error {
	return l.Link.Send(Lane(lane), frame)
}

func TestLinkKeepsThePromise(t *testing.T) {
	linktest.Run(t, FrameMax, func(t *testing.T) (linktest.Link, linktest.Link) {
		a, b := connected(t)
		return suiteLink{a}, suiteLink{b}
	})
}

// FuzzReceive holds the frame reader against one that has all bytes at hand, whatever the
// bytes and however they are read.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7, 0, 0, 0, 2, 8, 9}, 3)
	f.Add([]byte{0, 0, 0, 0}, 1)
	f.Add([]byte{255, 255, 255, 255, 1}, 100)
	f.Add(append([]byte{0, 2, 0, 0}, make([]byte, 2<<16+3)...), 50_000)
	f.Fuzz(func(t *testing.T, stream []byte, most int) {
		var want, got [][]byte
		for rest := stream; len(rest) >= headerSize; {
			size := uint64(binary.BigEndian.Uint32(rest))
			if size == 0 || size > FrameMax || uint64(len(rest)) < headerSize+size {
				break
			}
			want = append(want, rest[headerSize:headerSize+size])
			rest = rest[headerSize+size:]
		}
		err := receive(&slow{bytes.NewReader(stream), max(most, 1)}, func(frame []byte) error {
			got = append(got, bytes.Clone(frame))
			return nil
		})
		if err == nil || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%d frames, %v; want %d", len(got), err, len(want))
		}
	})
}

// slow gives at most so many bytes at once.
type slow struct {
	io.Reader
	most int
}

func (s *slow) Read(into []byte) (int, error) {
	return s.Reader.Read(into[:min(len(into), s.most)])
}

// The way of content: named by its hash at one end, checked at the other.
func BenchmarkHashedAtBothEnds(b *testing.B) {
	from, to := connected(b)
	defer from.Close("done")
	defer to.Close("done")
	left, done := b.N, make(chan struct{})
	go func() {
		_ = to.Receive(func(frame []byte) error {
			sink = sha256.Sum256(frame)
			if left--; left == 0 {
				close(done)
			}
			return nil
		})
	}()
	frame := make([]byte, 256<<10)
	b.SetBytes(int64(len(frame)))
	b.ResetTimer()
	for i := range b.N {
		sum := sha256.Sum256(frame)
		frame[0] = sum[0] + byte(i)
		if err := from.Send(Bulk, frame); err != nil {
			b.Fatal(err)
		}
	}
	<-done
}

var sink [32]byte

func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{64 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("link/%dKiB", size>>10), func(b *testing.B) {
			from, to := connected(b)
			defer from.Close("done")
			defer to.Close("done")
			left, done := b.N, make(chan struct{})
			go func() {
				_ = to.Receive(func(frame []byte) error {
					if left--; left == 0 {
						close(done)
					}
					return nil
				})
			}()
			frame := make([]byte, size)
			b.SetBytes(int64(size))
			b.ResetTimer()
			for range b.N {
				if err := from.Send(Bulk, frame); err != nil {
					b.Fatal(err)
				}
			}
			<-done
		})
		b.Run(fmt.Sprintf("tcp/%dKiB", size>>10), func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			done := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					done <- err
					return
				}
				defer conn.Close()
				_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, make([]byte, size))
				done <- err
			}()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			frame := make([]byte, size)
			b.SetBytes(int64(size))
			b.ResetTimer()
			for range b.N {
				if _, err := conn.Write(frame); err != nil {
					b.Fatal(err)
				}
			}
			conn.Close()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
