//go:build !darwin || cgo

package desktop

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// visible calls take for everything that can be seen and reached.
func (s *screen) visible(take func(fyne.CanvasObject)) {
	var walk func(fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		if !o.Visible() {
			return
		}
		take(o)
		switch o := o.(type) {
		case *fyne.Container:
			for _, child := range o.Objects {
				walk(child)
			}
		case fyne.Widget:
			for _, child := range test.WidgetRenderer(o).Objects() {
				walk(child)
			}
		}
	}
	if front := s.win.Canvas().Overlays().Top(); front != nil {
		walk(front) // the rest is behind it and cannot be reached
		return
	}
	walk(s.win.Content())
}

// press presses the first thing that says so, as a person or a screen reader finds it.
func (s *screen) press(says string) {
	s.t.Helper()
	var found fyne.Tappable
	s.visible(func(o fyne.CanvasObject) {
		a, speaks := o.(fyne.Accessible)
		t, taps := o.(fyne.Tappable)
		if found == nil && speaks && taps && a.AccessibilityLabel() == says {
			found = t
		}
	})
	if found == nil {
		s.t.Fatalf("nothing to press says %q", says)
	}
	found.Tapped(&fyne.PointEvent{})
}

// shows reports whether a text can be read on the window.
func (s *screen) shows(text string) (found bool) {
	s.visible(func(o fyne.CanvasObject) {
		if t, ok := o.(interface{ Content() string }); ok && t.Content() == text {
			found = true
		}
	})
	return found
}

// wants runs what was posted until the agent has been asked for this, and nothing else.
func (s *screen) wants(want ...api.Intent) {
	s.t.Helper()
	var got []api.Intent
	s.until("the agent is asked", func() bool {
		got = append(got, s.agent.heard()...)
		return len(got) >= len(want)
	})
	if !slices.EqualFunc(got, want, func(x, y api.Intent) bool { return reflect.DeepEqual(x, y) }) {
		s.t.Errorf("the agent was asked %+v, want %+v", got, want)
	}
}

// until runs what was posted until something is true.
func (s *screen) until(what string, is func() bool) {
	s.t.Helper()
	limit := time.After(10 * time.Second)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case f := <-s.queue:
			f()
		case <-again.C:
		case <-limit:
			s.t.Fatal("waited in vain until " + what)
		}
	}
}

func TestConflictsAreAnswered(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.view.Folders[2].Path = kept(t)
	s.agent.answers["conflict-list"] = clashes()
	s.press("Conflicts, 2")
	s.wants(api.ConflictList{})
	s.until("the first is compared", func() bool { return s.shows("covers/front.png") })
	where := func(c api.Conflict) api.Where { return api.Where{Folder: c.Folder.String(), Path: c.Copy} }
	s.press("Keep theirs")
	s.wants(api.ConflictResolve{Where: where(clashes()[0]), Keep: api.Theirs}, api.ConflictList{})

	// All at once: asked first, then one after the other, and the list again.
	s.pages[conflictsPage].(*conflicts).bulkActs()[0].do()
	s.wants()
	s.press("Do it")
	s.wants(api.ConflictResolve{Where: where(clashes()[0]), Keep: api.Mine},
		api.ConflictResolve{Where: where(clashes()[1]), Keep: api.Mine}, api.ConflictList{})

	// Ended elsewhere, they go from the page by themselves.
	s.agent.mu.Lock()
	s.agent.answers["conflict-list"] = []api.Conflict{}
	s.agent.mu.Unlock()
	v := home()
	v.Folders[2].Conflicts = 0
	s.until("the list has come", func() bool { return !s.pages[conflictsPage].(*conflicts).load.waiting })
	s.Apply(v)
	s.until("conflicts that ended elsewhere are gone", func() bool { return s.shows("No conflicts") })
}

func TestRestoredInTwoPresses(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	gone := api.Trashed{Folder: folderID(2), FolderName: "Work", Path: "letters/offer.docx", Version: "a1", Why: "deleted"}
	s.agent.answers["trash-list"] = []api.Trashed{gone}
	s.press("Trash and history")
	s.wants(api.TrashList{})
	s.until("the file is listed", func() bool { return s.shows("offer.docx") })
	s.press("Restore letters/offer.docx")
	s.wants(api.TrashRestore{Where: api.Where{Folder: gone.Folder.String(), Path: gone.Path}, Version: "a1"}, api.TrashList{})
}

