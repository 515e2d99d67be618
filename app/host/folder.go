package host

import (
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
	broken atomic.Pointer[status.Problem]
	lost   atomic.Bool     // the last look did not find the folder in its place
	anew   *status.Problem // that it began anew, if it did; set before it is seen

	store   *index.Store
	disk    *disk.Folder
	volume  names.Volume
	scanner *scan.Scanner
	watcher *watch.Watcher
	machine *node.Folder // owned by the loop
	loop    *step.Loop[node.FolderEvent, node.FolderEffect]
	own     []node.FolderEvent // for the loop, by the loop

	orders  *orderQueue
	pieces  *pieceQueue
	looks   chan lookOrder
	scans   scanCount
	reads   reads
	held    holdings
	trash   trashWaits
	sweep   chan struct{} // holds one token when the trash is to be looked through soon
	bytesIn atomic.Int64
	resting atomic.Pointer[node.PauseChanged]
	deaf    atomic.Pointer[string] // why not all changes are heard at once, nil when they are
	up      gate                   // content of this folder on its way out, to everybody
	down    atomic.Int64           // bytes a second that may come in, 0 without a limit
	reading atomic.Pointer[scan.Progress]

	obeyed

	collecting atomic.Bool // recipes that nobody needs are being removed

	synced []chan struct{} // to be closed when what was handled is published; the loop's

	mu      sync.Mutex
	stages  map[ident.ContentID]*disk.Stage
	syncs   map[step.Ticket]chan struct{}
	ticket  step.Ticket
	brought map[ident.ContentID]chan error // contents a person waits for
	paths   map[step.Ticket]chan folder.PathFacts
	answers map[step.Ticket]chan roster.Answered
	reverts map[step.Ticket]chan int

	sharing roster.Config // as it was when the folder began to be kept
	who     atomic.Pointer[roster.Standing]

	// serving is held for reading while a link's server reads content, so that nothing is
	// closed under it: servers belong to links and outlive a folder.
	serving sync.RWMutex
}

