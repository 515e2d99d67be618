package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

var (
	nas    = ident.DeviceFromKey([]byte("nas"))
	laptop = ident.DeviceFromKey([]byte("laptop"))
	photos = ident.FolderID{1}
	music  = ident.FolderID{2}
)

func newHome(t *testing.T) *Home {
	t.Helper()
	h, err := OpenHome(filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSaveAndLoad(t *testing.T) {
	h := newHome(t)
	if c, err := h.Load(); err != nil || !reflect.DeepEqual(c, Config{}) {
		t.Fatalf("a new home has %+v, %v", c, err)
	}
	want := Config{Version: formVersion,
		Devices: []Device{{nas, "nas", []string{"tcp://nas:22100", "tcp://[::1]:1"}, strings.Repeat("0a", 32)}},
		Folders: []Folder{{photos, "photos", t.TempDir(), "t", []Member{{nas, status.Owner}}, "up: 1MB/s", "20%", "7d 1GB", "xattrs"}}}
	for range 2 { // the second time in place of the first
		if err := h.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := h.Load()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	left, err := os.ReadDir(h.Dir())
	if err != nil || len(left) != 1 {
		t.Errorf("the home holds %v, %v; want only the configuration", left, err)
	}
}

func TestMistakesAreExplained(t *testing.T) {
	device := func(rest string) string {
		return fmt.Sprintf(`{"devices":[{"id":%q%s}]}`, nas, rest)
	}
	folder := func(rest string) string {
		return fmt.Sprintf(`{"folders":[{"id":%q,"name":"f"%s}]}`, photos, rest)
	}
	for _, c := range []struct{ text, want string }{
		{"{\n \"nam\": \"x\"\n}", `line 2: there is no setting "nam"; allowed here are version, devices`},
		{"{\n\n\"Name\": \"x\"}", `line 3: there is no setting "Name"`},
		{"{\"name\":\"a\",\n\"name\":\"b\"}", `line 2: "name" is set twice`},
		{"{\"devices\":[{\n\"adress\":[]}]}", `line 2: there is no setting "adress"; allowed here are id, name, addresses`},
		{`{"version":{"x":1}}`, `line 1: version cannot be of kind object`},
		{`{"version":3}`, `a newer shoal wrote it`},
		{`{"devices":[{"addresses":[{"x":1}]}]}`, `addresses`},
		{"{\n\"devices\": 7}", `line 2: devices cannot be of kind number`},
		{"{\n\"name\": \"a\",\n}", "line 3: invalid character"},
		{"{\n", "line 2: "}, {"", "line 1: "},
		{"{} {}", "line 1: invalid character"}, {"[]", "the document cannot be of kind array"},
		{strings.Repeat("[", 1<<20), "exceeded max depth"},
		{fmt.Sprintf(`{"paused":[{"folder":%q,"device":%q}]}`, photos, nas), "paused[0]: name a folder, a device or neither"},
		{`{"paused":[{},{}]}`, "paused[1]: the same is paused twice"},
		{`{"devices":[{"id":"abc","name":"x"}]}`, `device id "abc"`},
		{`{"devices":[{"name":"x"}]}`, "devices[0]: the id is missing"},
		{device(``), "devices[0]: the name is empty"},
		{device(`,"name":"x","addresses":["nas:1"]`), "want the form tcp://HOST:PORT"},
		{fmt.Sprintf(`{"devices":[{"id":%q,"name":"a"},{"id":%q,"name":"b"}]}`, nas, nas),
			"devices[1]: device " + nas.String() + " is listed twice"},
		{folder(`,"path":"/f","limits":"fast"`), `limits "fast": want the form`},
		{folder(`,"path":"a/b"`), "want the full path"},
		{folder(`,"path":"/f","members":[{"device":"` + nas.String() + `","role":"boss"}]`),
			`role "boss": want owner, writer or reader`},
	} {
		h := newHome(t)
		if err := os.WriteFile(h.File(), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := h.Load()
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), h.File()) {
			t.Errorf("%.60q: got %v, want %q and the file", c.text, err, c.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"tcp://10.0.0.1:22100": "10.0.0.1:22100", "tcp://nas.local:1": "nas.local:1",
		"tcp://[fe80::1%eth0]:65535": "[fe80::1%eth0]:65535",
		"tcp://:22100":               "", "tcp://a:0": "", "tcp://a:65536": "", "tcp://a": "", "a:1": "",
		"udp://a:1": "", "tcp://a/b:1": "", "tcp://a b:1": "", "tcp://a:http": "", "": "",
	} {
		got, err := SplitAddress(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for text, ok := range map[string]bool{":22100": true, "127.0.0.1:0": true,
		"[::]:1": true, "22100": false, "a:": false, "a b:1": false, ":70000": false} {
		if err := CheckListen(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRootsStayApart(t *testing.T) {
	top := t.TempDir()
	h, err := OpenHome(filepath.Join(top, "state", "home"))
	if err != nil {
		t.Fatal(err)
	}
	dir := func(name string) string {
		path := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir("a/b/c")
	dir("ab")
	if err := os.WriteFile(filepath.Join(top, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" { // links need a privilege there
		for from, to := range map[string]string{"link": "a", "link2": "a/b/c"} {
			if err := os.Symlink(filepath.Join(top, to), filepath.Join(top, from)); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := Config{Folders: []Folder{{ID: photos, Name: "b", Path: filepath.Join(top, "a", "b")}}}
	for path, want := range map[string]string{
		"ab": "", "a/b": "is kept already", "a/b/c": "lies in folder", "a": "holds folder",
		"link": "holds folder", "link/b": "is kept already", "link/b/c": "lies in folder",
		"link2": "lies in folder",
		"none":  "does not exist", "file": "is not a directory",
		"state": "holds shoal's own state", "state/home": "own state", ".": "own state",
	} {
		if runtime.GOOS == "windows" && strings.HasPrefix(path, "link") {
			continue
		}
		err := h.CheckRoot(kept, filepath.Join(top, filepath.FromSlash(path)))
		if want == "" && err != nil || want != "" &&
			(err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	inHome := dir("state/home/index")
	if err := h.CheckRoot(Config{}, inHome); err == nil {
		t.Error("a folder in the home was allowed")
	}
	if err := h.CheckRoot(Config{}, "ab"); err == nil {
		t.Error("a relative path was allowed")
	}
	nested := Config{Folders: []Folder{{ID: photos, Name: "gone", Path: filepath.Join(top, "x")},
		{ID: music, Name: "in", Path: filepath.Join(top, "x", "y")}}}
	if err := h.Save(nested); err == nil || !strings.Contains(err.Error(), "folders[1]") {
		t.Errorf("nested folders that do not exist: %v", err)
	}
}

func TestPuttingAndDropping(t *testing.T) {
	var c Config
	if _, err := c.PutDevice(Device{ID: nas}); err != nil || c.Devices[0].Name != nas.Short() {
		t.Fatalf("got %+v, %v", c, err)
	}
	again := Device{ID: nas, Name: "nas", Addresses: []string{"tcp://a:1"}}
	for range 2 {
		if d, err := c.PutDevice(again); err != nil || !reflect.DeepEqual(d, again) {
			t.Fatalf("got %+v, %v", d, err)
		}
	}
	if _, err := c.PutDevice(Device{ID: laptop, Addresses: []string{"x"}}); err == nil {
		t.Error("a wrong address was taken")
	}
	c.DropDevice(laptop)
	copied := c.Clone()
	copied.Devices[0].Addresses[0] = "tcp://b:2"
	if c.Devices[0].Addresses[0] != "tcp://a:1" {
		t.Error("a clone shares the addresses")
	}
	path := t.TempDir()
	if err := c.PutFolder(Folder{ID: photos, Name: "photos", Path: path}); err != nil {
		t.Fatal(err)
	}
	if err := c.PutFolder(Folder{ID: photos, Name: "p", Path: path}); err == nil {
		t.Error("the same folder was added twice")
	}
	before := c.Clone()
	if !c.PutMember(photos, Member{nas, status.Writer}) ||
		!c.PutMember(photos, Member{nas, status.Reader}) ||
		c.PutMember(music, Member{nas, status.Reader}) {
		t.Error("members were put wrongly")
	}
	if len(before.Folders[0].Members) != 0 || len(c.Folders[0].Members) != 1 {
		t.Errorf("members: before %v, now %v", before.Folders, c.Folders)
	}
	if role := c.DropMember(photos, nas); role != status.Reader {
		t.Errorf("the dropped member was %q", role)
	}
	c.PutMember(photos, Member{nas, status.Writer})
	c.DropDevice(nas)
	if len(c.Devices) != 0 || len(c.Folders[0].Members) != 0 {
		t.Errorf("the device left traces: %+v", c)
	}
	c.DropFolder(photos)
	if len(c.Folders) != 0 {
		t.Errorf("the folder is still there: %+v", c)
	}
}

func TestEveryoneGetsTheSameFirstKey(t *testing.T) {
	h := newHome(t)
	ids := make([]ident.DeviceID, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			key, err := h.Key()
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = key.Device()
			if text := fmt.Sprintf("%v %+v %#v %s", key, key, key, key); text != "… … … …" {
				t.Errorf("the key prints as %s", text)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] || id.IsZero() {
			t.Fatalf("got the ids %v", ids)
		}
	}
	left, err := os.ReadDir(filepath.Join(h.Dir(), "keys"))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the key there is %v, %v", left, err)
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	h := newHome(t)
	if _, err := h.Key(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.Dir(), "keys", "device.key")
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Key(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("a key open to others: %v", err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "rubbish", "-----BEGIN PRIVATE KEY-----\n" +
		"AAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Key(); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("key %q: %v", text, err)
		}
	}
}

func TestOneHolderOfTheLock(t *testing.T) {
	h := newHome(t)
	lock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("home %s is in use by process %d", h.Dir(), os.Getpid())
	if _, err := h.Lock(); err == nil || err.Error() != want || Holder(err) != os.Getpid() {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	lock, err = h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

func TestHomesAreClosed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	empty := t.TempDir()
	if err := os.Chmod(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHome(empty); err != nil || mode(empty) != 0o700 {
		t.Errorf("an empty directory: %v, mode %o", err, mode(empty))
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHome(foreign); err == nil || mode(foreign) != 0o755 {
		t.Errorf("a directory of other things was taken: %v, mode %o", err, mode(foreign))
	}
	h := newHome(t)
	if _, err := h.Key(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.Dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHome(h.Dir()); err != nil || mode(h.Dir()) != 0o700 {
		t.Errorf("a home that was opened: %v, mode %o", err, mode(h.Dir()))
	}
	if _, err := OpenHome(filepath.Join(foreign, "letter")); err == nil {
		t.Error("a file was taken for a home")
	}
}

func TestDefaults(t *testing.T) {
	if err := CheckName(DefaultName()); err != nil {
		t.Error(err)
	}
	if runtime.GOOS == "linux" {
		state := t.TempDir()
		t.Setenv("XDG_STATE_HOME", state)
		if dir, err := DefaultHome(); err != nil || dir != filepath.Join(state, "shoal") {
			t.Errorf("got %s, %v", dir, err)
		}
		t.Setenv("XDG_STATE_HOME", "relative")
		t.Setenv("HOME", state)
		want := filepath.Join(state, ".local", "state", "shoal")
		if dir, err := DefaultHome(); err != nil || dir != want {
			t.Errorf("got %s, %v; want %s", dir, err, want)
		}
	}
	for _, name := range []string{"", "a\nb", "\xff", strings.Repeat("x", nameMax+1), "\u202ex"} {
		if CheckName(name) == nil {
			t.Errorf("the name %q was allowed", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"a","devices":[],"folders":[]}`))
	f.Add([]byte(`{"devices":[{"id":"x","name":"b","addresses":["tcp://a:1"]}]}`))
	f.Add([]byte("{\"folders\":[{\"members\":[{\"role\":\"owner\"}]}]}"))
	f.Add([]byte(`[[[{"a":[{}]}]]]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse(text)
		if err == nil && c.check() != nil {
			t.Errorf("%q was read and is wrong: %v", text, c.check())
		}
	})
}
