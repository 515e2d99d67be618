package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/scan"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/watch"
	"github.com/shoal-sync/shoal/sync/wire"
)

// folderRun is a folder that is being kept: its loop, and the workers around it. A folder
// that cannot be kept has a run too, which says why and does nothing else.
type folderRun struct {
	agent  *agent
	id     ident.FolderID
	path   string
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup
	// unwatched is set by whoever opens and closes the folder.
	unwatched bool
	broken    atomic.Pointer[status.Problem]
	full      atomic.Bool     // it broke down because the volume of its index is full
	lost      atomic.Bool     // the last look did not find the folder in its place
	anew      *status.Problem // that it began anew, if it did; set before it is seen

	store    *index.Store
	disk     *disk.Folder
	volume   names.Volume
	scanner  *scan.Scanner
	watcher  *watch.Watcher
	machine  *node.Folder // owned by the loop
	loop     *step.Loop[node.FolderEvent, node.FolderEffect]
	own      []node.FolderEvent // for the loop, by the loop
	together together           // the loop's

	orders    *orderQueue
	pieces    *pieceQueue
	looks     chan lookOrder
	installs  installs
	moving    moving
	reported  reported
	prospects prospects
	ahead     ahead
	scans     scanCount
	reads     reads
	haves     haves
	held      holdings
	trash     questions[[]trashed]
	searches  questions[namesTold]
	sweep     chan struct{} // holds one token when the trash is to be looked through soon
	bytesIn   atomic.Int64
	resting   atomic.Pointer[node.PauseChanged]
	deaf      atomic.Pointer[string] // why not all changes are heard at once, nil when they are
	up        gate                   // content of this folder on its way out, to everybody
	down      atomic.Int64           // bytes a second that may come in, 0 without a limit
	reading   atomic.Pointer[scan.Progress]

	obeyed

	collecting atomic.Bool // recipes that nobody needs are being removed
	calm

	synced []step.Ticket // of questions to be answered when what was handled is published; the loop's

	syncs    asked[struct{}]
	paths    asked[folder.PathTold]
	swarms   asked[swarm.StandingTold]
	wishes   asked[roster.Answered]
	reverts  asked[folder.Reverting]
	givenUps asked[folder.GivenUp]

	mu      sync.Mutex
	stages  map[ident.ContentID]*disk.Stage
	brought map[ident.ContentID]chan error // contents a person waits for

	// mayHaveWritten is set when the node was built, or has been told since, to write: of
	// such an index a reader keeps nothing. The loop's.
	mayHaveWritten bool

	sharing roster.Config // as it was when the folder began to be kept
	who     atomic.Pointer[roster.Standing]
	lacks   atomic.Bool // nobody who is linked has what is needed here

	// serving is held for reading while a link's server reads content, so that nothing is
	// closed under it: servers belong to links and outlive a folder.
	serving sync.RWMutex
}

// startFolder begins to keep a folder. The agent's lock is held.
func (a *agent) startFolder(f config.Folder) *folderRun {
	r := &folderRun{
		agent: a, id: f.ID, path: f.Path, log: a.log.With("folder", f.Name),
		orders: newOrderQueue(), pieces: newPieceQueue(), looks: make(chan lookOrder, 1),
		stages: map[ident.ContentID]*disk.Stage{}, brought: map[ident.ContentID]chan error{},
		sweep: make(chan struct{}, 1),
	}
	r.scans.init()
	r.installs.init()
	r.reads.init()
	r.haves.init()
	r.brakeOff.Store(brakeOf(f).Off)
	r.up.clock = a.clock
	r.ctx, r.cancel = context.WithCancelCause(a.ctx)
	kind, err := "members", r.loadMembers(f)
	a.folders[f.ID] = r
	a.trust()
	if err == nil {
		kind, err = problemRoot, r.open(f)
	}
	if p, ok := a.renewalProblem(f.ID); ok {
		r.anew = &p
	}
	if err != nil {
		r.breakDown(kind, err)
		if err := r.shut(); err != nil {
			r.log.Error("closing the folder", "error", err)
		}
		return r
	}
	r.startWork(f)
	return r
}