// startFolder begins to keep a folder. The agent's lock is held.
func (a *agent) startFolder(f config.Folder) *folderRun {
	r := &folderRun{
		agent: a, id: f.ID, path: f.Path, log: a.log.With("folder", f.Name),
		orders: newOrderQueue(), pieces: newPieceQueue(), looks: make(chan lookOrder, 1),
		stages: map[ident.ContentID]*disk.Stage{}, syncs: map[step.Ticket]chan struct{}{},
		answers: map[step.Ticket]chan roster.Answered{}, reverts: map[step.Ticket]chan int{},
		brought: map[ident.ContentID]chan error{}, paths: map[step.Ticket]chan folder.PathFacts{},
		sweep: make(chan struct{}, 1),
	}
	r.scans.init()
	r.reads.init()
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
		Totals: r.store.Totals(), Summary: &summary.Tree{}, Replicas: r.store.Replicas(),
		Intents: r.store.Intents(), Notes: r.store.Notes(), Brake: brakeOf(f),
	}
	err = r.look(func(v *index.View) error {
		return v.EachEntry(func(row *tree.Row) error {
			if row.Entry.Live() && row.Entry.ShowsConflict() {
				cfg.Conflicts = append(cfg.Conflicts, row.Entry.ID)
			}
			if row.Entry.Live() {
				cfg.Summary.Set(row.Entry.ID, tree.Digest(&row.Entry))
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, p := range r.who.Load().Partners {
		if cursor, ok := r.store.Cursor(p.Device); ok {
			cfg.Cursors = append(cfg.Cursors, cursor)
		}
	}
	if r.machine, err = node.NewFolder(cfg, r.sharing, chance()); err != nil {
		return err
	}
	r.loop = step.NewLoop(r.agent.clock, r.machine, r.act, r.settled)
	return nil
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
	for _, up := range r.agent.links.connected() {
		r.post(up)
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
	done := make(chan struct{})
	r.mu.Lock()
	r.ticket++
	ticket := r.ticket
	r.syncs[ticket] = done
	r.mu.Unlock()
	r.post(node.Sync{Ticket: ticket})
	select {
	case <-done:
	case <-r.ctx.Done():
	}
}

// settled is the once-a-batch work of the loop: events the loop owes itself, then one
// commit for everything that was recorded, then the news for people.
func (r *folderRun) settled() (node.FolderEvent, bool) {
	if len(r.own) > 0 {
		event := r.own[0]
		r.own = r.own[1:]
		return event, true
	}
	if r.store.Dirty() {
		if err := r.store.Commit(); err != nil {
			panic(index.Failure{Err: err})
		}
		return folder.Committed{}, true
	}
	r.collectRecipes()
	r.publish()
	for _, done := range r.synced {
		close(done)
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
		r.pathTold(f)
	case folder.ContentHere:
		r.contentCame(f.Content, nil)
	case folder.ContentLacking:
		r.contentCame(f.Content, errors.New(f.Reason))
	case swarm.AskPieces:
		r.askPieces(f)
	case swarm.CancelPieces:
		r.cancelPieces(f)
	case swarm.FindRecipe:
		r.start(func() {
			found, _ := r.findRecipe(f.Content)
			r.post(swarm.RecipeFound{Content: f.Content, Recipe: found})
		})
	case swarm.OpenStage:
		r.start(func() { r.openStage(f) })
	case swarm.CheckHaves:
		r.start(func() { r.checkHaves(f) })
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
	case node.ServePieces:
		r.serve(f)
	case node.ServeRecipes:
		if l := r.agent.links.to(f.Device); l != nil {
			jobs := make([]job, len(f.Contents))
			for i, c := range f.Contents {
				jobs[i] = job{run: r, recipe: true}
				jobs[i].ask.Content = c
			}
			l.serve.add(jobs)
		}
	case node.ServeTrash:
		if l := r.agent.links.to(f.Device); l != nil {
			j := job{run: r, trash: true}
			j.ask.Ticket = f.Ticket
			l.serve.add([]job{j})
		}
	case node.TrashAsked:
		r.trash.asked(f)
	case node.TrashTold:
		r.trash.told(f)
	case node.DropPeer:
		if l := r.agent.links.to(f.Device); l != nil {
			r.agent.start(func() { l.Close("it broke the protocol: " + f.Reason) })
		}
	case node.Synced:
		r.mu.Lock()
		r.synced = append(r.synced, r.syncs[f.Ticket])
		delete(r.syncs, f.Ticket)
		r.mu.Unlock()
	case node.RenewReplica:
		r.renew(f)
	default:
		if !r.actSettle(effect) && !r.actMembers(effect) {
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
		rows, err := v.Since(f.After, f.Limit)
		if err != nil || len(rows) == 0 {
			return err
		}
		page.Rows, page.Has, page.Upto = rows, make([]bool, len(rows)), rows[len(rows)-1].Seq
		for i := range rows {
			base, onDisk, err := v.Base(rows[i].Entry.ID)
			if err != nil {
				return err
			}
			page.Has[i] = onDisk && rows[i].Entry.Kind == tree.File &&
				base.Content == rows[i].Entry.Content.ID
		}
		return nil
	}
	r.readFor(f.Device, read, func() {
		r.log.Debug("rows", "after", page.After, "upto", page.Upto, "rows", len(page.Rows))
		r.post(node.RowsLoaded{Device: f.Device, Page: page})
	})
}

func (r *folderRun) checkHaves(f swarm.CheckHaves) {
	answer := swarm.HavesChecked{Peer: f.Peer, Contents: f.Contents, Here: make([]bool, len(f.Contents))}
	err := r.look(func(v *index.View) error {
		for i, content := range f.Contents {
			_, _, ok, err := v.HoldingPath(content)
			if err != nil {
				return err
			}
			if !ok {
				_, ok, err = r.disk.Kept(content)
			}
			if err != nil {
				return err
			}
			answer.Here[i] = ok
		}
		return nil
	})
	if err != nil {
		r.log.Error("cannot read the index", "error", err)
	}
	r.post(answer)
}

func (r *folderRun) askPieces(f swarm.AskPieces) {
	l := r.agent.links.to(f.Peer)
	if l == nil {
		return // the link is gone; the swarm hears of it next
	}
	if items := r.fromTrash(f.Items); len(items) > 0 {
		r.agent.sendOn(l, wire.AskPieces{Folder: r.id, Items: l.asks.add(r, items)})
	}
}

func (r *folderRun) serve(f node.ServePieces) {
	l := r.agent.links.to(f.Device)
	if l == nil {
		return
	}
	jobs := make([]job, len(f.Items))
	for i, item := range f.Items {
		jobs[i] = job{run: r, ask: item}
	}
	l.serve.add(jobs)
}

// openStage opens the stage of a content of several pieces, and takes what an old version
// of the file holds.
func (r *folderRun) openStage(f swarm.OpenStage) {
	err := r.store.PutRecipes([]index.Recipe{{Content: f.Content, Body: f.Recipe.Append(nil)}})
	if err != nil {
		r.post(swarm.StageFailed{Content: f.Content, Reason: err.Error()})
		return
	}
	s, err := r.disk.Begin(f.Content, f.Recipe)
	if err != nil {
		full := r.noteFull(err)
		r.post(swarm.StageFailed{Content: f.Content, Full: full, Reason: err.Error()})
		return
	}
	if f.Old != nil {
		if old, ok := r.recipeOf(f.Old.Content, f.Old.Stat.Size); ok {
			if _, err := s.CopyFrom(f.Old.Path, f.Old.Stat, old); err != nil {
				// What the old version holds is fetched instead.
				r.log.Debug("nothing taken from the old version", "path", f.Old.Path, "reason", err)
			}
		}
	}
	r.takeChunks(s, f.Recipe)
	r.takeTrashed(s, f.Content, f.Recipe)
	r.mu.Lock()
	r.stages[f.Content] = s
	r.mu.Unlock()
	present := make([]bool, len(f.Recipe.Chunks))
	for i := range present {
		present[i] = s.Has(i)
	}
	r.post(swarm.StageOpened{Content: f.Content, Present: present})
}

func (r *folderRun) stageOf(content ident.ContentID) *disk.Stage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stages[content]
}

// dropStage forgets a stage. What it holds stays on disk for a day: it may be wanted
// again.
func (r *folderRun) dropStage(content ident.ContentID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.stages, content)
}

// breakDown ends the folder's life until a person has acted. Its files are left alone.
func (r *folderRun) breakDown(kind string, err error) {
	p := &status.Problem{Kind: kind, Reason: err.Error()}
	if kind == problemRoot {
		p.NextTry = status.MomentOf(time.Now().Add(rootRetry))
	}
	if r.broken.CompareAndSwap(nil, p) {
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
	r.work.Wait()
	r.serving.Lock()
	defer r.serving.Unlock()
	if err := r.shut(); err != nil {
		r.log.Error("closing the folder", "error", err)
	}
}

func (r *folderRun) shut() error {
	var errs []error
	if r.watcher != nil {
		errs = append(errs, r.watcher.Close())
		r.watcher = nil
	}
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
