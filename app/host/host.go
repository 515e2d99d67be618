// Package host runs the node in the real world: it gives the cores a clock, links, disks
// and an index, carries out their effects on small bounded pools, and starts and stops
// everything in order.
//
// One loop runs the device machine, one loop runs each folder, and workers around them
// read, hash, write, scan and serve. What the cores order is done here; what is right to
// order is decided there. Program app/shoal calls Run; package control asks the agent
// what a person wants to know or do.
package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/control"
	"github.com/shoal-sync/shoal/app/logbook"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/discovery/mdns"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/nat/portmap"
	"github.com/shoal-sync/shoal/nat/proxy"
	"github.com/shoal-sync/shoal/nat/signal"
	"github.com/shoal-sync/shoal/nat/webrtc"
)

// Options say how an agent is to run. An empty text means what the settings say.
type Options struct {
	Home       string
	Listen     string
	Name       string
	LogFormat  string
	Rendezvous string // servers where devices find each other, by commas
	STUN       string // servers that help through NATs, by commas
	NoMDNS     bool   // find no devices on the local network, whatever the settings say
	Log        *slog.Logger
	Book       *logbook.Book  // takes in what Log says; nil remembers nothing
	Level      *slog.LevelVar // of Log, set as the settings say; nil leaves it alone
	Version    string
	Record     string // file to record everything in that happens; empty: nothing is recorded
	// Program is the full path of the program that runs, Window whether it has the window,
	// and ReleaseKeys who may sign a newer one: public keys, by commas.
	Program     string
	Window      bool
	ReleaseKeys string
}

// agent is a running agent.
type agent struct {
	opts   Options
	log    *slog.Logger
	home   *config.Home
	clock  step.Clock
	id     ident.DeviceID
	ctx    context.Context
	ending context.CancelFunc
	work   sync.WaitGroup // every goroutine of the agent

	endpoint *direct.Endpoint
	listener *direct.Listener
	finder   *mdns.Finder                   // nil when devices on the local network are not looked for
	mapping  atomic.Pointer[portmap.Keeper] // nil when the router is not asked to let calls through
	device   *step.Loop[node.DeviceEvent, node.DeviceEffect]
	machine  *node.Device // owned by the device loop
	links    *links
	linking  *linking
	offered  *offers
	untold   untold
	letters  *letters
	posts    *posts
	calls    *webrtc.Endpoint
	trusted  atomic.Pointer[map[ident.DeviceID]bool]
	settings atomic.Pointer[config.Settings]
	key      config.Key
	proxy    atomic.Pointer[proxy.Chooser]
	recorder *recorder // nil when nothing is recorded
	events   *events
	news     *news
	view     *views
	speeds   *speeds
	limits   *limits
	rested   chan struct{} // holds one token when the pauses have changed
	releases *releases
	again    atomic.Bool            // whether the program is to be started anew
	newer    atomic.Pointer[string] // version that there is, nil when none is known
	encircle chan struct{}          // holds one token when links may have to be kept with others
	asked    chan struct{}          // holds one token when the system is to be looked at

	mu      sync.Mutex // guards what follows, and changes of the configuration
	config  config.Config
	folders map[ident.FolderID]*folderRun
	hellos  map[ident.DeviceID]string // names that devices gave themselves, not configured
	awaited map[ident.DeviceID]int    // devices that people wait for, and how many do
	// systemRest is why everything rests without a person's word, empty when it does not.
	systemRest string

	renewals map[ident.FolderID]renewal // that began anew since the agent started
}

// Run runs an agent until the context ends, and stops it in order. It returns nil after a
// clean stop, and an error when the agent cannot start.
func Run(ctx context.Context, opts Options) error {
	home, err := config.OpenHome(opts.Home)
	if err != nil {
		return err
	}
	lock, err := home.Lock()
	if err != nil {
		return err
	}
	a, err := newAgent(home, opts)
	if err == nil {
		err = errors.Join(a.run(ctx), a.recorder.close())
	}
	if err = errors.Join(err, lock.Release()); err == nil && a.again.Load() {
		err = ErrAgain
	}
	return err
}

func newAgent(home *config.Home, opts Options) (*agent, error) {
	if err := home.Migrate(); err != nil {
		return nil, err
	}
	settings, err := home.Settings()
	if err != nil {
		return nil, err
	}
	state, err := home.Load()
	if err != nil {
		return nil, err
	}
	key, err := home.Key()
	if err != nil {
		return nil, err
	}
	a := &agent{
		opts: opts, log: opts.Log, home: home, clock: step.NewClock(), id: key.Device(), key: key,
		news: newNews(), speeds: newSpeeds(), events: newEvents(time.Now()), config: state,
		folders: map[ident.FolderID]*folderRun{}, hellos: map[ident.DeviceID]string{}, awaited: map[ident.DeviceID]int{}, rested: make(chan struct{}, 1),
		asked: make(chan struct{}, 1), encircle: make(chan struct{}, 1), renewals: map[ident.FolderID]renewal{},
	}
	a.links = newLinks(a)
	a.linking, a.offered = newLinking(a), newOffers(a)
	a.limits = newLimits(a.clock)
	a.view = newViews()
	a.useSettings(settings)
	a.trust()
	a.endpoint, err = direct.New(direct.Options{
		Key: key.Private(), Trusts: a.trusts, Refused: a.strangerCalled, Met: a.linking.met, Log: a.log,
		Gates: a.limits.gates, Near: onLAN, Through: a.proxied,
	})
	if err != nil {
		return nil, err
	}
	if a.letters, err = newLetters(a); err != nil {
		return nil, err
	}
	if a.releases, err = newReleases(a); err != nil {
		return nil, err
	}
	a.posts = newPosts(a)
	if a.calls, err = newCalls(a); err != nil {
		return nil, err
	}
	if opts.Record != "" {
		if a.recorder, err = openRecorder(opts.Record, opts.Version, a.log); err != nil {
			return nil, err
		}
	}
	a.device = step.NewLoop(a.clock, a.newDevice(), a.actDevice, func() (node.DeviceEvent, bool) {
		a.view.setLinks(a.machine)
		return nil, false
	})
	return a, nil
}

