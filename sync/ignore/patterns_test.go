package ignore

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) Patterns {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// decides is the line that decides about a path; a directory ends with a slash. It is
// negative when the line says that the path is shared.
func decides(p Patterns, path string) int {
	path, dir := strings.CutSuffix(path, "/")
	v := p.Match(path, dir)
	if v.Outcome == Included {
		return -v.Line
	}
	return v.Line
}

// rule is a text, and paths with the line that decides about each.
type rule struct {
	about, text string
	lines       map[string]int
}

var rulesOfGit = []rule{
	{"a name is anywhere", "tmp",
		map[string]int{"tmp": 1, "a/tmp": 1, "a/tmp/b": 1, "tmp2": 0, "a/b": 0, "Tmp": 0}},
	{"the last ending wins", "*.o\n!*p.o\n*ep.o\n!*keep.o\n*step.o/",
		map[string]int{"a.o": 1, "p.o": -2, "ep.o": 3, "keep.o": -4, "step.o": 3, "step.o/": 5}},
	{"a slash in front or inside ties to the top", "/tmp\na/b",
		map[string]int{"tmp": 1, "x/tmp": 0, "a/b": 2, "x/a/b": 0}},
	{"a slash behind asks for a directory", "d/",
		map[string]int{"d": 0, "d/": 1, "x/d/": 1, "d/f": 1, "x/d": 0}},
	{"the last line wins", "*.o\n!keep.o\nlib/keep.o",
		map[string]int{"a.o": 1, "keep.o": -2, "a/keep.o": -2, "lib/keep.o": 3}},
	{"nothing comes back below an ignored directory", "d/\n!d/f\n!f",
		map[string]int{"d/": 1, "d/f": 1, "d/d/f": 1, "f": -3, "x/f": -3}},
	{"all but one", "/*\n!/keep\n/keep/*\n!/keep/this",
		map[string]int{"a": 1, "keep/": -2, "keep/a": 3, "keep/this": -4, "keep/a/this": 3}},
	{"comments, escapes, empty lines", "#no\n\n   \n\\#yes\n\\!yes\n!#no",
		map[string]int{"#no": -6, "#yes": 4, "!yes": 5, "no": 0}},
	{"spaces at the end", "a  \nb\\ \nc\\  \nd\t",
		map[string]int{"a": 1, "a  ": 0, "b ": 2, "b": 0, "c ": 3, "c  ": 0, "d\t": 4, "d": 0}},
	{"written on Windows", "\xef\xbb\xbfa\r\n\r\nb/\r\nc \r\n\r\r\nd\r",
		map[string]int{"a": 1, "b/": 3, "b": 0, "c": 4, "\r": 5, "d": 6}},
	{"stars stay inside a name", "a*c\nx/*/z\n?b",
		map[string]int{"ac": 1, "abbc": 1, "a/c": 0, "x/y/z": 2, "x/z": 0, "x/y/y/z": 0, "ab": 3, "é": 0, "b": 0}},
	{"two stars in all places", "**/a\nb/**\nc/**/d\n**/e/**",
		map[string]int{"a": 1, "x/y/a": 1, "b": 0, "b/": 0, "b/x": 2, "b/x/y": 2, "x/b/y": 0,
			"c/d": 3, "c/x/d": 3, "c/x/y/d": 3, "cd": 0, "e": 0, "e/x": 4, "x/e/y/z": 4}},
	{"two stars elsewhere are one", "x/a**b\nq/?**/r",
		map[string]int{"x/ab": 1, "x/acb": 1, "x/a/b": 0, "q/z/r": 2, "q/zz/r": 2, "q/z/y/r": 0}},
	{"two stars behind plain bytes begin anew", "a**/b",
		map[string]int{"ab": 1, "a/b": 1, "ax/y/b": 1, "xab": 0}},
	{"sets", "[a-c]1\n[!a-c]2\n[^x]3\n[]x]4\n[[:digit:]]5\n[a\\]]6\n[-x]7",
		map[string]int{"b1": 1, "d1": 0, "b2": 0, "d2": 2, "x3": 0, "y3": 3, "]4": 4, "x4": 4, "75": 5, "a5": 0, "]6": 6, "-7": 7}},
	{"ranges", "[a-c-e]1\n[a-]2\n[c-\\e]3\n[z-a]4\n[[:space:]]5\n[[:]6",
		map[string]int{"b1": 1, "-1": 1, "e1": 1, "d1": 0, "-2": 2, "d3": 3, "b4": 0, "\t5": 5, "\v5": 0, ":6": 6, "[6": 6}},
	{"directories by any pattern", "*.d/\n?e/\nx/*f/\n**/g/h/",
		map[string]int{"a.d": 0, "a.d/": 1, "a.d/b": 1, "ee": 0, "ee/": 2, "ee/x": 2,
			"x/f": 0, "x/ff/": 3, "x/f/y": 3, "g/h": 0, "g/h/x": 4, "y/g/h/": 4}},
	{"stars go on looking", "*ab*b\nx/*?ab\n**/p/q/**/r\n!**/p/**/**/z",
		map[string]int{"aab_b": 1, "aab": 0, "x/aaab": 2, "x/ab": 0, "p/p/q/r": 3, "p/q/p/q/x/r": 3, "p/q/s": 0, "p/z": -4, "p/p/y/z": -4}},
	{"an escaped slash wants a name before it", "q/**\\/r\n**/**\\/s",
		map[string]int{"q/r": 0, "q/x/r": 1, "q/x/y/r": 1, "s": 0, "x/s": 2}},
	{"what can match nothing", "[a\nb\\\n[[:nope:]]\n!\n/\n//\n\\/c",
		map[string]int{"[a": 0, "a": 0, "b": 0, "b\\": 0, "n": 0, "c": 0, "c/": 0}},
	{"names are bytes", "\xff?\n[\x80-\xfe]",
		map[string]int{"\xff\x80": 1, "\x81": 2, "\xff": 0}},
}

func TestRules(t *testing.T) {
	for _, c := range rulesOfGit {
		p := parse(t, c.text)
		for path, want := range c.lines {
			if got := decides(p, path); got != want {
				t.Errorf("%s: line %d decides about %q, want %d", c.about, got, path, want)
			}
		}
	}
}

func TestVerdictNamesItsLine(t *testing.T) {
	shared := parse(t, "# shared\nbuild/  \n*.log\n")
	p := Combine(shared, parse(t, "!important.log\n"))
	for _, c := range []struct {
		path string
		want Verdict
		text string
	}{
		{"x/build/a/b", Verdict{Ignored, 0, 2, "build/", "x/build"},
			`ignored: line 2 of text 0, "build/", matches "x/build"`},
		{"important.log", Verdict{Included, 1, 1, "!important.log", "important.log"},
			`shared: line 1 of text 1, "!important.log", matches "important.log"`},
		{"main.go", Verdict{}, "shared: no line matches"},
	} {
		if got := p.Match(c.path, false); got != c.want || got.String() != c.text {
			t.Errorf("%s: %v, want %s", c.path, got, c.text)
		}
	}
	third := Combine(Combine(Patterns{}, p), parse(t, "main.go"))
	if v := third.Match("main.go", false); v.Source != 3 {
		t.Errorf("%v, want text 3: two were combined with one before and one behind", v)
	}
	if v := p.Match("main.go", false); v != (Verdict{}) {
		t.Errorf("Combine changed what it was given: %v", v)
	}
}

func TestNothingBelowAnIgnoredDirectory(t *testing.T) {
	p := parse(t, "*\n!a/\n!a/b\n")
	for dir, want := range map[string]bool{"": true, "a": true, "a/b": true, "x": false, "x/a": false, "a/c": false} {
		if got := p.MayMatchBelow(dir); got != want {
			t.Errorf("below %q: %v, want %v", dir, got, want)
		}
	}
	if none := (Patterns{}); !none.MayMatchBelow("a") || none.Match("a", true) != (Verdict{}) || none.Len() != 0 {
		t.Error("without patterns, something is ignored")
	}
}

// The hash is compared between devices, so it is a format: this one was computed by
// another SHA-256 from the line "ignore patterns 1", then each pattern behind its length.
func TestHash(t *testing.T) {
	const pinned = "589978f55d400b890f7420a708dc1965357bb492d889ec6033416f97c8c44641"
	if got := fmt.Sprintf("%x", parse(t, "*.o\n!keep.o\n").Hash()); got != pinned {
		t.Errorf("hash %s, want %s", got, pinned)
	}
	same := []string{"*.o\n!keep.o\n", "*.o\r\n# a comment\r\n\r\n!keep.o", "\xef\xbb\xbf*.o  \n   \n\n!keep.o\n#"}
	other := []string{"", "!keep.o\n*.o", "*.o\nkeep.o", "*.o\n!keep.o\n!keep.o", "*.o!keep.o", "*.o\n!keep.o\\ "}
	want := parse(t, same[0]).Hash()
	for _, text := range same {
		if parse(t, text).Hash() != want {
			t.Errorf("%q has another hash than %q", text, same[0])
		}
	}
	for _, text := range other {
		if parse(t, text).Hash() == want {
			t.Errorf("%q has the hash of %q", text, same[0])
		}
	}
	if Combine(parse(t, "*.o"), parse(t, "!keep.o")).Hash() != want {
		t.Error("two texts have another hash than one with all their lines")
	}
	if (Patterns{}).Hash() != parse(t, "# nothing").Hash() {
		t.Error("no text has another hash than a text that says nothing")
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct{ about, text, complaint string }{
		{"largest text", "#" + strings.Repeat("x", TextMax-1), ""},
		{"larger text", "#" + strings.Repeat("x", TextMax), "more than 1048576"},
		{"longest pattern", strings.Repeat("a", PatternMax) + "  \r\n", ""},
		{"longer pattern", "\n\n" + strings.Repeat("a", PatternMax+1), "line 3"},
		{"most patterns", strings.Repeat("a\n#\n", CountMax), ""},
		{"more patterns", strings.Repeat("a\n", CountMax) + "\nb", "line 10002"},
		{"text of UTF-16", "a\nb\x00", "line 2"},
	} {
		_, err := Parse([]byte(c.text))
		switch {
		case c.complaint == "" && err != nil:
			t.Errorf("%s: %v", c.about, err)
		case c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint)):
			t.Errorf("%s: error %v, want one with %q", c.about, err, c.complaint)
		}
	}
}

