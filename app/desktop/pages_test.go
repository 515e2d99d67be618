//go:build !darwin || cgo

package desktop

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

func deviceID(n byte) (id ident.DeviceID) { id[0], id[31] = n, n; return id }

func folderID(n byte) (id ident.FolderID) { id[0] = n; return id }

// home is a view of a usual evening: three folders, four devices.
func home() status.View {
	studio := status.Device{ID: deviceID(1), Name: "studio-pc", Connected: true, Route: status.LAN,
		RTT: 0.4, BytesIn: 9 << 30, BytesOut: 71 << 20, LastSeen: before(0), Addresses: []string{"tcp://192.168.1.20:22100"}}
	nas := status.Device{ID: deviceID(2), Name: "nas", Connected: true, Route: status.Direct,
		RTT: 12.6, BytesIn: 2 << 30, BytesOut: 3 << 30, LastSeen: before(0)}
	pixel := status.Device{ID: deviceID(3), Name: "pixel", LastSeen: before(3 * 24 * time.Hour),
		LastProblem: "no answer at 192.168.1.31:22100", NextTry: before(-40 * time.Second)}
	mac := status.Device{ID: deviceID(4), Name: "old-mac", Paused: &status.Rest{Until: before(-50 * time.Minute)},
		LastSeen: before(time.Hour)}
	member := func(d status.Device, role status.Role, same bool) status.Member {
		return status.Member{ID: d.ID, Device: d.ID, Name: d.Name, Role: role, Connected: d.Connected, UpToDate: same}
	}
	photos := status.Folder{ID: folderID(1), Name: "Photos", Path: "/home/anna/Pictures", State: status.Syncing,
		Role: status.Owner, Files: 18204, Bytes: 212 << 30, NeedFiles: 41, NeedBytes: 12 << 27,
		Progress: &status.Progress{BytesDone: 136 << 30, BytesTotal: 212 << 30, RateBps: 38 << 20, ETA: 35,
			Current: "2026/Lisbon/IMG_8842.CR3"},
		Members: []status.Member{member(studio, status.Writer, false), member(nas, status.Reader, false),
			member(pixel, status.Reader, false)}}
	work := status.Folder{ID: folderID(2), Name: "Work", Path: "/home/anna/Documents/Work", State: status.UpToDate,
		Role: status.Owner, Files: 3410, Bytes: 48 << 27, Root: "9f2c",
		Members: []status.Member{member(studio, status.Owner, true), member(nas, status.Writer, true)}}
	music := status.Folder{ID: folderID(3), Name: "Music", Path: "/srv/music", State: status.NeedsYou,
		Role: status.Writer, Files: 9120, Bytes: 88 << 30, Conflicts: 2,
		Members:   []status.Member{member(nas, status.Owner, true), member(mac, status.Writer, false)},
		LastEqual: &status.Equal{Device: mac.ID, Name: mac.Name, When: before(26 * time.Hour)}}
	return status.View{
		Device:  status.Self{ID: deviceID(9), Name: "anna-laptop", Listen: []string{"192.168.1.5:22100"}},
		Devices: []status.Device{studio, nas, pixel, mac}, Folders: []status.Folder{photos, work, music},
	}
}

// busy lets an hour of traffic pass before the window is looked at.
func (s *screen) busy() {
	v := home()
	s.Apply(v)
	at := noon
	for i := range 59 {
		at = at.Add(time.Second)
		for d := range v.Devices[:2] {
			v.Devices[d].BytesIn += uint64(1<<20) * uint64(14+(i*7+d*5)%11+i%5)
			v.Devices[d].BytesOut += uint64(1<<18) * uint64(4+(i*5+d)%7)
		}
		s.speed.note(at, v.Devices)
	}
	s.draw()
}

var looks = []kit.Appearance{kit.Light, kit.Dark}

