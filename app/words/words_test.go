package words

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

var update = flag.Bool("update", false, "write the sentences of the source into the catalogues")

func translations() []Language {
	return []Language{German, Spanish, French, Chinese, Japanese}
}

// TestCatalogues: every sentence people read has a translation in every language, that
// takes the same placeholders and fits where the English one fits; and nothing else is
// kept.
func TestCatalogues(t *testing.T) {
	said := sentences(t)
	if len(said) < 20 {
		t.Fatalf("only %d sentences were found in the source", len(said))
	}
	for _, l := range translations() {
		book := In(l)
		if *update {
			text := written(l, said, book.forms)
			if err := os.WriteFile("catalogue/"+string(l)+".po", text, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		used := map[string]bool{}
		missing := 0
		for _, e := range said {
			used[e.key()] = true
			forms := book.forms[e.key()]
			want := 1
			if e.plural != "" {
				want = l.count()
			}
			if len(forms) != want || slices.Contains(forms, "") {
				if missing++; missing <= 10 {
					t.Errorf("%s: %q is not translated", l, e.key())
				}
				continue
			}
			for _, form := range forms {
				checkForm(t, l, e, form)
			}
		}
		if missing > 0 {
			t.Errorf("%s: %d sentences are not translated: run go test ./app/words -update, then fill the "+
				"empty ones in app/words/catalogue/%s.po", l, missing, l)
		}
		for key := range book.forms {
			if !used[key] {
				t.Errorf("%s: nobody says %q any more: run go test ./app/words -update", l, key)
			}
		}
	}
}

// room is how much wider than in English a sentence may be, in columns: buttons and cells
// of tables are made for twice a short word, and for a third more of a long line.
func room(english string) int {
	n := Width(english)
	return n + max(14, n*6/10)
}

func checkForm(t *testing.T, l Language, e entry, form string) {
	t.Helper()
	longest := max(Width(e.id), Width(e.plural))
	if got := Width(form); got > max(room(e.id), room(e.plural)) {
		t.Errorf("%s: %q is %d columns wide, and the English %d", l, form, got, longest)
	}
	if got, want := placeholders(form), placeholders(e.key()); !slices.Equal(got, want) {
		t.Errorf("%s: %q takes %v, and %q takes %v", l, form, got, e.key(), want)
	}
	for _, quote := range regexp.MustCompile("`[^`]*`").FindAllString(e.id, -1) {
		if !strings.Contains(form, quote) {
			t.Errorf("%s: %q lost the command %s", l, form, quote)
		}
	}
	if edge := strings.TrimSpace(form); edge != form && strings.TrimSpace(e.id) == e.id {
		t.Errorf("%s: %q begins or ends with a space", l, form)
	}
	if strings.ContainsFunc(form, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		t.Errorf("%s: %q holds characters that cannot be seen", l, form)
	}
}

var verb = regexp.MustCompile(`%(\[(\d+)\])?[-+# 0]*[0-9.]*([a-zA-Z%])`)

// placeholders returns what a format takes, in the order of the arguments.
func placeholders(format string) []string {
	var out []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[3] == "%" {
			continue
		}
		if m[2] != "" {
			next = int(m[2][0] - '0')
		}
		for len(out) < next {
			out = append(out, "")
		}
		out[next-1] = m[3]
		next++
	}
	return out
}

func TestChoose(t *testing.T) {
	for want, lists := range map[Language][][]string{
		German:   {{"de_DE.UTF-8"}, {"de"}, {"", "de-AT"}, {"pt_BR:de:en"}, {"de_CH@euro"}},
		English:  {{}, {""}, {"C"}, {"POSIX", "de"}, {"C.UTF-8", "fr"}, {"en_GB", "de"}, {"tlh"}, {"zh-Hant-TW"}},
		Chinese:  {{"zh_CN.GB18030"}, {"zh"}, {"zh-Hans-SG"}, {"zh_SG"}},
		Japanese: {{"ja_JP.eucJP"}, {"zh_TW", "ja"}},
		French:   {{"fr_CA"}}, Spanish: {{"es-419"}},
	} {
		for _, list := range lists {
			if got := Choose(list...); got != want {
				t.Errorf("%q: %s, want %s", list, got, want)
			}
		}
	}
}

func TestForms(t *testing.T) {
	for _, c := range []struct {
		l    Language
		n    int64
		want string
	}{
		{English, 1, "1 file"}, {English, 0, "0 files"}, {English, 1234567, "1,234,567 files"},
		{German, 1, "1 Datei"}, {German, 20000, "20.000 Dateien"}, {French, 0, "0 fichier"},
		{French, 1, "1 fichier"}, {French, 2000, "2\u00a0000 fichiers"}, {Spanish, 0, "0 archivos"},
		{Chinese, 1, "1 个文件"}, {Chinese, 5, "5 个文件"}, {Japanese, 1000, "1,000 個のファイル"},
	} {
		if got := In(c.l).Files(c.n); got != c.want {
			t.Errorf("%s, %d: %q, want %q", c.l, c.n, got, c.want)
		}
	}
	if got := In("tlh").Say("nobody translated this %s", "here"); got != "nobody translated this here" {
		t.Errorf("got %q", got)
	}
	if got := In(German).Say("no such sentence, 100 %"); got != "no such sentence, 100 %" {
		t.Errorf("got %q", got)
	}
	if got := (Book{}).Language(); got != English {
		t.Errorf("got %s", got)
	}
}

func TestSizesAndTimes(t *testing.T) {
	de, en, fr := In(German), Book{}, In(French)
	for _, c := range []struct{ got, want string }{
		{en.Bytes(0), "0 bytes"}, {en.Bytes(1), "1 byte"}, {en.Bytes(1536), "1.5 KiB"},
		{en.Bytes(1<<20 - 1), "1.0 MiB"}, {en.Bytes(1<<63 - 1), "8.0 EiB"},
		{de.Bytes(1536), "1,5 KiB"}, {fr.Bytes(10 << 20), "10 Mio"}, {en.Rate(2048), "2.0 KiB/s"},
		{en.Duration(59700 * time.Millisecond), "1 min"}, {de.Duration(49 * time.Hour), "2 T 1 h"},
		{en.Ago(0), "just now"}, {de.Ago(time.Minute), "vor 1 min"},
		{In(Japanese).Duration(time.Hour + time.Minute), "1 時間 1 分"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	got, err := parse("# a comment\nmsgid \"\"\nmsgstr \"header\"\n\nmsgid \"a\"\n\" b\"\nmsgstr \"c\\n\"\n" +
		"msgid \"%s x\"\nmsgid_plural \"%s xs\"\nmsgstr[0] \"1\"\nmsgstr[1] \"2\"\n")
	if err != nil || len(got) != 2 || got[0].id != "a b" || got[0].forms[0] != "c\n" || got[1].forms[1] != "2" ||
		got[1].key() != "%s xs" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, broken := range []string{"msgid a", "\"loose\"", "what \"x\"", "msgid \"a"} {
		if got, err := parse(broken); err == nil {
			t.Errorf("%q was read as %+v", broken, got)
		}
	}
}