func TestTextIsNotKept(t *testing.T) {
	text := []byte("a*b\nname\n")
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		text[i] = 'z'
	}
	if decides(p, "acb") != 1 || decides(p, "name") != 2 {
		t.Error("the patterns changed with the text they were read from")
	}
}

// Patterns that make matchers try every combination take no longer here than the product
// of the lengths: each of these would not end within a lifetime otherwise.
func TestNoCombinationsAreTried(t *testing.T) {
	for _, c := range hard() {
		if v := parse(t, c.text).Match(c.path, false); v.Outcome != c.want {
			t.Errorf("%s: %v, want outcome %d", c.about, v, c.want)
		}
	}
}

type hardCase struct {
	about, text, path string
	want              Outcome
}

func hard() []hardCase {
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	return []hardCase{
		{"stars", many("a*", 2000) + "b", many("a", 4000), NoMatch},
		{"stars that match", many("a*", 2000) + "b", many("a", 4000) + "b", Ignored},
		{"stars between any bytes", many("*?", 2000) + "b", many("a", 4000), NoMatch},
		{"one long tail", "*" + many("a", 2000) + "b*", many("a", 4000), NoMatch},
		{"sets", many("*[ab]", 800) + "c", many("ab", 2000), NoMatch},
		{"stars of directories", many("**/a/", 800) + "b", many("a/", 2000) + "c", NoMatch},
		{"stars of both kinds", many("**/*a*/", 580) + "b", many("aaa/", 1000) + "c", NoMatch},
		{"names behind two stars", "x**/" + many("*/", 1000) + "b", "x" + many("a/", 2000) + "c", NoMatch},
	}
}

