package natlab

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
)

// Road is what lies between a home and the internet. The zero value is a cable of no length.
type Road struct {
	Delay time.Duration // one way
	Mbit  float64       // each way, 1e6 bits of Ethernet a second; 0 is without limit
	Loss  float64       // of packets, 0 to 1, each way
	Seed  uint64        // of what is lost
}

const (
	frameMax = 1 << 11 // Ethernet's 1514 and room
	// roadQueue is what waits at the slower end, as at the router of a usual house: 50 ms
	// at 100 Mbit/s.
	roadQueue = 625_000
	// roadFrames bounds what is under way: 100 ms at a gigabit.
	roadFrames = 1 << 14
)

// NewFarHome is NewHome with a road between the router and the internet. Not every kernel
// can slow packets down, so they are carried by this process.
func (l *Lab) NewFarHome(kind Kind, road Road) *Home {
	l.t.Helper()
	h := l.newHome()
	h.at = fmt.Sprintf("203.0.113.%d", 100+h.number)
	end := fmt.Sprintf("road-%d", h.number)
	pave(l.t, h.Router, end, road)
	lantest.Setup(l.t, "ip", "link", "set", end, "master", "cloud", "up")
	h.Router.Run("ip", "addr", "add", h.at+"/24", "dev", "wan")
	h.Router.Run("ip", "link", "set", "wan", "up")
	h.Become(kind)
	return h
}

// pave makes an interface of the router and one of the test's network, and carries packets
// between the two until the test ends.
func pave(t *testing.T, router *Computer, here string, road Road) {
	t.Helper()
	near, err := tap("/proc/self/ns/net", here)
	if err != nil {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: this system lets us make no interfaces: %v", err)
	}
	far, err := tap(router.Network(), "wan")
	if err != nil {
		t.Fatal(err)
	}
	var carrying sync.WaitGroup
	for i, ends := range [][2]*os.File{{near, far}, {far, near}} {
		lane := &lane{Road: road, chance: rand.New(rand.NewPCG(road.Seed, uint64(i)))}
		under := make(chan frame, roadFrames)
		carrying.Go(func() {
			defer close(under)
			lane.load(ends[0], under)
		})
		carrying.Go(func() { unload(under, ends[1]) })
	}
	t.Cleanup(func() {
		for _, end := range []*os.File{near, far} {
			if err := end.Close(); err != nil {
				t.Error(err)
			}
		}
		carrying.Wait()
	})
}

// tap makes an interface whose packets this process reads and writes, in a network.
func tap(network, name string) (*os.File, error) {
	runtime.LockOSThread()
	home, err := enter("/proc/thread-self/ns/net", network)
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	out, err := openTap(name)
	if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
		// The thread stays locked, so that nothing else runs where it is. It must not end
		// before the test: with it would end what was started on it.
		return nil, errors.Join(err, back, unix.Close(home))
	}
	runtime.UnlockOSThread()
	return out, errors.Join(err, unix.Close(home))
}

// enter takes the thread into a network, and returns the one it was in.
func enter(from, network string) (home int, err error) {
	if home, err = unix.Open(from, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return 0, err
	}
	at, err := unix.Open(network, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Setns(at, unix.CLONE_NEWNET), unix.Close(at))
	}
	if err != nil {
		return 0, errors.Join(err, unix.Close(home))
	}
	return home, nil
}

func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	ask, err := unix.NewIfreq(name)
	if err == nil {
		ask.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ask)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// frame is one packet under way.
type frame struct {
	bytes []byte
	due   time.Time
}

// lane is one direction of a road.
type lane struct {
	Road
	chance *rand.Rand
	free   time.Time // when the last packet will have left
}

// load takes packets in until the interface is gone.
func (l *lane) load(from io.Reader, under chan<- frame) {
	buffer := make([]byte, frameMax)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			if errors.Is(err, os.ErrClosed) {
				return
			}
			continue // the interface is not up yet, or is just being taken down
		}
		due, ok := l.leaves(time.Now(), n)
		if !ok {
			continue
		}
		select {
		case under <- frame{append([]byte(nil), buffer[:n]...), due.Add(l.Delay)}:
		default: // full
		}
	}
}

// leaves tells when a packet of a size has left, if it finds room and is not lost.
func (l *lane) leaves(now time.Time, size int) (time.Time, bool) {
	if l.Loss > 0 && l.chance.Float64() < l.Loss {
		return now, false
	}
	if l.Mbit == 0 {
		return now, true
	}
	perByte := float64(8*time.Second) / (l.Mbit * 1e6)
	if l.free.Before(now) {
		l.free = now
	}
	if float64(l.free.Sub(now)) > roadQueue*perByte {
		return now, false
	}
	l.free = l.free.Add(time.Duration(float64(size) * perByte))
	return l.free, true
}

// unload gives packets out when they are due.
func unload(under <-chan frame, to io.Writer) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for f := range under {
		if wait := time.Until(f.due); wait > 0 {
			timer.Reset(wait)
			<-timer.C
		}
		_, _ = to.Write(f.bytes) // a road loses what finds no room
	}
}
