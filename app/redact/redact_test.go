package redact

import (
	"strings"
	"testing"
)

// secrets must not be found in anything that was redacted.
var secrets = []string{"anna", "holiday", "photo", "192.168", "10.0.0.7", "fe80", "22100", "jgxq6kq", "home/", "geheim", "#1!"}

func clean(t *testing.T, text string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(text), secret) {
			t.Errorf("%q is left in %s", secret, text)
		}
	}
}

func TestLogLines(t *testing.T) {
	r := New()
	for _, c := range []struct{ line, want string }{
		{`time=2026-11-20T09:58:18.000Z level=INFO msg="agent started" device=jgxq6kq-rgui name=anna listen=192.168.1.5:22100 version=1.2`,
			`time=2026-11-20T09:58:18.000Z level=INFO msg="agent started" device=#1 name=#2 listen=#3 version=1.2`},
		{`level=WARN msg="cannot look" folder="holiday photos" reason="open /home/anna/holiday photos/a = \"b\".jpg: permission denied" after=2.5s count=3 ok=true`,
			`level=WARN msg="cannot look" folder=#4 reason="#5 … permission denied" after=2.5s count=3 ok=true`},
		{`level=WARN msg="again" name=anna`, `level=WARN msg=again name=#2`},
		{`{"time":"2026-11-20T09:58:18Z","level":"INFO","msg":"x","name":"anna","n":3,"in":{"path":"holiday/photo"},"all":["fe80::1"]}`,
			`{"all":["#7"],"in":{"path":"#6"},"level":"INFO","msg":"x","n":3,"name":"#2","time":"2026-11-20T09:58:18Z"}`},
		{"panic: anna", "(a line of 11 bytes that is not of the usual form)"},
		{`name=anna holiday`, "(a line of 17 bytes that is not of the usual form)"},
		{`anna=1`, `anna=1`}, {`{"broken`, "(a line of 8 bytes that is not of the usual form)"},
		{`msg="unclosed`, "(a line of 13 bytes that is not of the usual form)"}, {"", ""},
	} {
		got := r.Log(c.line)
		// The order of a map decides which of two new texts gets the lower number.
		swapped := strings.NewReplacer("#6", "#7", "#7", "#6").Replace(got)
		if got != c.want && swapped != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.line, got, c.want)
		}
		if c.line != `anna=1` {
			clean(t, got)
		}
	}
}

func TestDocuments(t *testing.T) {
	r := New()
	got, err := r.JSON([]byte(`{"name":"anna","state":"syncing","bytes":7,"until":null,"list":["holiday","holiday"],
		"problems":[{"path":"photo.jpg","kind":"unreadable","reason":"holiday/photo.jpg: permission denied"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	clean(t, string(got))
	for _, want := range []string{`"state": "syncing"`, `"bytes": 7`, `"kind": "unreadable"`, "… permission denied"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if _, err := r.JSON([]byte("{")); err == nil {
		t.Error("half a document was redacted")
	}
}

func TestSettings(t *testing.T) {
	got := New().Settings("# anna's\nname = anna\nlimit_up = 2MB/s\nlog_level=debug\n\npassword = geheim\nproxy = socks5://a:geheim@10.0.0.7:1\nrubbish",
		map[string]bool{"name": false, "limit_up": true, "log_level": true, "proxy": false})
	clean(t, got)
	if want := "name = #1\nlimit_up = 2MB/s\nlog_level = debug\n#2 = #3\nproxy = #4\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Whatever a line holds, nothing of a quoted or bare value gets through.
func FuzzLog(f *testing.F) {
	f.Add(`level=INFO msg="x" name="a b" n=1`)
	f.Add(`{"a":"b"}`)
	f.Fuzz(func(t *testing.T, line string) {
		const secret = "Zw7QxSecret"
		for _, hidden := range []string{`name="` + secret + `" ` + line, `name=` + secret + " " + line} {
			if got := New().Log(hidden); strings.Contains(got, secret) {
				t.Errorf("%q became %q", hidden, got)
			}
		}
	})
}
