// Package portmap asks the router of this network to let calls through to this device: by
// PCP (RFC 6887), NAT-PMP (RFC 6886) or UPnP, whichever it speaks.
//
// It knows how routers are asked, and keeps what one has granted: renewed at half its time,
// asked for anew when the network changes, given back at the end. It does not know who is
// told of the outside address; the host passes that on.
package portmap

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

const (
	// lease is what a router is asked for; RFC 6887 section 15 advises hours.
	lease = time.Hour
	// retry is when a router that granted nothing is asked again: it may have been
	// replaced, or its settings changed.
	retry = 15 * time.Minute
	// askTime bounds one round of questions, removeTime the last one.
	askTime    = 15 * time.Second
	removeTime = 2 * time.Second
	// settleTime lets a network that has just changed come to rest.
	settleTime = time.Second
)

// Granted is what a router has granted.
type Granted struct {
	Outside netip.AddrPort // where calls reach this device
	By      string         // PCP, NAT-PMP or UPnP
	lasts   time.Duration
	remove  func(context.Context) error
}

// asker is one way to ask routers.
type asker func(ctx context.Context, port uint16) (Granted, error)

// Options say what is to be let through.
type Options struct {
	Port    uint16           // this device's TCP port
	Changed func(Granted)    // told of what is granted; the zero value when that is over
	Log     *slog.Logger     // nil discards
	askers  map[string]asker // for tests
}

// Keeper keeps a port open. Its methods may be called from several goroutines.
type Keeper struct {
	opts  Options
	end   context.CancelFunc
	done  chan struct{}
	moved chan struct{} // holds one token when the network has changed

	mu     sync.Mutex
	now    Granted
	reason error
}

// Start begins to ask.
func Start(opts Options) *Keeper {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Changed == nil {
		opts.Changed = func(Granted) {}
	}
	if opts.askers == nil {
		opts.askers = map[string]asker{"1 PCP": askPCP, "2 NAT-PMP": askPMP, "3 UPnP": askUPnP}
	}
	ctx, end := context.WithCancel(context.Background())
	k := &Keeper{opts: opts, end: end, done: make(chan struct{}), moved: make(chan struct{}, 1)}
	go k.keep(ctx)
	return k
}

// Granted returns what is granted now and, if that is nothing, why.
func (k *Keeper) Granted() (Granted, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now, k.reason
}

// Moved says that the network has changed: there may be another router.
func (k *Keeper) Moved() {
	select {
	case k.moved <- struct{}{}:
	default: // it knows already
	}
}

// Close gives back what was granted, and returns when that is done or has taken too long.
func (k *Keeper) Close() {
	k.end()
	<-k.done
}

func (k *Keeper) keep(ctx context.Context) {
	defer close(k.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			k.giveBack()
			return
		case <-k.moved:
			timer.Reset(settleTime)
		case <-timer.C:
			timer.Reset(k.ask(ctx))
		}
	}
}

// ask asks all at once and takes the first that grants, in the order of their names. It
// returns when to ask again.
func (k *Keeper) ask(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	granted, err := first(ctx, k.opts.askers, k.opts.Port)
	if ctx.Err() != nil && err == nil {
		err = ctx.Err()
	}
	k.mu.Lock()
	changed := granted.Outside != k.now.Outside
	k.now, k.reason = granted, err
	k.mu.Unlock()
	if changed {
		k.opts.Changed(granted)
	}
	if err != nil {
		k.opts.Log.Debug("no router lets calls through", "reason", err)
		return retry
	}
	if changed {
		k.opts.Log.Info("the router lets calls through", "by", granted.By, "address", granted.Outside.String())
	}
	return max(granted.lasts/2, time.Minute)
}

// first asks one after another: a router that speaks several must not grant twice.
func first(ctx context.Context, askers map[string]asker, port uint16) (Granted, error) {
	var errs []error
	for _, name := range sorted(askers) {
		granted, err := askers[name](ctx, port)
		if err == nil {
			return granted, nil
		}
		errs = append(errs, err)
	}
	return Granted{}, errors.Join(errs...)
}

func (k *Keeper) giveBack() {
	k.mu.Lock()
	granted := k.now
	k.now = Granted{}
	k.mu.Unlock()
	if granted.remove == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	if err := granted.remove(ctx); err != nil {
		k.opts.Log.Debug("the router was not told of the end", "reason", err)
	}
}
