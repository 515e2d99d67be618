package ignore

import (
	"strings"
	"testing"
)

// FuzzMatch holds any text against any path: nothing panics, and the laws hold that
// callers rely on.
func FuzzMatch(f *testing.F) {
	f.Add([]byte("*.o\n!keep.o\nbuild/\n/a/**/b\n"), "a/x/b/keep.o", true)
	f.Add([]byte("\xef\xbb\xbfa**/b\r\n[[:alpha:]-x]\n[\n\\\n!\\ \n"), "a/y", false)
	f.Add([]byte("**/\n**\\/a\n//\n!//\n* *\n"), "//a/", false)
	f.Add([]byte("a*a*?*[!a]*b"), "aaaaaaaaaaaaaaaaaaaaaaaa", true)
	f.Fuzz(func(t *testing.T, text []byte, path string, dir bool) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		v := p.Match(path, dir)
		lines := strings.Split(string(text), "\n")
		switch {
		case v.Outcome == NoMatch && v != Verdict{}:
			t.Fatalf("a line without a match: %v", v)
		case v.Outcome != NoMatch && (v.Line < 1 || v.Line > len(lines)):
			t.Fatalf("line %d of %d", v.Line, len(lines))
		case v.Outcome != NoMatch && !strings.Contains(lines[v.Line-1], v.Pattern):
			t.Fatalf("line %d is %q, not %q", v.Line, lines[v.Line-1], v.Pattern)
		case v.Outcome != NoMatch && (v.Outcome == Included) != strings.HasPrefix(v.Pattern, "!"):
			t.Fatalf("%v", v)
		}
		below := p.Match(path+"/b", false)
		if as := p.Match(path, true); as.Ignored() && below != as {
			t.Fatalf("%q is %v, but below it: %v", path, as, below)
		}
		again, err := Parse([]byte("# more\n\n" + strings.Join(plain(p), "\n")))
		if err != nil || again.Hash() != p.Hash() {
			t.Fatalf("written again, the patterns are others: %v", err)
		}
		w := again.Match(path, dir)
		if w.Outcome != v.Outcome || w.Pattern != v.Pattern || w.Decided != v.Decided {
			t.Fatalf("written again: %v, before: %v", w, v)
		}
		if twice := Combine(p, p).Match(path, dir); v.Outcome != NoMatch &&
			(twice.Outcome != v.Outcome || twice.Line != v.Line || twice.Source != 1) {
			t.Fatalf("said twice: %v, once: %v", twice, v)
		}
	})
}

// plain are the patterns as lines. Each ends with a carriage return, so that one that is
// part of a pattern stays.
func plain(p Patterns) (out []string) {
	for i := range p.lines {
		out = append(out, p.lines[i].text+"\r")
	}
	return out
}
