//go:build !darwin || cgo

// Package desktop is the window: pages that show what a person may know, and send what the
// person wants to the agent.
//
// It draws status.View and the answers of the local API and knows nothing else: it opens
// no index and holds no link, and may end at any time without the agent noticing. What it
// is drawn with is package kit. It needs no display of its own, so that tests can look at
// every page; package shoal hands it a real window.
//
// Everything but Run belongs to the window's one thread.
//
// On macOS the toolkit needs cgo even for what is only drawn into memory, so there the
// package is left out of programs without it.
package desktop

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"fyne.io/fyne/v2"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// drawEvery is how often the window is drawn anew at most while things move. More often
// could not be read; less often looks stuck.
const drawEvery = 250 * time.Millisecond

// askFor bounds how long an agent may take to tell something. What it is told to do may
// take as long as the disk or another device needs; see askLong.
const askFor = 2 * time.Minute

// retryEvery is how often an agent that went away is looked for.
const retryEvery = time.Second

// Agent is what the window asks; *api.Client is one.
type Agent interface {
	Do(ctx context.Context, intent api.Intent) (json.RawMessage, error)
	Watch(ctx context.Context, deliver func(status.View) error) error
	Events(ctx context.Context, since uint64, deliver func(status.Event) error) error
	Link(ctx context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error
}

// page is one thing the window can show.
type page interface {
	// content is what is drawn; it stays the same.
	content() fyne.CanvasObject
	// update draws what is known by now. It is called when the page is shown, and then
	// whenever something has changed.
	update()
}

// Window is the window and all that it knows.
type Window struct {
	win   fyne.Window
	agent Agent
	ctx   context.Context
	// post runs a function on the window's thread, soon.
	post func(func())
	// now is the wall clock.
	now func() time.Time

	view    status.View
	heard   bool   // whether a view has come
	missing string // why there is no agent, empty when there is one
	speed   meter
	recent  activity

	look Look

	linking *linkSheet // while it is open

	shell   *shell
	pages   map[string]page
	shown   string
	history []string
}

// Options are what the window is made with.
type Options struct {
	// Post runs a function on the window's thread, soon; nil is fyne.Do.
	Post func(func())
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
	// Look is how the window looks until somebody changes it.
	Look Look
	// Words are what the window speaks with.
	Words words.Book
}

// Look is how the window looks.
type Look struct {
	Appearance kit.Appearance
	// TextSize is in percent of the usual size.
	TextSize int
}

// New fills win with pages that show what agent tells. Nothing is asked before Run.
func New(ctx context.Context, win fyne.Window, agent Agent, o Options) *Window {
	w := &Window{win: win, agent: agent, ctx: ctx, post: o.Post, now: o.Now, look: o.Look, pages: map[string]page{}}
	if w.look.Appearance == "" {
		w.look = Look{Appearance: kit.FollowSystem, TextSize: 100}
	}
	tongue.Store(&o.Words)
	w.dress()
	if w.post == nil {
		w.post = fyne.Do
	}
	if w.now == nil {
		w.now = time.Now
	}
	w.shell = newShell(w)
	win.SetContent(w.shell.root)
	win.SetPadded(false)
	win.SetOnDropped(w.dropped)
	w.Show(foldersPage)
	return w
}

// Run keeps the window up to date until the context ends. It is called beside the
// window's thread.
func (w *Window) Run() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.follow(w.watchEvents)
	}()
	ticking := make(chan struct{})
	go func() {
		defer close(ticking)
		w.tickAway()
	}()
	w.follow(w.watchViews)
	<-done
	<-ticking
}

// tickAway lets rates sink and times pass while no views come.
func (w *Window) tickAway() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for seconds := 1; ; seconds++ {
		select {
		case <-w.ctx.Done():
			return
		case <-ticker.C:
		}
		agesToo := seconds%30 == 0
		w.post(func() {
			if w.speed.moving() || agesToo {
				w.speed.note(w.now(), w.view.Devices)
				w.draw()
			}
		})
	}
}

