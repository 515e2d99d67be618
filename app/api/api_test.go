package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

var everyIntent = []Intent{
	Stop{}, Restart{}, About{}, UpdateFind{System: "linux", Arch: "arm64", Window: true, Newer: "1.2.3", Look: true},
	FolderAdd{Path: "/a", Name: "n", ID: ident.FolderID{1}}, FolderAdd{Path: "/a"},
	FolderAccept{"f", "/p"}, FolderAccept{Folder: "f"}, FolderDecline{"f"},
	FolderRemove{"f"}, FolderRescan{"f"}, FolderShare{"f", "d", status.Reader},
	FolderUnshare{"f", "d"}, FolderRevert{"f"}, DeviceAdd{ident.DeviceID{2}, "n", []string{"tcp://a:1"}},
	DeviceRemove{"d"}, DeviceRename{"d", "n"}, FolderSet{"f", "name", "n"},
	NearbyList{}, LinkAnswer{7, true, []LinkPlace{{ident.FolderID{1}, "/p"}}},
	Diagnose{}, Diagnose{"d"}, SettingList{}, SettingSet{"name", "n"}, Pause{}, Pause{"f", 60000}, Resume{}, Resume{"d"},
	TrashList{}, TrashList{"f"}, TrashRestore{Where{Path: "/a/b"}, ""}, TrashRestore{Where{Folder: "f", Path: "b"}, "1c"},
	Search{Words: []string{"a", "b"}}, Search{[]string{"a"}, "f", 7, true}, Fetch{"f:a/b", ""}, Fetch{"f:a", "/to"},
	TransferList{}, TransferList{"f"}, SpeedList{Day}, IgnoreRead{"f"}, IgnorePreview{"f", "*.a", "*.b"},
	IgnoreWrite{"f", IgnoreTexts{"*.b", ""}, IgnoreTexts{Shared: "*.a"}},
	TrashEmpty{}, HeldList{}, HeldList{"f"}, HeldAnswer{"f", "00c0ffee", true}, HeldAnswer{Folder: "f"}, GiveUp{"f", "a/b"},
}

func TestEveryIntentIsTried(t *testing.T) {
	for _, k := range kinds {
		if !slices.ContainsFunc(everyIntent, func(i Intent) bool { return KindOf(i) == k.word }) {
			t.Errorf("%s is missing in everyIntent", k.word)
		}
	}
}

func TestIntentsKeepTheirMeaning(t *testing.T) {
	for _, intent := range everyIntent {
		body, err := json.Marshal(intent)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseIntent(KindOf(intent), body)
		if err != nil || !reflect.DeepEqual(got, intent) {
			t.Errorf("%T came back as %+v, %v", intent, got, err)
		}
	}
}

func TestStrangeRequestsAreUsageErrors(t *testing.T) {
	for _, c := range [][2]string{
		{"folder-explode", "{}"}, {"folder-add", ""}, {"folder-add", "{"}, {"folder-add", "[]"},
		{"folder-add", `{"path":"/a"} {}`}, {"folder-add", `{"path":"/a","brake":3}`},
		{"device-add", `{"id":"nonsense"}`},
	} {
		_, err := ParseIntent(c[0], []byte(c[1]))
		if AsError(err).Kind != Usage {
			t.Errorf("%s %s: got %v", c[0], c[1], err)
		}
	}
}

func TestErrorsKeepTheirKindWhenWrapped(t *testing.T) {
	got := AsError(fmt.Errorf("add: %w", Errorf(NotFound, "no %s", "x")))
	if *got != (Error{NotFound, "add: no x"}) {
		t.Errorf("got %+v", got)
	}
	if got := AsError(errors.New("disk full")); *got != (Error{Failed, "disk full"}) {
		t.Errorf("got %+v", got)
	}
}

func TestTimeoutsDoNotOverflow(t *testing.T) {
	for millis, want := range map[int64]time.Duration{
		-1: 0, 0: 0, 1500: 1500 * time.Millisecond, 1<<63 - 1: 365 * 24 * time.Hour,
	} {
		if got := (WaitRequest{TimeoutMillis: millis}).Timeout(); got != want {
			t.Errorf("%d ms: got %v, want %v", millis, got, want)
		}
	}
}

func TestFinding(t *testing.T) {
	one, two := ident.DeviceID{1}, ident.DeviceID{2}
	v := status.View{
		Devices: []status.Device{{ID: one, Name: "a"}, {ID: two, Name: "a"},
			{ID: ident.DeviceID{3}, Name: one.String()}},
		Folders: []status.Folder{{ID: ident.FolderID{7}, Name: "photos"}},
	}
	if f, err := FindFolder(v, "photos"); err != nil || f.ID != v.Folders[0].ID {
		t.Errorf("by name: %v, %v", f, err)
	}
	upper := strings.ToUpper(v.Folders[0].ID.String())
	if f, err := FindFolder(v, upper); err != nil || f.Name != "photos" {
		t.Errorf("by id: %v, %v", f, err)
	}
	if _, err := FindFolder(v, "Photos"); AsError(err).Kind != NotFound {
		t.Errorf("unknown: %v", err)
	}
	if d, err := FindDevice(v, strings.ToUpper(one.Short())); err != nil || d.ID != one {
		t.Errorf("by the first group of its id: %+v, %v", d, err)
	}
	if d, err := FindDevice(v, one.String()); err != nil || d.ID != one {
		t.Errorf("an id goes before a name: %v, %v", d.ID, err)
	}
	_, err := FindDevice(v, "a")
	if err == nil || !strings.Contains(err.Error(), one.String()) ||
		!strings.Contains(err.Error(), two.String()) {
		t.Errorf("ambiguous: %v", err)
	}
}

func FuzzParseIntent(f *testing.F) {
	for _, intent := range everyIntent {
		body, err := json.Marshal(intent)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(KindOf(intent), body)
	}
	f.Add("folder-add", []byte(`{"path":1e999}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		intent, err := ParseIntent(kind, body)
		if err != nil {
			return
		}
		text, err := json.Marshal(intent)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseIntent(kind, text); err != nil ||
			fmt.Sprint(again) != fmt.Sprint(intent) {
			t.Errorf("%+v came back as %+v, %v", intent, again, err)
		}
	})
}