func TestHeldDeletesAreAnswered(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.answers["held-list"] = []api.Held{{Kind: api.HeldDeletes, Folder: folderID(1), FolderName: "Photos", ID: "7",
		DeviceName: "studio-pc", Files: 3}}
	s.press("Held changes")
	s.wants(api.HeldList{})
	s.until("they are shown", func() bool { return s.shows("studio-pc deleted 3 files in Photos") })
	s.press("Bring them back")
	s.wants(api.HeldAnswer{Folder: folderID(1).String(), ID: "7"}, api.HeldList{})
}

func TestWhatFailsIsSaid(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.answers["resume"] = errors.New("the disk is full: free some space")
	s.Show(devicesPage)
	s.order(resume(deviceID(4).String()), func() { t.Error("taken for done") })
	s.until("the reason is shown", func() bool { return s.shows("the disk is full: free some space") })
	s.win.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if len(s.win.Canvas().Overlays().List()) > 0 {
		t.Error("Escape does not close it")
	}
	// An agent that goes away is said too, and what it told last stays.
	s.lost(api.Errorf(api.NoAgent, "no agent is running"))
	if !s.shows("Not running") || !s.shows("anna-laptop") {
		t.Error("that no agent runs is not shown")
	}
}

func TestARoleThatIsRefusedIsNotShown(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.answers["folder-share"] = errors.New("only owners say so")
	row := newMemberRow(s.Window, folderID(1), deviceID(2))
	row.set(status.Member{ID: deviceID(2), Name: "nas", Role: status.Reader}, true)
	row.role.SetSelected(roleName(status.Owner))
	s.until("the reason is shown", func() bool { return s.shows("only owners say so") })
	if row.role.Selected != roleName(status.Reader) {
		t.Errorf("it is shown as %q, which was refused", row.role.Selected)
	}
}

func TestSettingsShowWhatHolds(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	row := func(key, value string) (*settingRow, *widget.Select) {
		r := newSettingRow(newSettings(s.Window), status.Setting{Key: key, Value: value, Default: value})
		var pick *widget.Select
		find(r.box, func(o fyne.CanvasObject) {
			if p, ok := o.(*widget.Select); ok {
				pick = p
			}
		})
		return r, pick
	}
	s.agent.answers["setting-set"] = errors.New("the file of the settings cannot be written")
	_, pick := row("text_size", "100")
	pick.SetSelected("200 %")
	s.until("the reason is shown", func() bool { return s.shows("the file of the settings cannot be written") })
	if pick.Selected != "100 %" {
		t.Errorf("%q is shown, which was refused", pick.Selected)
	}
	// The texts of an open window stay in their language, so it has to say when that ends.
	s.agent.answers["setting-set"] = api.SettingChange{Setting: status.Setting{Key: "language", Value: "de"}}
	r, pick := row("language", "system")
	pick.SetSelected("Deutsch")
	s.until("it is said when it holds", func() bool { return r.note.Visible() && r.note.Content() != "" })
}

// find calls take for an object and all below it.
func find(o fyne.CanvasObject, take func(fyne.CanvasObject)) {
	take(o)
	switch o := o.(type) {
	case *fyne.Container:
		for _, child := range o.Objects {
			find(child, take)
		}
	case fyne.Widget:
		for _, child := range test.WidgetRenderer(o).Objects() {
			find(child, take)
		}
	}
}

// Whatever takes the keyboard shows it, says what it is, and the keyboard alone reaches it.
func TestKeyboardReachesEverything(t *testing.T) {
	for _, p := range pagesDrawn {
		t.Run(p.name, func(t *testing.T) {
			s := newScreen(t, kit.Light, 100)
			s.busy()
			p.open(s)
			want := s.focusable()
			c := s.win.Canvas()
			c.Unfocus()
			seen := map[fyne.Focusable]bool{}
			for range len(want) + 20 {
				c.FocusNext()
				f := c.Focused()
				if f == nil || seen[f] {
					break
				}
				seen[f] = true
				if a, ok := f.(fyne.Accessible); ok && a.AccessibilityLabel() == "" {
					t.Errorf("a %T with the keyboard on it says nothing", f)
				}
			}
			for _, f := range want {
				if !seen[f] {
					t.Errorf("the keyboard does not reach a %T", f)
				}
			}
		})
	}
}