// follow listens to the agent, and again when it went away, until the context ends.
func (w *Window) follow(listen func() error) {
	for w.ctx.Err() == nil {
		err := listen()
		w.post(func() { w.lost(err) })
		select {
		case <-w.ctx.Done():
		case <-time.After(retryEvery):
		}
	}
}

func (w *Window) lost(err error) {
	if err == nil || w.ctx.Err() != nil {
		return
	}
	w.missing = err.Error()
	w.draw()
}

// watchViews draws what the agent tells, the newest at most every drawEvery.
func (w *Window) watchViews() error {
	var last time.Time
	return w.agent.Watch(w.ctx, func(v status.View) error {
		if wait := drawEvery - time.Since(last); wait > 0 {
			select {
			case <-time.After(wait):
			case <-w.ctx.Done():
				return w.ctx.Err()
			}
		}
		last = time.Now()
		w.post(func() { w.Apply(v) })
		return nil
	})
}

func (w *Window) watchEvents() error {
	since := w.recent.last.Load()
	return w.agent.Events(w.ctx, since, func(e status.Event) error {
		w.recent.last.Store(e.Seq)
		w.post(func() { w.happened(e) })
		return nil
	})
}

// Apply shows another view.
func (w *Window) Apply(v status.View) {
	w.view, w.heard, w.missing = v, true, ""
	w.speed.note(w.now(), v.Devices)
	w.draw()
}

func (w *Window) happened(e status.Event) {
	w.recent.add(e)
	if l, ok := w.pages[w.shown].(interface{ happened(status.Event) }); ok {
		l.happened(e)
	}
}

func (w *Window) draw() {
	w.shell.update()
	if p := w.pages[w.shown]; p != nil {
		p.update()
	}
}

// Show leads to a page.
func (w *Window) Show(name string) {
	p := w.pages[name]
	if p == nil {
		if p = w.open(name); p == nil {
			return
		}
		w.pages[name] = p
	}
	if w.shown != name && w.shown != "" {
		w.history = append(w.history, w.shown)
		// Nobody goes back a hundred pages.
		w.history = w.history[max(0, len(w.history)-100):]
	}
	w.shown = name
	w.shell.put(p.content())
	w.draw()
}

// Back leads to the page before this one.
func (w *Window) Back() {
	if n := len(w.history); n > 0 {
		name := w.history[n-1]
		w.Show(name)
		w.history = w.history[:n-1]
	}
}

// ask lets the agent do something, beside the window's thread, and calls then on it.
func (w *Window) ask(intent api.Intent, into any, then func(error)) {
	go func() {
		ctx, cancel := context.WithTimeout(w.ctx, askFor)
		defer cancel()
		raw, err := w.agent.Do(ctx, intent)
		if err == nil && into != nil {
			err = json.Unmarshal(raw, into)
		}
		if w.ctx.Err() == nil {
			w.post(func() { then(err) })
		}
	}()
}

// askLong is ask for what may take as long as it needs, such as reading a whole disk.
func (w *Window) askLong(intent api.Intent, into any, then func(error)) {
	go func() {
		raw, err := w.agent.Do(w.ctx, intent)
		if err == nil && into != nil {
			err = json.Unmarshal(raw, into)
		}
		if w.ctx.Err() == nil {
			w.post(func() { then(err) })
		}
	}()
}

// order lets the agent do something whose result is seen in the next view. What goes wrong
// is shown to the person.
func (w *Window) order(intent api.Intent, then func()) {
	w.askLong(intent, nil, func(err error) {
		if err != nil {
			w.complain(err)
			return
		}
		if then != nil {
			then()
		}
	})
}

// complain tells a person that something could not be done.
func (w *Window) complain(err error) {
	text := err.Error()
	var known *api.Error
	if errors.As(err, &known) && known.Kind == api.NoAgent {
		text = say("Shoal's background program does not answer. %s", text)
	}
	kit.Ask(w.win.Canvas(), say("That did not work"), kit.NewPara(text, kit.Look{}),
		kit.Answer{Text: say("Close"), Weight: kit.Main})
}

// moment is the present as the view's times are told.
func (w *Window) moment() status.Moment { return status.MomentOf(w.now()) }