// kept puts the two versions of a text and of a picture where the Music folder lies.
func kept(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name string, text []byte) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mine := "Set list\n\n1. Blue in Green\n2. So What\n3. Naima\n\nSoundcheck 17:00\nDoors 19:30\n"
	theirs := "Set list\n\n1. Blue in Green\n2. Round Midnight\n3. Naima\n4. Giant Steps\n\nSoundcheck 17:00\nDoors 20:00\n"
	write("lists/concert.txt", []byte(mine))
	write(copyOf("lists/concert", ".txt"), []byte(theirs))
	for i, name := range []string{"covers/front.png", copyOf("covers/front", ".png")} {
		img := image.NewRGBA(image.Rect(0, 0, 240, 160))
		for y := range 160 {
			for x := range 240 {
				img.Set(x, y, color.RGBA{uint8(40 + x/2 + 60*i), uint8(90 + y/2), uint8(180 - 90*i), 255})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		write(name, b.Bytes())
	}
	return dir
}

func copyOf(name, ext string) string { return name + " (conflict, old-mac, 2026-11-20 09-14-05)" + ext }

func clashes() []api.Conflict {
	one := api.Conflict{Folder: folderID(3), FolderName: "Music", Path: "lists/concert.txt", Copy: copyOf("lists/concert", ".txt"),
		Kind: "file", Device: "old-mac", Time: before(166 * time.Minute), Size: 84, CopySize: 106, Mine: "path",
		PathDevice: "anna-laptop", PathTime: before(21 * time.Minute)}
	two := one
	two.Path, two.Copy = "covers/front.png", copyOf("covers/front", ".png")
	two.Size, two.CopySize, two.Mine = 1240, 1260, "copy"
	return []api.Conflict{two, one}
}

// pagesDrawn are all pages, each with what the agent says on it.
var pagesDrawn = []struct {
	name string
	open func(*screen)
}{
	{"folders", func(s *screen) {}},
	{"folder", func(s *screen) { s.Show(folderPage(folderID(3))) }},
	{"pieces", func(s *screen) {
		item := api.SwarmItem{Name: "2026/Lisbon/film.mov", Size: 4 << 30, Pieces: 4100, Have: 1930, Holders: 2}
		for i := range 100 {
			item.Map = append(item.Map, min(100, max(0, (i*37)%140-20)))
		}
		s.agent.answers["swarm"] = api.Swarm{Items: []api.SwarmItem{item, {Name: "2026/Lisbon/IMG_8842.CR3", Pieces: 31, Have: 30, Holders: 1, Map: []int{100, 100, 96}}}}
		s.Show(folderPage(folderID(1)))
		s.settle(1)
	}},
	{"members", func(s *screen) {
		s.Show(folderPage(folderID(1)))
		s.pages[s.shown].(*folder).tabs.Choose(2)
	}},
	{"ignored", func(s *screen) {
		s.agent.answers["ignore-read"] = api.IgnoreTexts{Shared: "# what editors leave behind\n*.tmp\n*~\n.DS_Store\n\n/cache/\n"}
		s.agent.answers["ignore-preview"] = api.Ignores{Names: 4, All: 3410, Bytes: 91 << 20,
			Paths: []string{"cache/", "letters/offer.docx~", "plans/.DS_Store", "plans/house.dwg.tmp"}}
		s.Show(folderPage(folderID(2)))
		s.pages[s.shown].(*folder).tabs.Choose(3)
		s.settle(2)
	}},
	{"folder-settings", func(s *screen) {
		s.Show(folderPage(folderID(1)))
		s.pages[s.shown].(*folder).tabs.Choose(4)
	}},
	{"devices", func(s *screen) { s.Show(devicesPage) }},
	{"first", func(s *screen) {
		s.agent.answers["setting-list"] = []status.Setting{{Key: "autostart", Value: "off", Default: "off"}}
		s.Apply(status.View{Device: home().Device})
		s.Show(foldersPage)
		s.settle(1)
	}},
	{"link", func(s *screen) {
		s.agent.answers["nearby-list"] = api.Nearby{Devices: []api.NearbyDevice{{ID: deviceID(7), Name: "tv-box"}}}
		s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKL"}}
		s.Link()
		s.settle(2)
		s.win.Canvas().Unfocus() // the cursor blinks
	}},
	{"link-nobody", func(s *screen) {
		s.agent.answers["nearby-list"] = api.Nearby{Cause: api.Firewall, Remedy: "sudo ufw allow 5353/udp && sudo ufw allow 22100/tcp",
			Reason: "a firewall on this computer blocks multicast DNS: allow UDP port 5353"}
		s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKL",
			Text: "this computer cannot be found by the code alone"}}
		s.Link()
		s.settle(2)
		s.win.Canvas().Unfocus() // the cursor blinks
	}},
	{"offered", func(s *screen) {
		s.busy()
		v := s.view
		v.Offers = []status.Offer{{Folder: folderID(7), Name: "Films", Device: deviceID(2), DeviceName: "nas", Role: status.Writer, Files: 312, Bytes: 41 << 30}}
		s.Apply(v)
		s.Show(foldersPage)
	}},
	{"link-by-hand", func(s *screen) {
		s.agent.linking = []api.LinkEvent{{Event: api.LinkCarry, Link: "shoal://invite/" + strings.Repeat("abcdefghijklmnopqrstuvwxyz234567", 14)}}
		s.Link()
		s.settle(2)
		s.win.Canvas().Unfocus() // the cursor blinks
	}},
	{"add-folder", func(s *screen) { s.AddFolder("/home/anna/Films"); s.win.Canvas().Unfocus() }},
	{"transfers", func(s *screen) {
		s.agent.answers["transfer-list"] = api.Transfers{Files: 41, Bytes: 12 << 27, Queue: []api.Transfer{
			{Folder: folderID(1), FolderName: "Photos", Path: "2026/Lisbon/IMG_8842.CR3", Size: 31 << 20},
			{Folder: folderID(1), FolderName: "Photos", Path: "2026/Lisbon/IMG_8843.CR3", Size: 29 << 20},
			{Folder: folderID(1), FolderName: "Photos", Path: "2026/Lisbon/notes.txt", Size: 812},
		}}
		s.Show(transfersPage)
		s.settle(1)
	}},
	{"transfers-hour", func(s *screen) {
		s.agent.answers["transfer-list"] = api.Transfers{Queue: []api.Transfer{}}
		past := api.Speeds{StepSeconds: 10, PeakIn: 61 << 20, PeakInAt: before(17 * time.Minute)}
		for i := range 360 {
			past.In = append(past.In, int64(max(0, (i%97)*(i%31)-300))<<14)
			past.Out = append(past.Out, int64(i%40)<<17)
		}
		s.agent.answers["speed-list"] = past
		s.Show(transfersPage)
		s.settle(1)
		s.pages[transfersPage].(*transfers).spans.Choose(1)
		s.settle(1)
	}},
	{"search", func(s *screen) {
		self, nas, studio := api.Device{ID: deviceID(9)}, api.Device{ID: deviceID(2), Name: "nas"}, api.Device{ID: deviceID(1), Name: "studio-pc"}
		s.agent.answers["search"] = []api.Match{
			{Result: "Photos:2026/Lisbon", Folder: folderID(1), FolderName: "Photos", Path: "2026/Lisbon", Kind: "dir", Devices: []api.Device{self, nas}},
			{Result: "Work:travel/lisbon tickets.pdf", Folder: folderID(2), FolderName: "Work", Path: "travel/lisbon tickets.pdf", Kind: "file",
				Size: 214 << 10, Devices: []api.Device{self, studio}},
			{Result: "Photos:2019/lisbon-old.jpg", Folder: folderID(1), FolderName: "Photos", Path: "2019/lisbon-old.jpg", Kind: "file",
				Size: 4 << 20, Devices: []api.Device{nas}},
			{Result: "Music:fado/Lisboa.flac", Folder: folderID(3), FolderName: "Music", Path: "fado/Lisboa.flac", Kind: "file", Size: 31 << 20},
		}
		s.Show(searchPage)
		s.pages[searchPage].(*search).entry.SetText("lisb")
		p := s.pages[searchPage].(*search)
		s.until("here is searched", func() bool { return len(p.found) == 4 })
		p.ask(api.Search{Words: []string{"lisb"}})
		s.settle(1)
		s.win.Canvas().Unfocus() // the cursor blinks
	}},
	{"conflicts", func(s *screen) {
		s.agent.answers["conflict-list"] = clashes()
		s.view.Folders[2].Path = kept(s.t)
		s.Show(conflictsPage)
		s.settle(2) // the list, then what is in the files
		s.pages[conflictsPage].(*conflicts).list.Select(1)
		s.settle(1)
	}},
	{"pictures", func(s *screen) {
		s.agent.answers["conflict-list"] = clashes()
		s.view.Folders[2].Path = kept(s.t)
		s.Show(conflictsPage)
		s.settle(2)
	}},
	{"held", func(s *screen) {
		s.agent.answers["held-list"] = []api.Held{{Kind: api.HeldDeletes, Folder: folderID(1), FolderName: "Photos", ID: "7",
			Since: before(12 * time.Minute), Device: deviceID(1), DeviceName: "studio-pc", Files: 3112, Bytes: 41 << 30, Names: 214,
			Paths: []string{"2019/Oslo", "2019/Winter", "2020/Spring", "2020/IMG_2231.CR3", "2020/IMG_2232.CR3"}}}
		s.Show(heldPage)
		s.settle(1)
	}},
	{"trash", func(s *screen) {
		s.agent.answers["trash-list"] = []api.Trashed{
			{Folder: folderID(2), FolderName: "Work", Path: "letters/offer.docx", Version: "a1", Size: 48 << 10, Taken: before(9 * time.Minute),
				Why: "replaced", By: deviceID(1), ByName: "studio-pc", Holder: deviceID(9), HolderName: "anna-laptop"},
			{Folder: folderID(1), FolderName: "Photos", Path: "2026/Lisbon/IMG_8790.CR3", Version: "b2", Size: 31 << 20, Taken: before(5 * time.Hour),
				Why: "deleted", Holder: deviceID(2), HolderName: "nas"},
			{Folder: folderID(3), FolderName: "Music", Path: "lists/old.txt", Version: "c3", Size: 812, Taken: before(3 * 24 * time.Hour),
				Why: "changed", ByName: "old-mac", Holder: deviceID(9), HolderName: "anna-laptop"},
		}
		s.Show(trashPage)
		s.settle(1)
	}},
	{"history", func(s *screen) {
		s.agent.answers["trash-list"] = []api.Trashed{}
		for i, e := range []status.Event{
			{Kind: status.LinkUp, Device: deviceID(1)},
			{Kind: status.LocalChange, Folder: folderID(2), Path: "letters/offer.docx"},
			{Kind: status.Conflict, Folder: folderID(3), Path: "lists/concert.txt"},
			{Kind: status.HeldDeletes, Folder: folderID(1), Detail: "3,112 files"},
			{Kind: status.RemoteChange, Folder: folderID(1), Path: "2026/Lisbon/IMG_8801.CR3", Detail: "deleted"},
			{Kind: status.ItemFinished, Folder: folderID(1), Path: "2026/Lisbon/IMG_8842.CR3"},
			{Kind: status.RemoteChange, Folder: folderID(1), Path: "2026/Lisbon/IMG_8842.CR3", Detail: "installed"},
		} {
			e.Seq, e.Time = uint64(i+1), before(time.Duration(60-7*i)*time.Minute)
			s.Window.happened(e)
		}
		s.Show(trashPage)
		s.settle(1)
		s.pages[trashPage].(*trash).tabs.Choose(1)
	}},
	{"settings", func(s *screen) {
		s.agent.answers["setting-list"] = settingsTold()
		s.Show(settingsPage)
		s.settle(1)
	}},
	{"doctor", func(s *screen) {
		s.agent.answers["diagnose"] = status.Diagnosis{Checks: []status.Check{
			{Name: "clock", Verdict: status.Fine, Reason: "the clock is right to within a second of the other devices"},
			{Name: "watching", Verdict: status.Doubt, About: "Photos", Reason: "the system lets 8,192 directories be watched, and the folder has 9,310",
				Remedy: "sudo sysctl fs.inotify.max_user_watches=524288; until then it is looked at every ten minutes"},
			{Name: "index", Verdict: status.Fine, Reason: "nothing is damaged"},
			{Name: "listening", Verdict: status.Wrong, Reason: "port 22100 is taken by another program",
				Remedy: "shoal config set listen :0 takes any free port"},
		}}
		s.Show(doctorPage)
		s.settle(1)
	}},
}

