// Package tray is the small presence beside the clock: an icon that tells at one glance
// how things are, a short menu, and rare messages.
//
// It draws status.View and sends intents, as the window does, and knows nothing else. It
// is told what changes and asks for nothing by itself. It is never the only way back: where
// the system has no place for an icon the tray says so and goes on for the messages. What
// opening the window means, and where messages are shown, is handed in by package shoal.
package tray

import (
	"context"
	"encoding/json"
	"log/slog"
	"path"
	"path/filepath"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/ident"
)

// retryEvery is how often an agent that went away is looked for: a look is one refused
// connection.
const retryEvery = 2 * time.Second

// Agent is what the tray asks; *api.Client is one.
type Agent interface {
	Do(ctx context.Context, intent api.Intent) (json.RawMessage, error)
	Watch(ctx context.Context, deliver func(status.View) error) error
	Events(ctx context.Context, since uint64, deliver func(status.Event) error) error
}

// Act is what a person can do at the menu.
type Act int

// The acts.
const (
	Open         Act = iota // the window
	OpenState               // the window, where the state is told in full
	OpenRecent              // the place of one of the last files
	PauseHour               // or resume, while everything rests; or start the agent, when none runs
	PauseDay                // until tomorrow morning
	OpenSettings            //
	Hide                    // ends the tray alone
	Quit                    // ends tray and agent
)

// Press is an act, and which of several.
type Press struct {
	Act   Act
	Index int
}

// Menu is what the person sees. Its methods are called by one goroutine.
type Menu interface {
	// Show draws a face.
	Show(Face)
	// Recent names the last files that came, the newest first.
	Recent(names []string)
	// Presses delivers what the person does.
	Presses() <-chan Press
}

// Desk is what the tray can do beyond its menu.
type Desk interface {
	// OpenWindow opens or raises the window at a page.
	OpenWindow(page string) error
	// OpenPlace shows a directory in the system's file manager.
	OpenPlace(dir string) error
	// Notify shows a message; clicked is called when the person clicks on it.
	Notify(n Notice, clicked func()) error
	// StartAgent and StopAgent return when that is done.
	StartAgent(ctx context.Context) error
	StopAgent(ctx context.Context) error
}

// Tray joins them.
type Tray struct {
	agent Agent
	menu  Menu
	desk  Desk
	words words.Book
	log   *slog.Logger

	view    status.View
	running bool
	news    *news
	recent  []received // the newest first
	started time.Time
	done    chan func() // what ended beside the loop, to be handled in it
}

// New returns a tray that is not shown yet.
func New(agent Agent, menu Menu, desk Desk, b words.Book, log *slog.Logger) *Tray {
	return &Tray{agent: agent, menu: menu, desk: desk, words: b, log: log, news: newNews(b),
		started: time.Now(), done: make(chan func())}
}

// Run shows the tray until the person ends it or the context ends. It returns whether the
// person did.
func (t *Tray) Run(ctx context.Context) (ended bool) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	views, events := make(chan *status.View), make(chan status.Event)
	go t.watch(ctx, views)
	go t.listen(ctx, events)
	t.menu.Show(NoAgent(t.words))
	// It rings when something is to be told, or a time in the menu has passed.
	bell := time.NewTimer(time.Hour)
	defer bell.Stop()
	for {
		t.ring(bell)
		select {
		case <-ctx.Done():
			return false
		case v := <-views:
			t.see(v)
		case e := <-events:
			t.hear(e)
		case <-bell.C:
			t.see(nil)
			t.tell(ctx)
		case then := <-t.done:
			then()
		case p := <-t.menu.Presses():
			if t.press(ctx, p) {
				return true
			}
		}
	}
}

