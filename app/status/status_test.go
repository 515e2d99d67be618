package status

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/ident"
)

var (
	desk   = ident.DeviceFromKey([]byte("desk"))
	photos = ident.FolderID{1}
	noon   = MomentOf(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
)

func before(d time.Duration) Moment { return noon - Moment(d) }

func full() View {
	return View{
		Device: Self{ID: desk, Name: "desk", Listen: []string{"127.0.0.1:22100"}, Limits: Limits{Up: 1}},
		Devices: []Device{{ID: desk, Name: "nas", Connected: true, Route: LAN, RTT: 1.5,
			BytesIn: 7, BytesOut: 8, Addresses: []string{"tcp://nas:1"}, LastProblem: "x",
			NextTry: noon, LastSeen: noon}},
		Folders: []Folder{{ID: photos, Name: "photos", Path: "/p", State: Syncing, Role: Owner,
			Files: 4, Bytes: 5, NeedFiles: 1, NeedBytes: 2, Root: "ab", Conflicts: 1,
			Held: 2, LocalChanges: 3, Problems: []Problem{{"a", "unreadable", "no", noon}},
			Members:   []Member{{ID: desk, Device: desk, Name: "nas", Role: Writer, Connected: true, UpToDate: true}},
			LastEqual: &Equal{desk, "nas", noon},
			Progress:  &Progress{1, 2, 3, 4.5, "a"},
			Moving: &Moving{Items: []Item{{"a", 9, 3, 2, 1, []int{100, 0}}},
				Peers: []Sender{{desk, "nas", 5, 1, 2}}, More: 4}}},
		Asking: []Asking{{ID: desk, Name: "tv", Address: "a:1", Words: "w", Offers: []string{"f"}, Until: noon, Asking: true}},
		Offers: []Offer{{Folder: photos, Name: "p", Device: desk, DeviceName: "nas", Role: Reader, Files: 1, Bytes: 2}},
	}
}

// The names scripts rely on: contract of `shoal status --json`.
func TestFieldNames(t *testing.T) {
	const want = `{"device":{"id":"ID","name":"desk","listen":["127.0.0.1:22100"],"paused":null,` +
		`"limits":{"up_bps":1,"down_bps":0,"lan":false}},` +
		`"devices":[{"id":"ID","name":"nas","connected":true,"route":"lan","rtt_ms":1.5,` +
		`"bytes_in":7,"bytes_out":8,"addresses":["tcp://nas:1"],"last_problem":"x",` +
		`"next_try":"2026-05-01T12:00:00Z","last_seen":"2026-05-01T12:00:00Z",` +
		`"paused":null}],` +
		`"folders":[{"id":"FOLDER","name":"photos","path":"/p","state":"syncing","role":"owner","files":4,` +
		`"bytes":5,"need_files":1,"need_bytes":2,"root":"ab","conflicts":1,"held":2,"local_changes":3,` +
		`"problems":[{"path":"a","kind":"unreadable","reason":"no",` +
		`"next_try":"2026-05-01T12:00:00Z"}],"members":[{"id":"ID","device":"ID","name":"nas",` +
		`"role":"writer","connected":true,"linked":false,"up_to_date":true}],"last_equal":{"device":"ID",` +
		`"name":"nas","when":"2026-05-01T12:00:00Z"},"signed":null,"progress":{"bytes_done":1,` +
		`"bytes_total":2,"rate_bps":3,"eta_s":4.5,"current":"a"},` +
		`"moving":{"items":[{"name":"a","size":9,"pieces":3,"have":2,"holders":1,"map":[100,0]}],` +
		`"peers":[{"device":"ID","name":"nas","rate_in":5,"asked":1,"waiting":2}],"more":4},` +
		`"paused":null,` +
		`"limits":{"up_bps":0,"down_bps":0,"lan":false},"set":{"brake":"","trash":"","limits":"","traits":""}}],` +
		`"asking":[{"id":"ID","name":"tv","address":"a:1","words":"w","offers":["f"],` +
		`"until":"2026-05-01T12:00:00Z","asking":true}],` +
		`"offers":[{"folder":"FOLDER","name":"p","device":"ID","device_name":"nas","role":"reader",` +
		`"files":1,"bytes":2}]}`
	got := asJSON(t, full())
	got = strings.ReplaceAll(got, desk.String(), "ID")
	got = strings.ReplaceAll(got, photos.String(), "FOLDER")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var back View
	if err := json.Unmarshal([]byte(asJSON(t, full())), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, full()) {
		t.Errorf("read back\n%+v\nwant\n%+v", back, full())
	}
}

func TestEmptyListsAreLists(t *testing.T) {
	got := asJSON(t, View{Folders: []Folder{{}}, Devices: []Device{{}}})
	for _, want := range []string{`"problems":[]`, `"members":[]`, `"addresses":[]`,
		`"listen":[]`, `"next_try":null`, `"rtt_ms":null`, `"last_equal":null`,
		`"progress":null`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if got := asJSON(t, View{}); !strings.Contains(got, `"devices":[],"folders":[]`) {
		t.Errorf("got %s", got)
	}
}

func TestEventFields(t *testing.T) {
	got := asJSON(t, Event{Seq: 3, Time: noon, Kind: LinkUp, Device: desk})
	want := `{"seq":3,"time":"2026-05-01T12:00:00Z","kind":"link_up","device":"` +
		desk.String() + `"}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMoments(t *testing.T) {
	for text, want := range map[string]Moment{
		`null`: 0, `"2026-05-01T12:00:00Z"`: noon, `"2026-05-01T14:00:00+02:00"`: noon,
	} {
		var got Moment
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{`12`, `"noon"`, `"1500-01-01T00:00:00Z"`, `{}`} {
		var got Moment
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s was read as %v", text, got)
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Bytes(0), "0 bytes"}, {Bytes(1), "1 byte"}, {Bytes(1023), "1023 bytes"},
		{Bytes(1024), "1.0 KiB"}, {Bytes(1536), "1.5 KiB"}, {Bytes(10 << 10), "10 KiB"},
		{Bytes(1<<20 - 1), "1.0 MiB"}, {Bytes(5 << 30), "5.0 GiB"},
		{Bytes(1<<63 - 1), "8.0 EiB"},
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"},
		{Count(-1234567), "-1,234,567"}, {Files(1), "1 file"}, {Files(20000), "20,000 files"},
		{Duration(0), "less than 1 s"}, {Duration(-time.Hour), "less than 1 s"},
		{Duration(time.Second), "1 s"}, {Duration(59700 * time.Millisecond), "1 min"},
		{Duration(125 * time.Second), "2 min 5 s"}, {Duration(time.Hour - 1), "1 h"},
		{Duration(3*time.Hour + 29*time.Second), "3 h"},
		{Duration(50 * time.Hour), "2 d 2 h"}, {Duration(1<<63 - 1), "106751 d 23 h"},
		{Plain("a b"), "a b"}, {Plain("día 🐟"), "día 🐟"}, {Plain("a\x1b[2Jb"), `a\x1b[2Jb`},
		{Plain("a\nb"), `a\nb`}, {Plain("a\"\x07"), `a"\a`}, {Plain("\xff"), `\xff`},
		{Plain("\u202egpj"), `\u202egpj`},
		{UpToDate.Words(words.Book{}), "up to date"}, {NeedsYou.Words(words.Book{}), "needs you"},
		{Syncing.Words(words.Book{}), "syncing"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	v := full()
	v.Devices = append(v.Devices, Device{ID: desk, Name: "attic",
		LastProblem: "connection refused", NextTry: noon + Moment(12*time.Second),
		LastSeen: before(time.Hour)})
	reader := []Member{{Name: "tv", Role: Reader, Connected: true}}
	v.Folders = append(v.Folders, Folder{Name: "notes", State: Waiting, Path: "/n", Members: []Member{{Name: "nas", Role: Writer}, {Name: "pi", Role: Writer, Linked: true}},
		LastEqual: &Equal{desk, "nas", before(2 * time.Minute)}},
		Folder{Name: "evil\x1b[31m", State: Waiting, Path: "/e"},
		Folder{Name: "films", State: Waiting, Path: "/f", Problems: []Problem{{Kind: MemberProblem, Reason: "tv refuses"}}},
		Folder{Name: "songs", State: UpToDate, Path: "/s", Members: reader, Signed: &Equal{desk, "nas", before(time.Hour)}})
	v.Asking[0].Until = noon + Moment(2*time.Minute)
	got := strings.ReplaceAll(strings.Join(Lines(words.Book{}, v, noon), "\n"), desk.String(), "ID")
	got = strings.ReplaceAll(got, desk.Short(), "SHORT")
	const want = `This device: desk  ID
Reachable at: 127.0.0.1:22100
Limited: up 1 byte/s; devices on the local network are not limited

FOLDER        STATE       FILES  SIZE     PATH
photos        syncing     4      5 bytes  /p
    1 file (2 bytes) to go
    1 byte of 2 bytes (50 %), 3 bytes/s, 5 s left: a
    shared with nas (writer, equal)
    3 names changed here only: this device may only read (shoal folder revert puts the members' version back)
    conflicts to look at: 1
    held deletes waiting for your word: 2
    a: no (next try now)
notes         waiting     0      0 bytes  /n
    no member is connected; last equal with nas 2 min ago
    shared with nas (writer, away), pi (writer, not sharing now)
evil\x1b[31m  waiting     0      0 bytes  /e
    it is shared with nobody: shoal folder share evil\x1b[31m DEVICE
films         waiting     0      0 bytes  /f
    no connected device shares it with this one now, see below
    tv refuses
songs         up to date  0      0 bytes  /s
    as nas signed it 1 h ago; no writer is connected
    shared with tv (reader, behind or ahead)

DEVICE  LINK           ROUND TRIP  IN       OUT      ID
nas     lan            1.5 ms      7 bytes  8 bytes  ID
attic   not connected  -           0 bytes  0 bytes  ID
    connection refused (next try in 12 s); last seen 1 h ago
tv (SHORT, at a:1) asks to be linked
    the words on its screen must be: w
    it offers: f
    ` + "`shoal device approve SHORT` links it, `shoal device remove SHORT` refuses (2 min left)\n" +
		"nas shares p with this device (1 file, 2 bytes), as reader\n" +
		"    `shoal folder accept FOLDERID` keeps it here, `shoal folder decline FOLDERID` does not"
	got = strings.ReplaceAll(got, photos.String(), "FOLDERID")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLinesOfNothing(t *testing.T) {
	got := strings.Join(Lines(words.Book{}, View{}, noon), "\n")
	for _, want := range []string{"shoal folder add PATH", "shoal link"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}

func TestManyProblemsAreCounted(t *testing.T) {
	f := Folder{State: Syncing, Problems: make([]Problem, 1005)}
	got := pen{now: noon}.folderNotes(f)
	if len(got) != problemsShown+1 ||
		got[problemsShown] != "and 1,000 more problems (all of them: --verbose)" {
		t.Errorf("got %d notes, the last %q", len(got), got[len(got)-1])
	}
}

func TestProgressIsNeverRoundedUpToDone(t *testing.T) {
	got := pen{}.progressNote(Progress{BytesDone: 999_999, BytesTotal: 1_000_000, ETA: 1e300})
	if !strings.Contains(got, "(99 %)") || strings.Contains(got, "left") {
		t.Errorf("got %q", got)
	}
}

func TestBriefs(t *testing.T) {
	v := full()
	for _, c := range []struct{ got, want string }{
		{v.Folders[0].Brief(words.Book{}), "folder photos: syncing, 1 file (2 bytes) to go, problems: 1"},
		{v.Devices[0].Brief(words.Book{}), "device nas: connected, lan"},
		{Device{Name: "a", LastProblem: "refused"}.Brief(words.Book{}), "device a: not connected: refused"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A rest says how long it lasts and why, wherever it is shown.
func TestRestsAreShown(t *testing.T) {
	v := full()
	v.Device.Paused = &Rest{Reason: "on battery"}
	v.Devices[0].Paused = &Rest{}
	v.Folders[0].State, v.Folders[0].Paused = Paused, &Rest{Until: noon}
	text := strings.Join(Lines(words.Book{}, v, before(90*time.Minute)), "\n")
	for _, want := range []string{"Everything is paused: on battery", "photos  paused",
		"paused for another 1 h 30 min", "lan, paused"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if got := v.Devices[0].Brief(words.Book{}); got != "device nas: paused" {
		t.Errorf("got %q", got)
	}
	if got := asJSON(t, v.Folders[0].Paused); got != `{"until":"2026-05-01T12:00:00Z","reason":""}` {
		t.Errorf("got %s", got)
	}
}