func settingsTold() []status.Setting {
	var out []status.Setting
	for _, s := range [][4]string{
		{"name", "anna-laptop", "anna-laptop", ""}, {"listen", ":22100", ":22100", "ADDR:PORT other devices reach this one at; :PORT means all addresses, port 0 any free port"},
		{"mdns", "on", "on", "whether linked devices on the local network are found and find this one: on or off"},
		{"limit_up", "2MB/s", "unlimited", ""}, {"limit_down", "unlimited", "unlimited", ""}, {"limit_lan", "off", "off", "whether limit_up and limit_down also hold for devices on the same local network: on or off"},
		{"on_metered", "pause", "pause", ""}, {"on_battery", "go-on", "go-on", ""}, {"language", "system", "system", "language of the window, the tray and the command line"},
	} {
		out = append(out, status.Setting{Key: s[0], Value: s[1], Default: s[2], Says: s[3], Set: s[1] != s[2], Restart: s[0] == "listen"})
	}
	return out
}

// darkToo are the pages that are compared in both appearances; of the others all colours
// are on these.
var darkToo = []string{"folders", "first", "transfers", "conflicts", "settings", "doctor"}

func TestPagesDrawn(t *testing.T) {
	if raced {
		t.Skip("the same is drawn without the race detector")
	}
	for _, p := range pagesDrawn {
		for _, look := range looks {
			if look == kit.Dark && !slices.Contains(darkToo, p.name) && os.Getenv("SHOAL_PICTURES") == "" {
				continue
			}
			t.Run(p.name+"/"+string(look), func(t *testing.T) {
				s := newScreen(t, look, 100)
				s.busy()
				p.open(s)
				s.drawn(p.name + "-" + string(look))
			})
		}
	}
}