// open opens everything a folder needs, in the order in which it may fail.
func (r *folderRun) open(f config.Folder) (err error) {
	token, err := disk.ParseToken(f.Token)
	if err != nil {
		return err
	}
	if err := r.openDisk(f, token); err != nil {
		return err
	}
	state, err := r.openIndex()
	if err == nil && r.who.Load().Own == members.Reader && state.Counter > 0 {
		state, err = r.renewIndex() // of the time when this device was a writer
	}
	if err != nil {
		return err
	}
	r.mayHaveWritten = r.who.Load().Own != members.Reader
	if err := r.build(f, state); err != nil {
		return err
	}
	return r.watch() // last: it tells the loop of its troubles at once
}

// openIndex opens the index, or begins a new one where the old one is damaged: everything
// in it can be found again on disk and at the other devices.
func (r *folderRun) openIndex() (tree.State, error) {
	dir, err := r.agent.home.IndexDir()
	if err != nil {
		return tree.State{}, err
	}
	file := indexFile(dir, r.id)
	state, err := r.openKept(file)
	if errors.Is(err, index.ErrDamaged) {
		aside, moved := index.SetAside(file)
		if moved != nil {
			return state, errors.Join(err, moved)
		}
		r.log.Warn("the index was damaged and is built anew from the files and the other devices",
			"reason", err, "kept", aside)
		r.store, state, err = index.Open(file)
	}
	return state, err
}

// renewIndex begins a new index.
func (r *folderRun) renewIndex() (tree.State, error) {
	dir, err := r.agent.home.IndexDir()
	if err == nil {
		err = r.store.Close()
	}
	r.store = nil
	if err == nil {
		err = removeIndex(dir, r.id)
	}
	if err != nil {
		return tree.State{}, err
	}
	return r.openIndex()
}

func indexFile(dir string, id ident.FolderID) string {
	return filepath.Join(dir, id.String()+".db")
}

// build makes the folder's machine from what the index holds.
func (r *folderRun) build(f config.Folder, state tree.State) error {
	state, err := r.beginLife(state)
	if err != nil {
		return err
	}
	if err := r.firstPatterns(); err != nil {
		return err
	}
	cfg := folder.Config{
		Patterns: *r.patterns.Load(), Volume: r.volume,
		Folder: r.id, Device: r.agent.id, Index: r.store, State: state,
		Totals: r.store.Totals(), Replicas: r.store.Replicas(),
		Intents: r.store.Intents(), Notes: r.store.Notes(), Brake: brakeOf(f), Carry: r.disk.Carry(),
	}
	if err := r.look(func(v *index.View) error { return summarize(v, &cfg) }); err != nil {
		return err
	}
	for _, p := range r.who.Load().Partners {
		if cursor, ok := r.store.Cursor(p.Device); ok {
			cfg.Cursors = append(cfg.Cursors, cursor)
		}
	}
	r.summaries = [...]*summary.Tree{cfg.Summary, cfg.Gone}
	machine, err := r.newFolder(cfg)
	if err != nil {
		return err
	}
	r.loop = step.NewLoop(r.agent.clock, machine, r.act, r.settled)
	return nil
}

// summarize builds the summaries of what is live and of what was deleted, of which a reader
// has to hold both as a writer signed them, and lists the conflicts. The summaries are
// hashed from the records as they are kept: what they say is read when it is needed.
func summarize(v *index.View, cfg *folder.Config) error {
	var live, gone summary.Gatherer
	err := v.EachRecord(func(kept index.Record) error {
		if !kept.Live {
			gone.Add(kept.ID, tree.DigestOf(kept.Body))
			return nil
		}
		live.Add(kept.ID, tree.DigestOf(kept.Body))
		if len(kept.Name) > 0 && !bytes.Contains(kept.Name, []byte(tree.ConflictMark)) {
			return nil
		}
		e, err := tree.ParseEntry(kept.Body)
		if err == nil && e.ShowsConflict() {
			cfg.Conflicts = append(cfg.Conflicts, e.ID)
		}
		return err
	})
	cfg.Summary, cfg.Gone = live.Tree(), gone.Tree()
	return err
}

func (r *folderRun) startWork(f config.Folder) {
	r.start(r.runLoop)
	r.start(r.executeOrders)
	r.start(r.runLooks)
	r.start(r.storePieces)
	r.start(r.storePieces)
	r.start(r.tidy)
	r.rest(r.agent.restOf(r.id))
	r.limit(f, time.Now())
	// Before the agent's lock is given back: only then does a Join find this folder, and it
	// must find it open.
	for _, l := range r.agent.links.connected() {
		for _, e := range l.connected() {
			r.post(e)
		}
	}
}

