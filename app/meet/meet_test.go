package meet

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/internal/ident"
)

// scripted is an agent that tells what the test says.
type scripted struct {
	tells   chan api.LinkEvent
	ends    chan error
	answers chan api.LinkAnswer
}

func (s *scripted) Link(ctx context.Context, _ api.LinkRequest, deliver func(api.LinkEvent) error) error {
	for {
		select {
		case e := <-s.tells:
			if err := deliver(e); err != nil {
				return err
			}
		case err := <-s.ends:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *scripted) Do(_ context.Context, intent api.Intent) (json.RawMessage, error) {
	s.answers <- intent.(api.LinkAnswer)
	return nil, nil
}

func TestAnAttempt(t *testing.T) {
	agent := &scripted{make(chan api.LinkEvent), make(chan error), make(chan api.LinkAnswer, 1)}
	changed := make(chan struct{}, 10)
	table := New(t.Context(), agent, func() { changed <- struct{}{} })
	expect := func(stage Stage) State {
		t.Helper()
		<-changed
		s := table.State()
		if s.Stage != stage {
			t.Fatalf("the stage is %q, want %q", s.Stage, stage)
		}
		return s
	}
	table.Begin(api.LinkRequest{})
	expect(Starting)
	agent.tells <- api.LinkEvent{Event: api.LinkCode, Code: "1-a-b"}
	if s := expect(Showing); s.Code != "1-a-b" {
		t.Errorf("got %+v", s)
	}
	table.Begin(api.LinkRequest{Code: "2-c-d"})
	expect(Starting)
	offer := api.LinkFolder{ID: ident.FolderID{1}, Path: "/a"}
	agent.tells <- api.LinkEvent{Event: api.LinkQuestion, Ticket: 7, Words: "w", Offers: []api.LinkFolder{offer}}
	expect(Question)
	if err := table.Answer(t.Context(), true, map[string]string{offer.ID.String(): "/b"}); err != nil {
		t.Fatal(err)
	}
	if a := <-agent.answers; a.Ticket != 7 || !a.Yes || len(a.Places) != 1 || a.Places[0].Path != "/b" {
		t.Errorf("answered %+v", a)
	}
	agent.tells <- api.LinkEvent{Event: api.LinkWaiting, Name: "nas"}
	if s := expect(Waiting); s.Asked.Words != "w" || s.Name != "nas" {
		t.Errorf("got %+v", s)
	}
	if err := table.Answer(t.Context(), true, nil); err == nil {
		t.Error("an old question was answered")
	}
	agent.ends <- errors.New("the other side said no")
	if s := expect(Failed); s.Text != "the other side said no" {
		t.Errorf("got %+v", s)
	}
	table.Begin(api.LinkRequest{})
	expect(Starting)
	table.Stop()
	expect(Nothing)
	table.Close()
}
