package step

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a core that writes down what it is told and orders what the test says.
type scripted struct {
	story    []string
	deadline Instant
	batches  []int // what settling gives the core to hear, once each
	onTick   func(now Instant) []string
	onEvent  func(now Instant, event int) []string
}

func (s *scripted) Handle(now Instant, event int) []string {
	s.story = append(s.story, fmt.Sprintf("event %d at %v", event, time.Duration(now)))
	if s.onEvent == nil {
		return nil
	}
	return s.onEvent(now, event)
}

func (s *scripted) Tick(now Instant) []string {
	s.story = append(s.story, fmt.Sprintf("tick at %v", time.Duration(now)))
	if s.onTick == nil {
		return nil
	}
	return s.onTick(now)
}

func (s *scripted) Deadline() Instant { return s.deadline }

// newLoop joins a scripted core to a loop whose effects and settling are told in the same
// story. It belongs into a bubble, where time stands still while anybody works.
func newLoop(core *scripted) *Loop[int, string] {
	return NewLoop(NewClock(), core,
		func(effect string) { core.story = append(core.story, "act "+effect) },
		func() (int, bool) {
			core.story = append(core.story, "settled")
			if len(core.batches) == 0 {
				return 0, false
			}
			event := core.batches[0]
			core.batches = core.batches[1:]
			return event, true
		})
}

func expect(t *testing.T, core *scripted, want ...string) {
	t.Helper()
	if !slices.Equal(core.story, want) {
		t.Errorf("story:\n got %q\nwant %q", core.story, want)
	}
}

// start runs the loop until the returned function is called, which waits for its end.
func start(t *testing.T, loop *Loop[int, string]) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		loop.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func TestTickComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := &scripted{deadline: Never}
		core.onTick = func(Instant) []string { return []string{"first order", "second order"} }
		core.onEvent = func(_ Instant, event int) []string { return []string{fmt.Sprint("order ", event)} }
		loop := newLoop(core)
		for event := range 3 {
			loop.Post(t.Context(), event)
		}
		stop := start(t, loop)
		synctest.Wait()
		stop()
		expect(t, core, "tick at 0s", "act first order", "act second order",
			"event 0 at 0s", "act order 0", "event 1 at 0s", "act order 1",
			"event 2 at 0s", "act order 2", "settled")
	})
}

func TestDeadlinesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := &scripted{}
		waits := []time.Duration{3 * time.Second, time.Nanosecond, 5 * time.Hour}
		core.onTick = func(now Instant) []string {
			core.deadline = Never
			if len(waits) > 0 {
				core.deadline = now.Add(waits[0])
				waits = waits[1:]
			}
			return nil
		}
		stop := start(t, newLoop(core))
		<-time.After(24 * time.Hour)
		stop()
		story := slices.DeleteFunc(core.story, func(s string) bool { return s == "settled" })
		if want := []string{
			"tick at 0s", "tick at 3s", "tick at 3.000000001s", "tick at 5h0m3.000000001s",
		}; !slices.Equal(story, want) {
			t.Errorf("ticks:\n got %q\nwant %q", story, want)
		}
	})
}

func TestAnEventMovesTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := &scripted{}
		core.onTick = func(now Instant) []string {
			core.deadline = Never
			if now == 0 {
				core.deadline = now.Add(10 * time.Second)
			}
			return nil
		}
		core.onEvent = func(now Instant, _ int) []string {
			core.deadline = now.Add(time.Second)
			return nil
		}
		loop := newLoop(core)
		stop := start(t, loop)
		<-time.After(2 * time.Second)
		loop.Post(t.Context(), 1)
		<-time.After(20 * time.Second)
		stop()
		expect(t, core, "tick at 0s", "settled", "event 1 at 2s", "settled", "tick at 3s", "settled")
	})
}

// TestEventsDoNotStarveTheDeadline: the queue is never empty, so the timer is never asked.
func TestEventsDoNotStarveTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := &scripted{deadline: Never}
		core.onTick = func(Instant) []string {
			core.deadline = Never
			return nil
		}
		core.onEvent = func(now Instant, event int) []string {
			if event == 0 {
				core.deadline = now
			}
			return nil
		}
		loop := newLoop(core)
		loop.Post(t.Context(), 0)
		loop.Post(t.Context(), 1)
		stop := start(t, loop)
		synctest.Wait()
		stop()
		expect(t, core, "tick at 0s", "event 0 at 0s", "tick at 0s", "event 1 at 0s", "settled")
	})
}

