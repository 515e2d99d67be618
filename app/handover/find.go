package handover

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/discovery/mdns"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/discovery/rendezvous"
	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// claimTime is how long is waited for a rendezvous before a code is shown without it.
	claimTime = 5 * time.Second
	// lookEvery is how often a rendezvous is asked who shows the code.
	lookEvery = 1500 * time.Millisecond
	// codeTries are drawn until one is free at every rendezvous.
	codeTries = 5
	// mdnsProtocol is the version that the local network is told.
	mdnsProtocol = 1
)

// Places say where the two ends find each other.
type Places struct {
	MDNS       bool
	Rendezvous []post.Place
	Listen     string // ADDR:PORT of the sender
	// Dial opens TCP connections, through proxies where need be.
	Dial func(ctx context.Context, hostPort string) (net.Conn, error)
	Log  *slog.Logger
}

// place is somewhere the other end may be.
type place struct {
	what string
	dial func(context.Context) (net.Conn, error)
}

// offices opens a connection to every rendezvous.
func (p Places) offices(
	ctx context.Context, work *sync.WaitGroup, key ed25519.PrivateKey, called func(net.Conn),
) []*rendezvous.Client {
	var out []*rendezvous.Client
	for _, at := range p.Rendezvous {
		c := rendezvous.New(rendezvous.Options{
			Place: at, Key: key, Dial: p.Dial, Log: p.Log,
			Letter:  func(ident.DeviceID, []byte) {},
			Takes:   func(_ ident.DeviceID, slot uint16) bool { return slot != 0 && called != nil },
			Called:  func(_ ident.DeviceID, _ uint16, pipe net.Conn) { called(pipe) },
			Changed: func() {},
		})
		work.Go(func() { c.Run(ctx) })
		out = append(out, c)
	}
	return out
}

// show lets the other end find this one by a code, and returns the code.
func (p Places) show(
	ctx context.Context, work *sync.WaitGroup, key ed25519.PrivateKey, port netip.AddrPort, called func(net.Conn),
) pairing.Code {
	offices := p.offices(ctx, work, key, called)
	code := p.claim(ctx, offices)
	work.Go(func() { p.keepClaimed(ctx, offices, code.Slot) })
	if f := p.finder(key, port, nil); f != nil {
		f.Show(true, code.Slot)
		context.AfterFunc(ctx, f.Close)
	}
	return code
}

// claim draws a code that no other device shows at any rendezvous that is reached soon.
func (p Places) claim(ctx context.Context, offices []*rendezvous.Client) pairing.Code {
	ctx, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	for n := 1; ; n++ {
		code := drawCode()
		free := true
		for _, o := range offices {
			var taken rendezvous.Refusal
			if errors.As(claimSoon(ctx, o, code.Slot), &taken) {
				free = false
			}
		}
		if free || n == codeTries {
			return code
		}
	}
}

// claimSoon waits until a server is reached, and claims.
func claimSoon(ctx context.Context, o *rendezvous.Client, slot uint16) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := o.Claim(ctx, slot, time.Hour)
		if !errors.Is(err, rendezvous.ErrAway) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// keepClaimed claims again what a server that was started anew does not know.
func (p Places) keepClaimed(ctx context.Context, offices []*rendezvous.Client, slot uint16) {
	ticker := time.NewTicker(20 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, o := range offices {
			if err := o.Claim(ctx, slot, time.Hour); err != nil {
				p.Log.Debug("code not shown at a rendezvous", "server", o.Place().Plain(), "reason", err.Error())
			}
		}
	}
}

// finder speaks with the local network, unless it is not to.
func (p Places) finder(key ed25519.PrivateKey, at netip.AddrPort, found func(mdns.Neighbour)) *mdns.Finder {
	if !p.MDNS || at.Addr().IsLoopback() {
		return nil
	}
	return mdns.Start(mdns.Options{
		Device: ident.DeviceFromKey(key.Public().(ed25519.PublicKey)), Protocol: mdnsProtocol, Port: at.Port(),
		IPv4: true, IPv6: true,
		Linked:    func() []ident.DeviceID { return nil },
		Connected: func(ident.DeviceID) bool { return false },
		Heard:     func(ident.DeviceID, netip.AddrPort, time.Duration) {},
		Found:     found, Log: p.Log,
	})
}

// seek tells of places where the code may be shown, until the context ends.
func (p Places) seek(
	ctx context.Context, work *sync.WaitGroup, key ed25519.PrivateKey, slot uint16, found chan<- place,
) {
	tell := func(x place) {
		select {
		case found <- x:
		case <-ctx.Done():
		}
	}
	f := p.finder(key, netip.AddrPort{}, func(n mdns.Neighbour) {
		if n.Slot == slot {
			at := n.At.String()
			tell(place{at, func(ctx context.Context) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", at)
			}})
		}
	})
	if f != nil {
		f.Seek(true)
		context.AfterFunc(ctx, f.Close)
	}
	for _, o := range p.offices(ctx, work, key, nil) {
		work.Go(func() {
			ticker := time.NewTicker(lookEvery)
			defer ticker.Stop()
			for {
				if d, err := o.FindSlot(ctx, slot); err == nil && !d.IsZero() {
					tell(place{o.Place().Plain(), func(ctx context.Context) (net.Conn, error) {
						return o.CallSlot(ctx, slot)
					}})
				}
				wait := ticker.C
				if !o.State().Connected {
					wait = time.After(200 * time.Millisecond)
				}
				select {
				case <-ctx.Done():
					return
				case <-wait:
				}
			}
		})
	}
}