// run starts everything, waits for the end, and stops everything.
func (a *agent) run(ctx context.Context) error {
	a.ctx, a.ending = context.WithCancel(ctx)
	defer a.ending()
	manager, err := platform.NewNotifier()
	if err != nil {
		a.log.Warn("the service manager says strange things", "reason", err)
	}
	if err := a.listen(); err != nil {
		return err
	}
	server, err := control.Listen(a.home.Dir(), a, a.log)
	if err != nil {
		return errors.Join(err, a.listener.Close())
	}
	a.applyLimits(time.Now()) // before there is a link
	a.start(func() { a.device.Run(a.ctx) })
	a.device.Post(a.ctx, signal.Began{Run: a.letters.sealer.Card().Run})
	a.start(func() {
		if err := a.listener.Serve(a.welcome); err != nil {
			a.log.Error("cannot take calls from other devices", "error", err)
		}
	})
	a.mu.Lock()
	state := a.config.Clone()
	a.mu.Unlock()
	for _, d := range state.Devices {
		a.deviceTrusted(d)
	}
	for _, f := range state.Folders {
		a.mu.Lock()
		a.startFolder(f)
		a.mu.Unlock()
	}
	a.recallPlaces()
	a.start(a.keepPlaces)
	a.circleChanged()
	a.start(a.keepCircle)
	a.start(a.resolveAddresses)
	a.start(a.measure)
	a.start(a.watchPauses)
	a.start(a.watchRoots)
	a.start(a.watchSystem)
	a.start(a.watchReleases)
	a.linking.introduce()
	a.posts.use(a.rendezvous())
	a.start(a.posts.keepSeeking)
	a.startLAN(*a.settings.Load())
	a.startMapping(*a.settings.Load())
	a.start(a.watchNetwork)
	a.tellManager(manager)
	a.log.Info("agent started", "device", a.id.String(), "name", a.ownName(),
		"listen", a.listener.Addr().String(), "version", a.opts.Version)
	err = server.Run(a.ctx)
	a.toManager(manager.Stopping())
	a.ending()
	return errors.Join(err, a.stop())
}

func (a *agent) start(work func()) {
	a.work.Add(1)
	go func() {
		defer a.work.Done()
		work()
	}()
}

// stop ends what run started, outside in: nobody calls any more, links close, folders
// finish what they are writing.
func (a *agent) stop() error {
	var closing sync.WaitGroup
	closing.Go(a.stopLAN) // routers and neighbours that are silent must not add up
	closing.Go(a.stopMapping)
	err := a.listener.Close()
	a.links.closeAll("the device stops")
	a.calls.Close()
	a.mu.Lock()
	runs := make([]*folderRun, 0, len(a.folders))
	for _, r := range a.folders {
		runs = append(runs, r)
	}
	a.mu.Unlock()
	for _, r := range runs {
		closing.Go(r.close)
	}
	closing.Wait()
	a.work.Wait()
	a.log.Info("agent stopped")
	return err
}

// listen takes the configured port, or a free one when the default port is taken.
func (a *agent) listen() error {
	addr, err := parseListen(firstOf(a.opts.Listen, a.settings.Load().Listen))
	if err != nil {
		return err
	}
	a.listener, err = a.endpoint.Listen(addr)
	if errors.Is(err, direct.ErrPortInUse) {
		taken := err
		a.listener, err = a.endpoint.Listen(netip.AddrPortFrom(addr.Addr(), 0))
		if err == nil {
			a.log.Warn("listening on another port: other devices must be told of it",
				"reason", taken.Error(), "listen", a.listener.Addr().String())
		}
	}
	return err
}

// parseListen reads ADDR:PORT; no address means every address of this computer.
func parseListen(text string) (netip.AddrPort, error) {
	if err := config.CheckListen(text); err != nil {
		return netip.AddrPort{}, err
	}
	if text[0] == ':' {
		port, err := strconv.ParseUint(text[1:], 10, 16)
		return netip.AddrPortFrom(netip.Addr{}, uint16(port)), err
	}
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		return addr, fmt.Errorf("listen on %q: give an IP address and a port, such as 192.168.1.5:22100", text)
	}
	return addr, nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// seed is what the chance of one machine begins with.
type seed = [2]uint64

func newSeed() seed { return seed{random64(), random64()} }

// chanceOf returns the source of chance that a seed stands for.
func chanceOf(s seed) *mathrand.Rand { return mathrand.New(mathrand.NewPCG(s[0], s[1])) }

// random64 is a number that nobody can guess, never zero.
func random64() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails: crypto/rand ends the program instead
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}