func BenchmarkHard(b *testing.B) {
	for _, c := range hard() {
		p := parse(b, c.text)
		b.Run(strings.ReplaceAll(c.about, " ", "-"), func(b *testing.B) {
			for b.Loop() {
				p.Match(c.path, false)
			}
		})
	}
}

// typical is what people keep in their files, 100 patterns from many trades.
const typical = `
node_modules/
bower_components/
jspm_packages/
.npm
.eslintcache
.yarn/*
!.yarn/patches
!.yarn/plugins
*.tsbuildinfo
/build/
**/dist/**
out/
target/
debug/
*.o
*.obj
*.a
*.lib
*.so
*.so.*
*.dylib
*.dll
*.exe
*.out
!keep.o
*.gch
*.pch
*.d
*.ko
*.elf
*.map
*.su
*.idb
*.pdb
__pycache__/
*.py[cod]
*$py.class
.Python
develop-eggs/
eggs/
.eggs/
*.egg-info/
*.egg
.tox/
.nox/
.coverage
.coverage.*
.cache
htmlcov/
.pytest_cache/
.mypy_cache/
.venv
env/
venv/
*.class
*.jar
*.war
hs_err_pid*
.gradle
**/build/generated/
!src/**/build/
.idea/
*.iml
*.ipr
.vscode/*
!.vscode/settings.json
!.vscode/tasks.json
.history/
*.swp
[._]*.s[a-v][a-z]
[._]*.un~
Session.vim
*~
\#*\#
.\#*
.DS_Store
.AppleDouble
Icon?
._*
.Trash-*
.nfs*
Thumbs.db
ehthumbs.db
Desktop.ini
$RECYCLE.BIN/
*.lnk
*.log
logs
npm-debug.log*
*.pid
*.seed
*.bak
*.tmp
*.temp
tmp/**/cache
docs/_build/
docs/**/*.pdf
site/
*.sqlite3-journal
/vendor/bundle
`

