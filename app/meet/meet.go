// Package meet is what the window and the web page know of linking two devices: one attempt
// at a time, and how far it has come.
//
// It asks the agent to link and remembers what the agent tells, so that a dialog which is
// closed and opened again, or a page that is loaded anew, shows where things stand. It
// decides nothing: whether two devices may link is proven by the agent and said by a
// person. Pages draw State and call the methods.
package meet

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// Agent is what is asked; *api.Client is one.
type Agent interface {
	Do(ctx context.Context, intent api.Intent) (json.RawMessage, error)
	Link(ctx context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error
}

// Stage is how far an attempt has come.
type Stage string

// The stages.
const (
	Nothing  Stage = ""         // no attempt
	Starting Stage = "starting" // the agent has not answered yet
	Showing  Stage = "showing"  // Code and Link are to be shown
	Looking  Stage = "looking"  // for the device of a code; Text says why it may not be found
	Question Stage = "question" // Asked is to be answered
	Carrying Stage = "carrying" // Link is to be carried to the other device, or back to the one called Name
	Waiting  Stage = "waiting"  // for a yes at the device called Name
	Linked   Stage = "linked"   // the end: with the device called Name
	Failed   Stage = "failed"   // the end: Text says why
)

// State is an attempt at one moment.
type State struct {
	Stage   Stage
	Code    string
	Link    string
	Expires status.Moment
	Name    string
	Text    string
	// Asked is the question of the stage Question.
	Asked api.LinkEvent
	// With is what was linked.
	With api.LinkEvent
}

// Table is where one attempt at a time takes place. Its methods may be called from any
// goroutine.
type Table struct {
	ctx     context.Context
	agent   Agent
	changed func()

	mu      sync.Mutex
	state   State
	attempt int
	stop    context.CancelFunc
	running sync.WaitGroup
}

// New returns a table at which nothing takes place. Changed is called, from goroutines of
// the table's, whenever State would return something else. Attempts end with the context.
func New(ctx context.Context, agent Agent, changed func()) *Table {
	return &Table{ctx: ctx, agent: agent, changed: changed, stop: func() {}}
}

// State returns how far the attempt has come.
func (t *Table) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// Begin ends the attempt there is and begins another one.
func (t *Table) Begin(r api.LinkRequest) {
	t.mu.Lock()
	t.stop()
	ctx, stop := context.WithCancel(t.ctx)
	t.attempt++
	attempt := t.attempt
	t.stop, t.state = stop, State{Stage: Starting}
	t.running.Add(1)
	t.mu.Unlock()
	t.changed()
	go func() {
		defer t.running.Done()
		defer stop()
		err := t.agent.Link(ctx, r, func(e api.LinkEvent) error {
			t.heard(attempt, e)
			return nil
		})
		if err != nil && ctx.Err() == nil {
			t.set(attempt, func(s *State) { *s = State{Stage: Failed, Text: err.Error()} })
		}
	}()
}

// Stop ends the attempt: a code that was shown is dead then.
func (t *Table) Stop() {
	t.mu.Lock()
	t.stop()
	t.attempt++
	t.state = State{}
	t.mu.Unlock()
	t.changed()
}

// Close ends the attempt and returns when nothing of it is at work.
func (t *Table) Close() {
	t.mu.Lock()
	t.stop()
	t.mu.Unlock()
	t.running.Wait()
}

// Answer answers the question. Offered folders go where they are proposed to, unless places
// say otherwise. The error tells what is wrong with a place; the question stands then.
func (t *Table) Answer(ctx context.Context, yes bool, places map[string]string) error {
	s := t.State()
	if s.Stage != Question {
		return api.Errorf(api.Failed, "there is no question any more")
	}
	answer := api.LinkAnswer{Ticket: s.Asked.Ticket, Yes: yes}
	if yes {
		for _, o := range s.Asked.Offers {
			place := api.LinkPlace{Folder: o.ID, Path: o.Path}
			if other := places[o.ID.String()]; other != "" {
				place.Path = other
			}
			answer.Places = append(answer.Places, place)
		}
	}
	_, err := t.agent.Do(ctx, answer)
	return err
}

func (t *Table) heard(attempt int, e api.LinkEvent) {
	t.set(attempt, func(s *State) {
		switch e.Event {
		case api.LinkCode:
			*s = State{Stage: Showing, Code: e.Code, Link: e.Link, Expires: e.Expires, Text: e.Text}
		case api.LinkLooking:
			*s = State{Stage: Looking, Text: e.Text}
		case api.LinkQuestion:
			*s = State{Stage: Question, Name: e.Name, Asked: e}
		case api.LinkCarry:
			*s = State{Stage: Carrying, Link: e.Link, Name: e.Name, Expires: e.Expires}
		case api.LinkWaiting:
			// The words stay in sight: the other person may be comparing them just now.
			*s = State{Stage: Waiting, Name: e.Name, Asked: s.Asked}
		case api.LinkLinked:
			*s = State{Stage: Linked, Name: e.Name, With: e}
		}
	})
}

// set changes the state unless another attempt has begun meanwhile.
func (t *Table) set(attempt int, change func(*State)) {
	t.mu.Lock()
	current := t.attempt == attempt
	if current {
		change(&t.state)
	}
	t.mu.Unlock()
	if current {
		t.changed()
	}
}