func (r *folderRun) start(work func()) { r.work.Go(work) }

// runLoop runs the folder's loop. When the index cannot be read or written, the folder
// stops and says so: no rule may be applied to half of the facts.
func (r *folderRun) runLoop() {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case index.Failure:
			r.breakDown("index", failure.Err)
		default:
			panic(failure)
		}
	}()
	r.loop.Run(r.ctx)
}

// post hands an event to the folder's loop; after the folder's end it is dropped.
func (r *folderRun) post(event node.FolderEvent) {
	if r.loop != nil {
		r.loop.Post(r.ctx, event)
	}
}

// barrier returns when every event posted before has been handled, is durable and shows
// in the status, or when the folder has ended.
func (r *folderRun) barrier() {
	_, _ = r.syncs.ask(r.ctx, r, syncWith) // it fails when the folder has ended
}

func syncWith(t step.Ticket) node.FolderEvent { return node.Sync{Ticket: t} }

// settled is the once-a-batch work of the loop: events the loop owes itself, then one
// commit for everything that was recorded, then the news for people.
func (r *folderRun) settled() (node.FolderEvent, bool) {
	if len(r.own) > 0 {
		event := r.own[0]
		r.own = r.own[1:]
		return event, true
	}
	r.handled.Add(1)
	r.askPieces()
	if r.store.Dirty() {
		if err := r.store.Commit(); err != nil {
			panic(index.Failure{Err: err})
		}
		return folder.Committed{}, true
	}
	r.collectRecipes()
	r.giveMemory()
	r.publish()
	for _, ticket := range r.synced {
		r.syncs.answer(ticket, struct{}{})
	}
	r.synced = nil
	return nil, false
}

// look lets a function read the committed index.
func (r *folderRun) look(read func(*index.View) error) error {
	v, err := r.store.View()
	if err != nil {
		return err
	}
	return errors.Join(read(v), v.Close())
}

// act carries out one effect of the folder's machine. It is called by the loop and hands
// on whatever takes time.
func (r *folderRun) act(effect node.FolderEffect) {
	switch f := effect.(type) {
	case folder.Execute:
		r.orders.add(f.Orders)
	case folder.RecallOrders:
		r.start(func() { r.recall(f.Orders) })
	case folder.LoadNeeds:
		r.loadNeeds(f)
	case folder.LoadDead:
		rows := r.store.Dead(f.After, f.Limit)
		r.own = append(r.own, folder.DeadLoaded{
			Rows: rows, End: len(rows) < f.Limit, Wall: time.Now().UnixMilli(),
		})
	case folder.LoadDeleted:
		r.loadDeleted(f)
	case folder.DropContent:
		r.dropStage(f.Content)
	case folder.Notice:
		r.notice(f)
	case folder.PathTold:
		r.paths.answer(f.Ticket, f)
	case folder.ContentHere:
		r.contentCame(f.Content, nil)
	case folder.ContentLacking:
		r.contentCame(f.Content, errors.New(f.Reason))
	case swarm.AskPieces:
		if r.together.add(f); r.together.count >= wire.AskMax {
			r.askPieces()
		}
	case swarm.CancelPieces:
		r.askPieces()
		r.cancelPieces(f)
	case swarm.Serve:
		r.serve(f)
	case swarm.StandingTold:
		r.standingTold(f)
	case swarm.YieldPieces:
		r.askPieces()
		r.yieldPieces(f)
	case swarm.FindRecipe:
		r.start(func() {
			r.inTurn(r.haves.own, func() {
				found, _ := r.findRecipe(f.Content)
				r.post(swarm.RecipeFound{Content: f.Content, Recipe: found})
			})
		})
	case swarm.OpenStage:
		r.start(func() { r.inTurn(r.haves.own, func() { r.openStage(f) }) })
	case swarm.OpenPart:
		r.openPart(f)
	case swarm.DropProspect:
		r.dropProspect(f.Prospect)
	case swarm.CheckHaves:
		r.tellHaves(f)
	case swarm.PeerBanned:
		r.log.Warn("a device is not asked for content any more", "device", f.Peer.Short(), "reason", f.Reason)
		r.agent.events.add(status.Event{
			Kind: status.Trouble, Folder: r.id, Device: f.Peer, Detail: f.Reason,
		})
	default:
		r.actNode(effect)
	}
}

