package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/release"
	"github.com/shoal-sync/shoal/app/update"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/wire"
)

// ErrAgain is what Run returns when a person asked for the program to be started anew.
var ErrAgain = errors.New("the program is to be started anew")

const (
	// releaseWait is how long a device may take to answer about a release. Older programs
	// pass the question over.
	releaseWait = 10 * time.Second
	// releasePart is how many bytes are asked for at once: over a link that is slow, or busy
	// with folders, they come within releaseWait.
	releasePart = 64 << 10
	// releasesServed bounds the questions about releases that are answered at once on a
	// link: each holds a part of a file.
	releasesServed = 4
)

// releases asks linked devices for releases, and answers them.
type releases struct {
	agent *agent
	store *update.Store

	mu   sync.Mutex
	last uint64
	open map[uint64]openRelease
}

type openRelease struct {
	link   *link
	answer chan []byte // room for the one answer
}

func newReleases(a *agent) (*releases, error) {
	keys, err := release.ParseKeys(a.opts.ReleaseKeys)
	if err != nil {
		return nil, fmt.Errorf("the keys this program was built with: %w", err)
	}
	store := update.NewStore(filepath.Join(a.home.Dir(), "update"), keys)
	return &releases{agent: a, store: store, open: map[uint64]openRelease{}}, nil
}

// heard takes in what a device says about releases; it reports whether it was that.
func (r *releases) heard(l *link, m wire.Message) bool {
	switch m := m.(type) {
	case wire.AskRelease:
		r.serve(l, m.Ticket, func() ([]byte, error) { return r.store.Offers(m.System, m.Arch, m.Window), nil })
	case wire.AskReleasePart:
		r.serve(l, m.Ticket, func() ([]byte, error) {
			if m.Offset > release.FileMax {
				return nil, nil
			}
			return r.store.Read(m.Hash, int64(m.Offset), int(m.Size))
		})
	case wire.ReleaseTold:
		r.told(l, m)
	default:
		return false
	}
	return true
}

// serve answers a question. Beyond what is answered at once, the answer is that there is
// nothing: who asks one thing at a time never meets that. It goes by a lane that ends the
// link of a device that asks and does not read.
func (r *releases) serve(l *link, ticket uint64, find func() ([]byte, error)) {
	if l.releases.Add(1) > releasesServed {
		l.releases.Add(-1)
		r.agent.sendOn(l, wire.ReleaseTold{Ticket: ticket})
		return
	}
	r.agent.start(func() {
		defer l.releases.Add(-1)
		found, err := find()
		if err != nil {
			r.agent.log.Warn("cannot read a release that another device asks for", "reason", err)
			found = nil
		}
		if err := l.Send(direct.Bulk, wire.Append(nil, wire.ReleaseTold{Ticket: ticket, Bytes: found})); err != nil {
			return // a link that has ended says so to its receiver
		}
	})
}

func (r *releases) told(l *link, m wire.ReleaseTold) {
	r.mu.Lock()
	one, ok := r.open[m.Ticket]
	if ok = ok && one.link == l; ok {
		delete(r.open, m.Ticket)
	}
	r.mu.Unlock()
	if ok {
		one.answer <- m.Bytes
	}
}

// ask asks a device and waits for its answer.
func (r *releases) ask(ctx context.Context, l *link, question func(ticket uint64) wire.Message) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, releaseWait)
	defer cancel()
	r.mu.Lock()
	r.last++
	ticket := r.last
	one := openRelease{l, make(chan []byte, 1)}
	r.open[ticket] = one
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.open, ticket)
		r.mu.Unlock()
	}()
	r.agent.sendOn(l, question(ticket))
	select {
	case told := <-one.answer:
		return told, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s does not answer: %w", r.agent.personName(l.Device()), ctx.Err())
	}
}

// offer is what one device has.
type offer struct {
	link   *link
	list   release.List
	sealed []byte
}

// find carries out api.UpdateFind.
func (r *releases) find(ctx context.Context, i api.UpdateFind) (any, error) {
	offers, err := r.offers(ctx, i)
	if err != nil || len(offers) == 0 {
		return api.UpdateFound{}, err
	}
	best := offers[0]
	out := api.UpdateFound{Version: best.list.Version, From: best.link.Device(), Name: r.agent.personName(best.link.Device())}
	if i.Look {
		return out, nil
	}
	list, err := r.store.Keep(best.sealed)
	if err != nil {
		return nil, err
	}
	f, _ := list.For(i.System, i.Arch, i.Window) // offers have one
	var failed error
	for _, o := range offers {
		if o.list.Version != list.Version {
			continue
		}
		err := r.bring(ctx, o.link, f)
		if errors.Is(err, update.ErrWrong) { // what another device began may have been wrong
			err = r.bring(ctx, o.link, f)
		}
		if err == nil {
			out.From, out.Name = o.link.Device(), r.agent.personName(o.link.Device())
			return out, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// offers asks every connected device and returns what is newer and can be trusted, the
// newest first.
func (r *releases) offers(ctx context.Context, i api.UpdateFind) (out []offer, err error) {
	if err := release.CheckVersion(i.Newer); err != nil {
		return nil, api.Errorf(api.Usage, "%v", err)
	}
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, l := range r.agent.links.connected() {
		asking.Go(func() {
			sealed, err := r.ask(ctx, l, func(ticket uint64) wire.Message {
				return wire.AskRelease{Ticket: ticket, System: i.System, Arch: i.Arch, Window: i.Window}
			})
			if err != nil || len(sealed) == 0 {
				return // it has none, or is of an older program
			}
			list, err := r.store.Open(sealed)
			if err != nil {
				r.agent.log.Warn("a device offers a release that cannot be trusted",
					"device", l.Device().Short(), "reason", err)
				return
			}
			order, err := release.Compare(list.Version, i.Newer)
			if _, ok := list.For(i.System, i.Arch, i.Window); err != nil || order <= 0 || !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out = append(out, offer{l, list, sealed})
		})
	}
	asking.Wait()
	sortOffers(out)
	return out, ctx.Err()
}

// bring fetches a file from a device, from where it was left.
func (r *releases) bring(ctx context.Context, l *link, f release.File) (err error) {
	if _, err := r.store.Whole(f); err == nil {
		return nil
	}
	part, err := r.store.Begin(f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, part.Close()) }()
	for part.Have() < f.Size {
		size := min(f.Size-part.Have(), releasePart)
		bytes, err := r.ask(ctx, l, func(ticket uint64) wire.Message {
			return wire.AskReleasePart{Ticket: ticket, Hash: f.Hash(), Offset: uint64(part.Have()), Size: uint64(size)}
		})
		if err != nil {
			return err
		}
		if int64(len(bytes)) != size { // nor is anybody waited for who gives a byte at a time
			return fmt.Errorf("%s has %s no more", r.agent.personName(l.Device()), f.Name)
		}
		if _, err := part.Write(bytes); err != nil {
			return err
		}
	}
	return nil
}