// focusable lists what the keyboard should reach on the window.
func (s *screen) focusable() (want []fyne.Focusable) {
	s.visible(func(o fyne.CanvasObject) {
		f, ok := o.(fyne.Focusable)
		if !ok {
			if _, taps := o.(fyne.Tappable); taps && !inList(o) {
				s.t.Errorf("a %T can be pressed and not reached by the keyboard", o)
			}
			return
		}
		if d, ok := o.(fyne.Disableable); !ok || !d.Disabled() {
			want = append(want, f)
		}
	})
	return want
}

func TestFocusIsSeen(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.busy()
	s.agent.answers["setting-list"] = settingsTold()
	s.Show(settingsPage)
	s.settle(1)
	still := s.picture()
	tried := map[reflect.Type]bool{}
	for _, f := range s.focusable() {
		if kind := reflect.TypeOf(f); !tried[kind] {
			tried[kind] = true
			s.win.Canvas().Focus(f)
			if differing(s.picture(), still) < 50 {
				t.Errorf("hardly anything shows that the keyboard is on a %v", kind)
			}
		}
	}
	if len(tried) < 3 {
		t.Errorf("tried only %v", tried)
	}
}

// inList is true of rows of a list, which the keyboard moves over within the list, and of
// what only keeps the pointer from what is behind it.
func inList(o fyne.CanvasObject) bool {
	kind := reflect.TypeOf(o).String()
	return kind == "*widget.listItem" || strings.HasPrefix(kind, "*widget.scrollBar") || kind == "*widget.TextGrid" || kind == "*kit.scrim"
}

func TestPagesHaveKeys(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.Show(devicesPage)
	s.Show(folderPage(folderID(2)))
	if !s.shows("Work") {
		t.Error("the folder is not shown")
	}
	s.win.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if s.Window.shown != devicesPage {
		t.Errorf("Escape leads to %s", s.Window.shown)
	}
}

func TestRatesSink(t *testing.T) {
	var m meter
	d := []status.Device{{ID: deviceID(1), BytesIn: 1000}}
	m.note(noon, d)
	d[0].BytesIn = 11_000
	m.note(noon.Add(time.Second), d)
	if in, _ := m.total(); in != 10_000 {
		t.Errorf("10,000 bytes in a second are shown as %v", in)
	}
	m.note(noon.Add(2*time.Second), d)
	if in, _ := m.total(); in != 0 || !m.moving() {
		t.Errorf("after a second of rest: %v", in)
	}
	m.note(noon.Add(2*time.Minute), d)
	if m.moving() || len(m.in) != meterMarks {
		t.Error("a minute of rest still moves")
	}
	d[0].BytesIn = 5 // the agent was started anew
	m.note(noon.Add(3*time.Minute), d)
	if in, _ := m.total(); in != 0 {
		t.Errorf("counters that begin anew are shown as %v", in)
	}
}

// While a person types, one question at a time is on its way, and the answer to the last
// text is the one that stays.
func TestSearchFollowsTheTyping(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.answers["search"] = []api.Match{}
	s.find()
	p := s.pages[searchPage].(*search)
	for _, text := range []string{"l", "li", "lis", "lisb"} {
		p.entry.SetText(text)
	}
	s.wants(api.Search{Words: []string{"l"}, Here: true}, api.Search{Words: []string{"lisb"}, Here: true},
		api.Search{Words: []string{"lisb"}})
	here := api.Match{Result: "Work:a.txt", Folder: folderID(2), Path: "a.txt", Kind: "file", Devices: []api.Device{{ID: deviceID(2)}}}
	s.agent.mu.Lock()
	s.agent.answers["search"] = []api.Match{here}
	s.agent.answers["fetch"] = errors.New("nas has gone")
	s.agent.mu.Unlock()
	p.entry.SetText("a.txt")
	s.until("it is found", func() bool { return s.shows("a.txt") })
	s.agent.heard()
	s.press("Fetch a.txt")
	s.until("it is said why not", func() bool { return s.shows("nas has gone") })
}