func typicalPaths() []string {
	return []string{
		"README.md",
		"src/app/main.go",
		"src/components/forms/date/picker.test.tsx",
		"src/lib/keep.o",
		"src/lib/other.o",
		"docs/guide/chapter-01/figures/overview.png",
		"web/node_modules/left-pad/index.js",
		"packages/core/dist/index.js",
		"Photos/2024/07 July/IMG_20240712_184233.jpg",
		"a/b/c/d/e/f/g/h/i/j.txt",
	}
}

func TestTypical(t *testing.T) {
	p := parse(t, typical)
	if p.Len() != 100 {
		t.Errorf("%d patterns, want 100", p.Len())
	}
	var ignored []string
	for _, path := range typicalPaths() {
		if p.Match(path, false).Ignored() {
			ignored = append(ignored, path)
		}
	}
	want := []string{"src/lib/other.o", "web/node_modules/left-pad/index.js", "packages/core/dist/index.js"}
	if !slices.Equal(ignored, want) {
		t.Errorf("ignored %q, want %q", ignored, want)
	}
	if n := testing.AllocsPerRun(10, func() { p.Match("a/b/c/d.txt", false) }); n != 0 {
		t.Errorf("a verdict takes %v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	p := parse(b, typical)
	paths := typicalPaths()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Match(paths[i%len(paths)], false)
	}
}

func BenchmarkParse(b *testing.B) {
	largest := bytes.Repeat([]byte("*a?[b-d]**/x*\n"), CountMax)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(largest); err != nil {
			b.Fatal(err)
		}
	}
}