func (r *folderRun) actNode(effect node.FolderEffect) {
	switch f := effect.(type) {
	case node.SendTo:
		if l := r.agent.links.to(f.Device); l != nil {
			r.agent.sendOn(l, f.Message)
		}
	case node.LoadRows:
		r.loadRows(f)
	case node.ServeRecipes:
		if l := r.agent.links.to(f.Device); l != nil {
			jobs := make([]job, len(f.Contents))
			for i, c := range f.Contents {
				jobs[i] = job{run: r, recipe: true}
				jobs[i].ask.Content = c
			}
			l.serve.add(jobs)
		}
	case node.DropPeer:
		if l := r.agent.links.to(f.Device); l != nil {
			r.agent.start(func() { l.Close("it broke the protocol: " + f.Reason) })
		}
	case node.Synced:
		r.synced = append(r.synced, f.Ticket)
	case node.RenewReplica:
		r.renew(f)
	default:
		if !r.actSettle(effect) && !r.actMembers(effect) && !r.actQuestions(effect) {
			panic(fmt.Sprintf("bug: nobody carries out %T", effect))
		}
	}
}

// loadNeeds reads on the loop's own connection, which sees what is not committed yet.
func (r *folderRun) loadNeeds(f folder.LoadNeeds) {
	read := r.store.Needs
	if f.All {
		read = r.store.Since
	}
	rows := read(f.After, f.Limit)
	r.own = append(r.own, folder.NeedsLoaded{Rows: rows, End: len(rows) < f.Limit})
}

// loadRows reads a page of the log, as committed: nothing else may be told.
func (r *folderRun) loadRows(f node.LoadRows) {
	page := peer.RowsLoaded{After: f.After, Upto: f.After}
	read := func(v *index.View) error {
		rows, has, err := v.Told(f.After, f.Limit)
		if err != nil || len(rows) == 0 {
			return err
		}
		page.Rows, page.Has, page.Upto = rows, has, rows[len(rows)-1].Seq
		return nil
	}
	r.readFor(f.Device, read, func() {
		r.log.Debug("rows", "after", page.After, "upto", page.Upto, "rows", len(page.Rows))
		r.post(node.RowsLoaded{Device: f.Device, Page: page})
	})
}

func (r *folderRun) serve(f swarm.Serve) {
	l := r.agent.links.to(f.Peer)
	if l == nil {
		return
	}
	jobs := make([]job, len(f.Items))
	for i, item := range f.Items {
		jobs[i] = job{run: r, ask: item}
	}
	l.serve.add(jobs)
}

// breakDown ends the folder's life until a person has acted. Its files are left alone.
func (r *folderRun) breakDown(kind string, err error) {
	p := &status.Problem{Kind: kind, Reason: err.Error()}
	full := errors.Is(err, index.ErrFull)
	if kind == problemRoot || full {
		p.NextTry = status.MomentOf(time.Now().Add(rootRetry))
	}
	if r.broken.CompareAndSwap(nil, p) {
		r.full.Store(full)
		r.log.Error("the folder is not kept", "reason", err)
		r.agent.events.add(status.Event{Kind: status.Trouble, Folder: r.id, Detail: err.Error()})
		r.agent.view.setFolder(r.id, nil)
		r.cancel(err)
		r.tellMembers(wire.FolderBroken)
	}
}

// close ends the folder's work in order and returns when everything has ended.
func (r *folderRun) close() {
	r.cancel(errors.New("the folder is closed"))
	r.orders.end()
	r.pieces.end()
	// What the watcher tells begins work: it ends before that is waited for.
	if err := r.unwatch(); err != nil {
		r.log.Error("closing the folder", "error", err)
	}
	r.work.Wait()
	r.serving.Lock()
	defer r.serving.Unlock()
	if err := r.shut(); err != nil {
		r.log.Error("closing the folder", "error", err)
	}
}

func (r *folderRun) shut() error {
	errs := []error{r.unwatch()}
	if r.store != nil {
		errs = append(errs, r.store.Close())
		r.store = nil
	}
	if r.disk != nil {
		errs = append(errs, r.disk.Close())
		r.disk = nil
	}
	return errors.Join(errs...)
}
