//go:build !darwin || cgo

package desktop

import (
	"fmt"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// crowd is a view of ten folders and fifty devices, 100,000 files and 1,000 conflicts.
func crowd() status.View {
	v := home()
	for i := byte(5); i <= 50; i++ {
		d := v.Devices[i%4]
		d.ID, d.Name = deviceID(i), fmt.Sprintf("device-%d", i)
		v.Devices = append(v.Devices, d)
	}
	for i := byte(4); i <= 10; i++ {
		f := v.Folders[i%3]
		f.ID, f.Name, f.Files, f.Conflicts = folderID(i), fmt.Sprintf("Folder %d", i), 10_000, 143
		for _, d := range v.Devices[4:] {
			f.Members = append(f.Members, status.Member{ID: d.ID, Device: d.ID, Name: d.Name, Role: status.Reader,
				Connected: d.Connected, UpToDate: d.Connected})
		}
		v.Folders = append(v.Folders, f)
	}
	return v
}

func thousandClashes() []api.Conflict {
	var out []api.Conflict
	for i := range 1000 {
		c := clashes()[i%2]
		c.Path, c.Copy = fmt.Sprintf("lists/%04d.txt", i), copyOf(fmt.Sprintf("lists/%04d", i), ".txt")
		out = append(out, c)
	}
	return out
}

// crowded returns a window that knows the crowd.
func crowded(t testing.TB) *screen {
	s := newScreen(t, kit.Light, 100)
	s.agent.answers["conflict-list"] = thousandClashes()
	s.agent.answers["held-list"] = []api.Held{}
	s.agent.answers["trash-list"] = someTrash()
	s.agent.answers["transfer-list"] = api.Transfers{Queue: make([]api.Transfer, 1000)}
	s.agent.answers["setting-list"] = settingsTold()
	s.agent.answers["diagnose"] = status.Diagnosis{}
	s.Apply(crowd())
	return s
}

// someTrash is the beginning of a large trash.
func someTrash() []api.Trashed {
	list := make([]api.Trashed, 20)
	for i := range list {
		list[i] = api.Trashed{Folder: folderID(1), FolderName: "Photos", Path: fmt.Sprintf("2026/IMG_%07d.CR3", i),
			Size: 31 << 20, Why: "deleted", HolderName: "nas"}
	}
	return list
}

// A list of a million rows makes as many widgets as there is room for, and scrolls to its
// end.
func TestMillionRows(t *testing.T) {
	s := crowded(t)
	s.Show(trashPage)
	s.until("the list has come", func() bool { return s.shows("IMG_0000000.CR3") })
	p := s.pages[trashPage].(*trash)
	few := p.all
	p.all = make([]api.Trashed, 1_000_000)
	for i := range p.all {
		p.all[i] = few[i%len(few)]
	}
	p.all[len(p.all)-1].Path = "2026/the last one.CR3"
	p.sift()
	p.list.ScrollToBottom()
	if !s.shows("the last one.CR3") {
		t.Error("the end of the list is not shown")
	}
	rows := 0
	s.visible(func(o fyne.CanvasObject) {
		if _, ok := o.(*trashRow); ok {
			rows++
		}
	})
	if rows < 5 || rows > 40 {
		t.Errorf("%d rows are drawn", rows)
	}
}

// BenchmarkPage shows each page of a crowd, from asking to the finished picture.
func BenchmarkPage(b *testing.B) {
	for _, p := range places {
		b.Run(p.name, func(b *testing.B) {
			s := crowded(b)
			b.ResetTimer()
			for range b.N {
				delete(s.pages, p.name)
				s.Show(p.name)
				s.draw()
				s.drain()
				s.picture()
			}
		})
	}
}

// BenchmarkView takes in another view while the folders are shown: what happens four times
// a second while things move.
func BenchmarkView(b *testing.B) {
	s := crowded(b)
	v := crowd()
	s.picture()
	b.ResetTimer()
	for i := range b.N {
		v.Folders[0].NeedBytes -= int64(i)
		v.Devices[0].BytesIn += 1 << 20
		s.Apply(v)
	}
}

// BenchmarkScroll moves a list of a million rows by a thousand of them.
func BenchmarkScroll(b *testing.B) {
	test.NewTempApp(b).Settings().SetTheme(kit.NewTheme(kit.Light, 100))
	list := widget.NewList(func() int { return 1_000_000 }, func() fyne.CanvasObject { return newHistoryRow(&Window{now: time.Now}) },
		func(i widget.ListItemID, o fyne.CanvasObject) {
			o.(*historyRow).text.Set(fmt.Sprint("name ", i))
		})
	w := test.NewTempWindow(b, list)
	w.Resize(fyne.NewSize(900, 700))
	b.ResetTimer()
	for i := range b.N {
		list.ScrollTo(i * 1000 % 1_000_000)
	}
}

// drain runs what is posted within a short while.
func (s *screen) drain() {
	for {
		select {
		case f := <-s.queue:
			f()
		case <-time.After(5 * time.Millisecond):
			return
		}
	}
}
