package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsHaveDefaults(t *testing.T) {
	h := newHome(t)
	s, err := h.Settings()
	if err != nil || !s.MDNS || s.Listen != DefaultListen || s.Name != DefaultName() || s.LogLevel != "info" {
		t.Fatalf("got %+v, %v", s, err)
	}
	all, err := h.ListSettings()
	if err != nil || len(all) != len(table) || len(all) > 25 {
		t.Fatalf("%d settings, %v", len(all), err)
	}
	for _, one := range all {
		if one.Set || one.Value != one.Default || one.Says == "" {
			t.Errorf("in a new home: %+v", one)
		}
	}
}

// A changed setting changes its own line, and nothing a person wrote around it.
func TestCommentsStay(t *testing.T) {
	h := newHome(t)
	const before = "# my laptop\n\n  listen =  :1 \n# name = x\n\nmdns=off\n# the end"
	write(t, h.SettingsFile(), before)
	for _, c := range []struct{ key, value, want string }{
		{"listen", ":2", "# my laptop\n\nlisten = :2\n# name = x\n\nmdns=off\n# the end\n"},
		{"name", "a = b # c", "# my laptop\n\nlisten = :2\n# name = x\nname = a = b # c\n\nmdns=off\n# the end\n"},
		{"log_level", "warn", "# my laptop\n\nlisten = :2\n# name = x\nname = a = b # c\n\nmdns=off\n# the end\nlog_level = warn\n"},
		{"mdns", "", "# my laptop\n\nlisten = :2\n# name = x\nname = a = b # c\n\n# the end\nlog_level = warn\n"},
		{"mdns", "", "# my laptop\n\nlisten = :2\n# name = x\nname = a = b # c\n\n# the end\nlog_level = warn\n"},
	} {
		if _, err := h.SetSetting(c.key, c.value); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(h.SettingsFile())
		if err != nil || string(got) != c.want {
			t.Errorf("%s = %q: got\n%s\nwant\n%s, %v", c.key, c.value, got, c.want, err)
		}
	}
	s, err := h.Settings()
	if err != nil || s.Name != "a = b # c" || s.Listen != ":2" || !s.MDNS {
		t.Errorf("read back %+v, %v", s, err)
	}
}

func TestANewFileExplainsItself(t *testing.T) {
	h := newHome(t)
	if _, err := h.SetSetting("log_format", "json"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(h.SettingsFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table {
		if !strings.Contains(string(text), "# "+row.says+"\n# "+row.key+" = ") {
			t.Errorf("%s is not explained in\n%s", row.key, text)
		}
	}
	if !strings.Contains(string(text), "# log_format = text\nlog_format = json\n") {
		t.Errorf("the value does not stand below its explanation:\n%s", text)
	}
}

func TestWrongSettingsAreExplained(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"listn = :1", `line 1: there is no setting "listn"; did you mean "listen"?`},
		{"\nlog-level = info", `line 2: there is no setting "log-level"; did you mean "log_level"?`},
		{"colour = blue", `there is no setting "colour"; see`},
		{"mdns = perhaps", `mdns: "perhaps": want on or off`},
		{"log_format = xml", `log_format: "xml": want text or json`},
		{"listen = 22100", "listen: listen \"22100\": want the form ADDR:PORT"},
		{"name = " + strings.Repeat("x", 65), "longer than 64 bytes"},
		{"mdns = on\nmdns = off", `line 2: "mdns" is set twice`},
		{"name =", `"name" has no value`}, {"mdns on", `want "key = value"`},
		{strings.Repeat("#\n", settingsMax), "longer than 1 MiB"},
	} {
		h := newHome(t)
		write(t, h.SettingsFile(), c.text)
		_, err := h.Settings()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), h.SettingsFile()) {
			t.Errorf("%.60q: got %v, want %q and the file", c.text, err, c.want)
		}
	}
	h := newHome(t)
	for _, c := range [][2]string{{"nam", "x"}, {"mdns", "x"}, {"name", "a\nmdns = off"}} {
		if _, err := h.SetSetting(c[0], c[1]); err == nil {
			t.Errorf("%s = %q was taken", c[0], c[1])
		}
	}
	if _, err := os.Stat(h.SettingsFile()); err == nil {
		t.Error("a wrong setting left a file")
	}
}

// A configuration of the first form keeps its meaning, and is brought into the present
// one; what a person has set since goes before it.
func TestMigration(t *testing.T) {
	h := newHome(t)
	write(t, h.File(), fmt.Sprintf(`{"name":"desk","listen":":7","log_format":"json","mdns":false,"mdns_name":true,
		"devices":[{"id":%q,"name":"nas"}],"folders":[]}`, nas))
	write(t, h.SettingsFile(), "# mine\nlisten = :9\n")
	want, err := h.Settings()
	if err != nil || want.Name != "desk" || want.Listen != ":9" || want.LogFormat != "json" || want.MDNS {
		t.Fatalf("before: %+v, %v", want, err)
	}
	for range 2 { // the second time there is nothing to do
		if err := h.Migrate(); err != nil {
			t.Fatal(err)
		}
		got, err := h.Settings()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("after: %+v, %v; want %+v", got, err, want)
		}
	}
	old, err := h.oldSettings()
	if err != nil || len(old) != 0 {
		t.Errorf("left behind: %v, %v", old, err)
	}
	text, err := os.ReadFile(h.SettingsFile())
	if err != nil || !strings.HasPrefix(string(text), "# mine\nlisten = :9\n") {
		t.Errorf("the settings are now\n%s, %v", text, err)
	}
	c, err := h.Load()
	if err != nil || c.Version != formVersion || len(c.Devices) != 1 {
		t.Errorf("the configuration is now %+v, %v", c, err)
	}
}

// Whatever stands in the file: after a change the setting has its value there.
func FuzzSettings(f *testing.F) {
	f.Add("# a\nname = b\n\nmdns=off")
	f.Add("listen=:1\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		changed := withSetting(text, "name", "new")
		if !strings.Contains("\n"+changed, "\nname = new\n") {
			t.Errorf("%q became %q", text, changed)
		}
		if again := withSetting(changed, "name", "new"); again != changed {
			t.Errorf("%q became %q, then %q", text, changed, again)
		}
	})
}
