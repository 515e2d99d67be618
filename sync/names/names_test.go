package names

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/sync/tree"
)

var (
	linux   = Of("linux")
	windows = Of("windows")
	macos   = Of("darwin")
)

// TestWhichNamesAreOne: a row holds names that some volumes take for one.
func TestWhichNamesAreOne(t *testing.T) {
	exfat := Volume{Case: CaseSimple}
	plain := Volume{Case: CaseASCII}
	for _, c := range []struct{ a, b, one string }{
		{"a.txt", "A.TXT", "ascii simple full"},
		{"é", "É", "simple full"},
		{"é", "e\u0301", "full"}, // one character, or e with an accent
		{"É", "e\u0301", "full"},
		{"straße", "STRASSE", "full"},
		{"Σίσυφος", "ΣΊΣΥΦΟΣ", "simple full"},
		{"\u212a", "k", "simple full"}, // the sign for Kelvin
		{"ﬁle", "file", "full"},
		{"a", "b", ""},
		{"a\xffB", "A\xffb", "ascii simple full"},
		{"a\xff", "a\xfe", ""},
		{"o\u0323\u0302", "\u1ed9", "full"},
	} {
		for _, v := range []struct {
			name string
			Volume
		}{{"linux", linux}, {"ascii", plain}, {"simple", exfat}, {"full", macos}} {
			want := strings.Contains(" "+c.one+" ", " "+v.name+" ")
			if got := v.Key(c.a) == v.Key(c.b); got != want {
				t.Errorf("%q and %q are one on %s: %v, want %v", c.a, c.b, v.name, got, want)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("n", 200)
	for _, c := range []struct {
		volume Volume
		name   string
		words  string // "" where the volume holds the name
	}{
		{linux, "CON", ""}, {linux, "a:b?", ""}, {linux, "\xff", ""}, {linux, "x. ", ""},
		{windows, "plain.txt", ""}, {windows, "é ü.txt", ""}, {windows, ".hidden", ""},
		{windows, "a:b", "character :"}, {windows, `a\b`, `character \`}, {windows, "wh?t", "character ?"},
		{windows, "bell\a", "U+0007"}, {windows, "x.", "dot"}, {windows, "x ", "space"},
		{windows, "\xff", "Unicode"}, {windows, "con", "device"}, {windows, "Nul.txt", "device"},
		{windows, "aux .tar.gz", "device"}, {windows, "COM1", "device"}, {windows, "lpt²", "device"},
		{windows, "COM10", ""}, {windows, "console", ""}, {windows, "com", ""}, {windows, "CONIN$", "device"},
		{macos, "a:b", ""}, {macos, "x.", ""}, {macos, "\xff", "Unicode"}, {macos, "nul", ""},
		{Volume{BytesMax: 143}, long, "200 bytes"}, {Volume{BytesMax: 200}, long, ""},
		{Volume{UnitsMax: 5}, "😀😀😀", "6 UTF-16 units"}, {Volume{UnitsMax: 6}, "😀😀😀", ""},
	} {
		got := c.volume.Refusal(c.name)
		if (c.words == "") != (got == "") || !strings.Contains(got, c.words) {
			t.Errorf("%q on %+v: %q, want %q", c.name, c.volume, got, c.words)
		}
	}
}

func TestShoalsOwnDirectory(t *testing.T) {
	for _, c := range []struct {
		name string
		on   string
	}{
		{".shoal", "linux windows macos"}, {".SHOAL", "windows macos"}, {".sh\u200coal", "windows macos"},
		{"SHOAL~1", "windows"}, {"shoal~12", "windows"}, {"shoal~x", ""}, {".shoals", ""}, {"shoal", ""},
	} {
		for name, v := range map[string]Volume{"linux": linux, "windows": windows, "macos": macos} {
			if got := v.RefusalAtTop(c.name) != ""; got != strings.Contains(c.on, name) {
				t.Errorf("%q means Shoal's own directory on %s: %v", c.name, name, got)
			}
			if own := v.Refusal(c.name); own != "" {
				t.Errorf("%q is refused below the top on %s: %s", c.name, name, own)
			}
		}
	}
}

func TestWhatIsARename(t *testing.T) {
	forgets := Volume{Case: CaseSimple, ForgetsCase: true}
	for _, c := range []struct {
		volume          Volume
		recorded, shown string
		renamed         bool
		as              string
	}{
		{macos, "a.txt", "A.txt", true, "A.txt"},
		{macos, "é", "e\u0301", false, "é"},
		{macos, "e\u0301", "é", false, "é"},
		{macos, "É", "e\u0301", true, "é"},
		{windows, "É", "é", true, "é"},
		{windows, "e\u0301", "e\u0301", false, "e\u0301"},
		{forgets, "a.txt", "A.TXT", false, "A.TXT"},
		{linux, "é", "e\u0301", true, "e\u0301"},
	} {
		if got := c.volume.Renamed(c.recorded, c.shown); got != c.renamed {
			t.Errorf("%q shown as %q was renamed: %v", c.recorded, c.shown, got)
		}
		if got := c.volume.Recorded(c.shown); got != c.as {
			t.Errorf("%q is recorded as %q, want %q", c.shown, got, c.as)
		}
	}
}

func TestPaths(t *testing.T) {
	deep := strings.Repeat("directory/", 4000)
	if windows.PathRefusal(deep) == "" || linux.PathRefusal(deep) != "" || windows.PathRefusal(deep[:30000]) != "" {
		t.Error("paths are bounded where they should not be, or not where they should")
	}
	if umlauts := strings.Repeat("ü", 30000); windows.PathRefusal(umlauts) != "" {
		t.Error("a path is measured in bytes")
	}
}

func TestText(t *testing.T) {
	for name, want := range map[string]string{
		"plain": "plain", `back\slash`: `back\slash`, "é\xff": `é\xff`, "\xc3": `\xc3`, "\\\xfe": `\\\xfe`,
		"\ufffd": "\ufffd",
	} {
		if got := Text(name); got != want {
			t.Errorf("%q is written %q, want %q", name, got, want)
		}
	}
}

// anyName draws a name whose parts differ in case, form and legality.
func anyName(r *rand.Rand) string {
	parts := []string{"a", "A", "b", "é", "e\u0301", "É", "ß", "ss", "SS", "ẞ", "ı", "İ", "i", "I", "ς", "σ",
		"Σ", "\u212a", "k", "\xff", "\xc3", ".", " ", ":", "\x01", "ǅ", "ﬁ", "\u0345", "ͅ", "日", "😀", "con"}
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

var volumes = []Volume{
	{}, windows, macos, {Case: CaseASCII}, {Case: CaseSimple}, {Case: CaseFull}, {Forms: true},
	{Case: CaseASCII, Forms: true}, {Case: CaseSimple, Forms: true, ForgetsCase: true},
}

// TestKeys: names are one or they are not, whichever way the question is put.
func TestKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		name := anyName(r)
		for _, v := range volumes {
			key := v.Key(name)
			if v.Key(key) != key {
				t.Fatalf("%q has the key %q on %+v, and that the key %q", name, key, v, v.Key(key))
			}
			if v.Key(v.Recorded(name)) != key {
				t.Fatalf("%q is recorded as %q, which is another name on %+v", name, v.Recorded(name), v)
			}
			if v.Exact() && key != name {
				t.Fatalf("%q has the key %q where all names are told apart", name, key)
			}
			if v.Forms && v.Renamed(name, v.Recorded(name)) {
				t.Fatalf("%q is taken for renamed when it is recorded", name)
			}
		}
	}
}

// FuzzNames: no bytes whatever make it fail, and what it says of a name does not
// contradict itself.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"a", "É.txt", "\xff", "con.", "SHOAL~1", "ß\u0301", "\u0345a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if tree.CheckName(name) != nil {
			return
		}
		for _, v := range volumes {
			if key := v.Key(name); v.Key(key) != key {
				t.Errorf("the key of %q on %+v is %q, whose key is %q", name, v, key, v.Key(key))
			}
			if v.Refusal(name) != "" && v.RefusalAtTop(name) == "" {
				t.Errorf("%q is refused, but not at the top", name)
			}
			Text(v.Recorded(name))
		}
	})
}