// settlings runs a loop in which each act posts the next event, so that the queue is never
// empty, and returns after how many events it settled.
func settlings(t *testing.T, events int, act, settle time.Duration) (after []int) {
	synctest.Test(t, func(t *testing.T) {
		core := &scripted{deadline: Never}
		core.onEvent = func(Instant, int) []string { return []string{"again"} }
		var loop *Loop[int, string]
		handled := 0
		loop = NewLoop(NewClock(), core, func(string) {
			<-time.After(act)
			if handled++; handled < events {
				loop.Post(t.Context(), handled)
			}
		}, func() (int, bool) {
			after = append(after, handled)
			<-time.After(settle)
			return 0, false
		})
		loop.Post(t.Context(), 0)
		stop := start(t, loop)
		<-time.After(time.Duration(events) * (act + settle))
		synctest.Wait()
		stop()
	})
	return after
}

func TestLongBurstsSettleToo(t *testing.T) {
	const events = 2*burstMax + 10
	if got, want := settlings(t, events, 0, 0), []int{burstMax, 2 * burstMax, events}; !slices.Equal(got, want) {
		t.Errorf("settled after %v events, want %v", got, want)
	}
}

// TestSlowBurstsSettleToo: events that take long come without end, as in a first scan.
func TestSlowBurstsSettleToo(t *testing.T) {
	const events = 12
	if got, want := settlings(t, events, burstTime/5, 0), []int{5, 10, events}; !slices.Equal(got, want) {
		t.Errorf("settled after %v events, want %v", got, want)
	}
}

// TestSlowSettlingTakesHalfTheTime: on a slow disk a commit takes longer than a short burst.
func TestSlowSettlingTakesHalfTheTime(t *testing.T) {
	const events = 40
	got := settlings(t, events, burstTime/5, 3*burstTime)
	if want := []int{5, 20, 35, events}; !slices.Equal(got, want) {
		t.Errorf("settled after %v events, want %v", got, want)
	}
}

// TestWhatSettlingBringsComesFirst: the core hears of its batch before other events, and
// settling goes on until it brings nothing new.
func TestWhatSettlingBringsComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := &scripted{deadline: Never, batches: []int{100, 101}}
		loop := newLoop(core)
		stop := start(t, loop)
		synctest.Wait()
		loop.Post(t.Context(), 1)
		synctest.Wait()
		stop()
		expect(t, core, "tick at 0s", "settled", "event 100 at 0s", "settled", "event 101 at 0s",
			"settled", "event 1 at 0s", "settled")
	})
}

func TestPostWaitsWhileTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := &scripted{deadline: Never}
		loop := newLoop(core)
		ctx, cancel := context.WithCancel(t.Context())
		for event := range queueMax {
			if !loop.Post(ctx, event) {
				t.Fatalf("event %d was not taken", event)
			}
		}
		posted := make(chan bool, 1)
		go func() { posted <- loop.Post(ctx, -1) }()
		synctest.Wait()
		select {
		case <-posted:
			t.Fatal("Post did not wait for room")
		default:
		}
		cancel()
		if <-posted {
			t.Error("Post says the event was taken although the context ended")
		}
		stop := start(t, loop)
		go func() { posted <- loop.Post(t.Context(), -2) }()
		if !<-posted {
			t.Error("Post found no room in an emptied queue")
		}
		synctest.Wait()
		stop()
		if slices.Contains(core.story, "event -1 at 0s") {
			t.Error("an event that was not taken was handled")
		}
		if !slices.Contains(core.story, "event -2 at 0s") {
			t.Error("an event that was taken was not handled")
		}
	})
}

// TestStoppingSettlesWhatWasHandled: what the last event recorded is committed.
func TestStoppingSettlesWhatWasHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		core := &scripted{deadline: Never}
		core.onEvent = func(Instant, int) []string {
			cancel()
			return []string{"record"}
		}
		core.onTick = func(Instant) []string {
			core.batches = []int{100}
			return nil
		}
		loop := newLoop(core)
		loop.Post(ctx, 1)
		loop.Post(ctx, 2)
		loop.Run(ctx)
		expect(t, core, "tick at 0s", "event 1 at 0s", "act record",
			"settled", "event 100 at 0s", "act record", "settled")
	})
}

func TestInstants(t *testing.T) {
	if got := Instant(5).Add(7); got != 12 {
		t.Errorf("5 + 7 = %d", got)
	}
	if got := Never.Add(-time.Hour); got != Never {
		t.Errorf("an hour before never is %d", got)
	}
	if got := Instant(12).Since(5); got != 7 {
		t.Errorf("from 5 to 12 are %d", got)
	}
	if got := Earliest(); got != Never {
		t.Errorf("the earliest of none is %d", got)
	}
	if got := Earliest(Never, 9, 3, 4); got != 3 {
		t.Errorf("the earliest of 9, 3 and 4 is %d", got)
	}
}
