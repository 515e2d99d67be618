package tray

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/ident"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestFaces(t *testing.T) {
	now := status.MomentOf(noon)
	folder := func(s status.State) status.Folder { return status.Folder{Name: "photos", State: s} }
	view := func(folders ...status.Folder) status.View {
		return status.View{Device: status.Self{ID: ident.DeviceID{1}}, Folders: folders}
	}
	conflict, held := folder(status.NeedsYou), folder(status.NeedsYou)
	conflict.Conflicts, held.Held = 2, 1312
	moving := folder(status.Syncing)
	moving.Progress = &status.Progress{BytesDone: 999_999, BytesTotal: 1_000_000, ETA: 35}
	paused := view(folder(status.Paused))
	paused.Device.Paused = &status.Rest{Until: status.MomentOf(noon.Add(40 * time.Minute))}
	asked := view(folder(status.Syncing))
	asked.Asking = []status.Asking{{Name: "nas"}}
	for _, c := range []struct {
		v    status.View
		mood Mood
		line string
		page string
	}{
		{view(), Idle, "No folders yet", "folders"},
		{view(folder(status.UpToDate), folder(status.UpToDate)), Idle, "Up to date", "folders"},
		{view(folder(status.UpToDate), folder(status.Waiting)), Idle, "1 of 2 folders up to date", "folders"},
		{view(folder(status.UpToDate), folder(status.Paused)), Idle, "1 of 2 folders up to date", "folders"},
		{view(folder(status.Waiting)), Offline, "No other device is connected", "devices"},
		{view(folder(status.UpToDate), moving), Syncing, "Syncing: 99 %, 35 s left", "transfers"},
		{view(folder(status.Scanning)), Syncing, "Syncing", "transfers"},
		{view(folder(status.Paused)), Paused, "Paused", "folders"},
		{paused, Paused, "Paused for another 40 min", "folders"},
		{view(conflict, moving), NeedsYou, "2 files were changed on two devices", "conflicts"},
		{view(held, conflict), NeedsYou, "1,312 deletes wait for your yes", "held"},
		{view(folder(status.NeedsYou)), NeedsYou, "1 folder needs you", "folders"},
		{asked, NeedsYou, "1 device asks to be linked", "devices"},
	} {
		f := FaceOf(words.Book{}, c.v, now)
		if f.Mood != c.mood || f.Line != c.line || f.Page != c.page || !f.Running {
			t.Errorf("got %s %q %s, want %s %q %s", f.Mood, f.Line, f.Page, c.mood, c.line, c.page)
		}
	}
	if f := NoAgent(words.Book{}); f.Mood != Offline || f.Running {
		t.Errorf("without an agent: %+v", f)
	}
}

func TestDevicesAreFewAndPlain(t *testing.T) {
	v := status.View{Device: status.Self{ID: ident.DeviceID{1}}}
	for range 9 {
		v.Devices = append(v.Devices, status.Device{Name: "na\x1bs" + strings.Repeat("x", 80), Connected: true, Route: status.LAN})
	}
	got := FaceOf(words.Book{}, v, 0).Devices
	if len(got) != devicesShown+1 || got[devicesShown] != "and 3 more" {
		t.Fatalf("got %q", got)
	}
	if strings.Contains(got[0], "\x1b") || len([]rune(got[0])) > 70 || !strings.HasSuffix(got[0], "local network") {
		t.Errorf("got %q", got[0])
	}
}

// A hundred conflicts are one message; the next comes ten minutes later, if there are still
// any by then.
func TestNewsAreGathered(t *testing.T) {
	n := newNews(words.Book{})
	v := status.View{Folders: []status.Folder{{Conflicts: 100, Problems: []status.Problem{{}}}}}
	for range 100 {
		n.add(status.Event{Kind: status.Conflict}, noon)
	}
	n.add(status.Event{Kind: status.ItemFinished}, noon)
	if got := n.take(noon.Add(gatherFor/2), v); got != nil {
		t.Errorf("told too early: %+v", got)
	}
	got := n.take(n.next(), v)
	if len(got) != 1 || got[0].Title != "100 files were changed on two devices" || got[0].Page != "conflicts" {
		t.Fatalf("got %+v", got)
	}
	if !n.next().IsZero() {
		t.Error("there is more to tell")
	}
	n.add(status.Event{Kind: status.Conflict}, noon.Add(time.Minute))
	if at := n.next(); at.Before(noon.Add(quietFor)) {
		t.Errorf("the next one comes after %s", at.Sub(noon))
	}
	n.add(status.Event{Kind: status.Trouble, Path: "a", Detail: "no"}, noon.Add(time.Minute))
	if got := n.take(noon.Add(time.Minute+gatherFor), v); len(got) != 1 || got[0].Text != "a: no" {
		t.Errorf("another kind: %+v", got)
	}
	if got := n.take(noon.Add(time.Hour), status.View{}); got != nil {
		t.Errorf("told of what is resolved: %+v", got)
	}
	n.add(status.Event{Kind: status.Conflict}, noon.Add(2*time.Hour))
	if at := n.next(); at.After(noon.Add(2*time.Hour + gatherFor)) {
		t.Errorf("what was not told makes quiet: %s", at.Sub(noon))
	}
}

func TestWhoAsksIsToldAtOnce(t *testing.T) {
	n := newNews(words.In(words.German))
	n.add(status.Event{Kind: status.LinkAsked}, noon)
	got := n.take(noon, status.View{Asking: []status.Asking{{Name: "nas"}}})
	if len(got) != 1 || !strings.Contains(got[0].Title, "nas") || got[0].Page != "devices" {
		t.Errorf("got %+v", got)
	}
}

func TestUntilTomorrow(t *testing.T) {
	for hour, want := range map[int]time.Duration{1: 5 * time.Hour, 6: 24 * time.Hour, 22: 8 * time.Hour} {
		if got := untilTomorrow(time.Date(2026, 5, 1, hour, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("at %d: %s, want %s", hour, got, want)
		}
	}
}