func TestDeviceIsLinked(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.answers["nearby-list"] = api.Nearby{Devices: []api.NearbyDevice{{ID: deviceID(7), Name: "tv-box"}}}
	s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/x"}}
	s.press("Link a device")
	s.until("the code is shown", func() bool { return s.shows("4829-otter-maple") })
	s.until("who is nearby is listed", func() bool { return s.shows("tv-box") })
	s.agent.mu.Lock()
	s.agent.linking = []api.LinkEvent{{Event: api.LinkQuestion, Ticket: 5, Name: "tv-box", Words: "amber fox",
		Offers: []api.LinkFolder{{ID: folderID(1), Name: "Films", Path: "/home/anna/Films"}}}}
	s.agent.mu.Unlock()
	s.press("Link with tv-box")
	s.until("the words are shown", func() bool { return s.shows("amber fox") })
	s.agent.heard()
	s.press("Yes, link")
	s.wants(api.LinkAnswer{Ticket: 5, Yes: true, Places: []api.LinkPlace{{Folder: folderID(1), Path: "/home/anna/Films"}}})
	if got := s.agent.linked[1].Nearby; got != deviceID(7).String() {
		t.Errorf("asked for %q", got)
	}
	// Closed, the code is dead.
	s.win.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if s.shows("amber fox") {
		t.Error("the sheet is still there")
	}
}

func TestDeviceIsLinkedByMail(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/x"}}
	s.press("Link a device")
	s.until("the code is shown", func() bool { return s.shows("4829-otter-maple") })
	s.agent.mu.Lock()
	s.agent.linking = []api.LinkEvent{{Event: api.LinkCarry, Link: "shoal://invite/x"}}
	s.agent.mu.Unlock()
	s.press("By mail or chat …")
	s.until("the text is there", func() bool { return s.shows("Copy the text") })
	s.agent.mu.Lock()
	s.agent.linking = []api.LinkEvent{{Event: api.LinkQuestion, Ticket: 5, Name: "tv-box"}}
	s.agent.mu.Unlock()
	s.linking.entry.SetText("shoal://reply/x")
	s.press("Use this text")
	s.until("it is asked", func() bool { return s.shows("Link with tv-box?") })
	s.agent.heard()
	s.press("Yes, link")
	s.wants(api.LinkAnswer{Ticket: 5, Yes: true})
	if got := s.agent.linked; !got[1].ByHand || got[2].Code != "shoal://reply/x" {
		t.Errorf("asked for %+v", got)
	}
}

func TestFolderIsOffered(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	v := home()
	v.Offers = []status.Offer{{Folder: folderID(7), Name: "Films", Device: deviceID(2), DeviceName: "nas", Role: status.Writer, Files: 3, Bytes: 41 << 30}}
	s.Apply(v)
	if !s.shows("nas shares Films with this device") || !s.shows("3 files · 41 GiB") {
		t.Error("the offer is not shown")
	}
	s.agent.answers["folder-accept"] = api.Folder{ID: folderID(7), Name: "Films"}
	s.press("Keep it here")
	s.wants(api.FolderAccept{Folder: folderID(7).String()})
	s.agent.heard()
	s.press("Not here")
	s.wants(api.FolderDecline{Folder: folderID(7).String()})
	s.Apply(home())
	if s.shows("nas shares Films with this device") {
		t.Error("the offer is still there")
	}
}

func TestFolderIsAdded(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(home())
	s.agent.answers["folder-add"] = api.Folder{ID: folderID(9), Name: "Films"}
	s.AddFolder("/home/anna/Films")
	s.press("nas")
	s.press("Add folder")
	s.wants(api.FolderAdd{Path: "/home/anna/Films"}, api.FolderShare{Folder: folderID(9).String(), Device: deviceID(2).String()})
}

// Another appearance and other sizes hold at once, everywhere: the window then looks as one
// that began so.
func TestLookChangesAtOnce(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.busy()
	s.Show(devicesPage)
	s.Show(foldersPage)
	s.settingChanged(status.Setting{Key: "appearance", Value: "dark"})
	s.settingChanged(status.Setting{Key: "text_size", Value: "130"})
	got := s.picture()
	s = newScreen(t, kit.Dark, 130)
	s.busy()
	if off := differing(got, s.picture()); off > 0 {
		t.Errorf("%d places look otherwise", off)
	}
}
