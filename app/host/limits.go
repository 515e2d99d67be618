package host

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// gate lets the bytes of one direction pass at a rate, whoever sends them.
type gate struct {
	clock  step.Clock
	mu     sync.Mutex
	bucket pace.Bucket
}

func (g *gate) set(rate pace.Rate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bucket.SetRate(g.clock.Now(), rate)
}

// Rate implements direct.Gate.
func (g *gate) Rate() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int64(g.bucket.Rate())
}

// Step implements direct.Gate.
func (g *gate) Step(n int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bucket.Step(n)
}

// Wait implements direct.Gate.
func (g *gate) Wait(n int, stop <-chan struct{}) {
	g.mu.Lock()
	wait := g.bucket.Take(g.clock.Now(), n)
	g.mu.Unlock()
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	}
}

// limits hold this device to what its settings say.
type limits struct {
	up, down gate
	lan      atomic.Bool // devices on the local network are limited too
}

func newLimits(clock step.Clock) *limits {
	return &limits{up: gate{clock: clock}, down: gate{clock: clock}}
}

// gates implements direct.Gates. Whether an address is on the local network is decided
// when the link is made, for a link does not change its address.
func (l *limits) gates(remote netip.AddrPort) (in, out direct.Gate) {
	if onLAN(remote.Addr()) {
		return lanGate{&l.down, &l.lan}, lanGate{&l.up, &l.lan}
	}
	return &l.down, &l.up
}

// outside implements direct.Gates for links across NATs and by relays: they leave the house,
// wherever their addresses are. What a relay at home passes on comes from its address.
func (l *limits) outside(netip.AddrPort) (in, out direct.Gate) { return &l.down, &l.up }

// lanGate is a gate that stands open unless the local network is limited too.
type lanGate struct {
	*gate
	limited *atomic.Bool
}

func (g lanGate) Rate() int64 {
	if !g.limited.Load() {
		return 0
	}
	return g.gate.Rate()
}

func (g lanGate) Step(n int) int {
	if !g.limited.Load() {
		return n
	}
	return g.gate.Step(n)
}

func (g lanGate) Wait(n int, stop <-chan struct{}) {
	if g.limited.Load() {
		g.gate.Wait(n, stop)
	}
}

// applyLimits makes the limits those of the hour: schedules are local wall time.
func (a *agent) applyLimits(now time.Time) {
	a.applyOwnLimits(now)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.config.Folders {
		if r := a.folders[f.ID]; r != nil {
			r.limit(f, now)
		}
	}
}

// applyOwnLimits makes the limits of this device those of the hour, on links that are
// open as on those to come.
func (a *agent) applyOwnLimits(now time.Time) {
	s := a.settings.Load()
	a.limits.up.set(s.LimitUp.At(now))
	a.limits.down.set(s.LimitDown.At(now))
	a.limits.lan.Store(s.LimitLAN)
}

// limit holds a folder to its own limits.
func (r *folderRun) limit(f config.Folder, now time.Time) {
	l, err := pace.ParseLimits(limitsText(f))
	if err != nil {
		panic("bug: limits that were checked when they were loaded cannot be read: " + err.Error())
	}
	r.up.set(l.Up.At(now))
	if rate := l.Down.At(now); r.down.Swap(int64(rate)) != int64(rate) {
		r.post(swarm.RateLimited{Rate: rate})
	}
}

// limitsText is what a person wrote about the limits of a folder.
func limitsText(f config.Folder) string {
	if f.Limits == "" {
		return "unlimited"
	}
	return f.Limits
}

// sliceSize is how much of a piece goes into one frame that passes these gates: on a slow
// link less, so that words are never far behind.
func sliceSize(link, folder direct.Gate) int {
	size := int64(wire.SliceMax)
	for _, g := range [2]direct.Gate{link, folder} {
		if rate := g.Rate(); rate > 0 {
			size = min(size, max(rate/16, sliceLeast))
		}
	}
	return int(size)
}

// sliceLeast keeps headers below a percent of what they announce.
const sliceLeast = 4 << 10

// servers answer one link's asks. Folders that a person limits have one each, for it waits
// and must not let other folders wait too.
type servers struct {
	agent *agent
	link  *link
	main  *server

	mu    sync.Mutex
	slow  map[ident.FolderID]*server
	ended bool
}

func newServers(a *agent, l *link) *servers {
	return &servers{agent: a, link: l, main: newServer(a, l), slow: map[ident.FolderID]*server{}}
}

// add takes in jobs, which are all of one folder.
func (s *servers) add(jobs []job) {
	if len(jobs) > 0 {
		s.of(jobs[0].run).add(jobs)
	}
}

func (s *servers) of(r *folderRun) *server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.slow[r.id]; own != nil || s.ended || r.up.Rate() == 0 {
		if own == nil {
			return s.main
		}
		return own
	}
	own := newServer(s.agent, s.link)
	s.slow[r.id] = own
	s.agent.start(own.run)
	return own
}

func (s *servers) all() []*server {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []*server{s.main}
	for _, own := range s.slow {
		out = append(out, own)
	}
	return out
}

func (s *servers) cancel(tickets []uint64) {
	for _, one := range s.all() {
		one.cancel(tickets)
	}
}

func (s *servers) stop() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	for _, one := range s.all() {
		one.stop()
	}
}

// limitsShown is how the limits of this moment are shown.
func (a *agent) limitsShown() status.Limits {
	return status.Limits{
		Up: a.limits.up.Rate(), Down: a.limits.down.Rate(), LAN: a.limits.lan.Load(),
	}
}