// watch delivers views, and nil once the agent is gone.
func (t *Tray) watch(ctx context.Context, views chan<- *status.View) {
	gone := status.View{}
	for ctx.Err() == nil {
		err := t.agent.Watch(ctx, func(v status.View) error {
			select {
			case views <- &v:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		t.log.Debug("the agent is not watched", "reason", err)
		select {
		case views <- &gone:
		case <-ctx.Done():
		}
		pause(ctx)
	}
}

// listen delivers what happens from now on: what happened before the tray came is in the
// view.
func (t *Tray) listen(ctx context.Context, events chan<- status.Event) {
	since := uint64(0)
	for ctx.Err() == nil {
		err := t.agent.Events(ctx, since, func(e status.Event) error {
			since = e.Seq
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		t.log.Debug("the agent is not listened to", "reason", err)
		pause(ctx)
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(retryEvery):
	}
}

// see draws a view; nil draws the last one anew, for the times in it.
func (t *Tray) see(v *status.View) {
	if v != nil {
		t.view = *v
		t.running = !v.Device.ID.IsZero()
	}
	if !t.running {
		t.menu.Show(NoAgent(t.words))
		return
	}
	t.menu.Show(FaceOf(t.words, t.view, status.MomentOf(time.Now())))
}

func (t *Tray) hear(e status.Event) {
	if e.Time.Time().Before(t.started) {
		return
	}
	t.news.add(e, time.Now())
	if e.Kind != status.ItemFinished || e.Path == "" {
		return
	}
	// Its folder may not be in the view yet, so where it lies is looked up at the click.
	came := received{e.Folder, e.Path}
	kept := []received{came}
	for _, old := range t.recent {
		if old != came && len(kept) < recentShown {
			kept = append(kept, old)
		}
	}
	t.recent = kept
	names := make([]string, 0, len(kept))
	for _, one := range kept {
		names = append(names, cut(path.Base(one.path)))
	}
	t.menu.Recent(names)
}

// received is a file that came from another device.
type received struct {
	folder ident.FolderID
	path   string
}

func (t *Tray) openPlace(r received) {
	for _, f := range t.view.Folders {
		if f.ID == r.folder {
			t.complain(t.desk.OpenPlace(filepath.Dir(filepath.Join(f.Path, filepath.FromSlash(r.path)))))
		}
	}
}

// ring sets the bell to the next moment at which something changes by itself.
func (t *Tray) ring(bell *time.Timer) {
	at := t.news.next()
	if p := t.view.Device.Paused; t.running && p != nil && !p.Until.IsZero() {
		if minute := time.Now().Add(time.Minute); at.IsZero() || minute.Before(at) {
			at = minute
		}
	}
	if at.IsZero() {
		bell.Stop()
		return
	}
	bell.Reset(max(time.Until(at), 0))
}

func (t *Tray) tell(ctx context.Context) {
	for _, n := range t.news.take(time.Now(), t.view) {
		err := t.desk.Notify(n, func() { t.later(ctx, func() { t.complain(t.desk.OpenWindow(n.Page)) }) })
		if err != nil {
			t.log.Info("a message could not be shown; the icon and the window tell the same", "reason", err)
		}
	}
}

// later lets the loop do something.
func (t *Tray) later(ctx context.Context, do func()) {
	select {
	case t.done <- do:
	case <-ctx.Done():
	}
}

func (t *Tray) complain(err error) {
	if err != nil {
		t.log.Error("the tray could not do what was asked", "reason", err)
	}
}

// press does what the person wants; it returns true when that is to end the tray.
func (t *Tray) press(ctx context.Context, p Press) (ended bool) {
	switch p.Act {
	case Open:
		t.complain(t.desk.OpenWindow(""))
	case OpenState:
		t.complain(t.desk.OpenWindow(FaceOf(t.words, t.view, status.MomentOf(time.Now())).Page))
	case OpenSettings:
		t.complain(t.desk.OpenWindow("settings"))
	case OpenRecent:
		if p.Index < len(t.recent) {
			t.openPlace(t.recent[p.Index])
		}
	case PauseHour:
		switch {
		case !t.running:
			t.start(ctx)
		case t.view.Device.Paused != nil:
			t.do(ctx, api.Resume{})
		default:
			t.do(ctx, api.Pause{ForMillis: time.Hour.Milliseconds()})
		}
	case PauseDay:
		t.do(ctx, api.Pause{ForMillis: untilTomorrow(time.Now()).Milliseconds()})
	case Hide:
		return true
	case Quit:
		t.complain(t.desk.StopAgent(ctx))
		return true
	}
	return false
}

func (t *Tray) start(ctx context.Context) {
	go func() {
		err := t.desk.StartAgent(ctx)
		t.later(ctx, func() { t.complain(err) })
	}()
}

// do asks the agent beside the loop; what comes of it is seen in the next view.
func (t *Tray) do(ctx context.Context, intent api.Intent) {
	go func() {
		_, err := t.agent.Do(ctx, intent)
		t.later(ctx, func() { t.complain(err) })
	}()
}

// untilTomorrow is the time until six in the morning: people who pause for today mean
// their night too.
func untilTomorrow(now time.Time) time.Duration {
	const morning = 6
	at := time.Date(now.Year(), now.Month(), now.Day(), morning, 0, 0, 0, now.Location())
	if now.Hour() >= morning {
		at = time.Date(now.Year(), now.Month(), now.Day()+1, morning, 0, 0, 0, now.Location())
	}
	return at.Sub(now)
}
