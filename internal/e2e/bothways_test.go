//go:build unix

package e2e

import (
	"os"
	"testing"
	"time"
)

func TestFirstJoinAndEdits(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	sizes := map[string]int{
		"empty": 0, "one": 1, "small": 16 << 10, "chunk": 64<<10 + 1, "mega": 1<<20 + 1,
		"deep/er/and/deeper/large": 20 << 20,
	}
	for name, size := range sizes {
		a.fill(name, size)
	}
	a.mkdir("empty dir")
	b.mkdir("nested/empty/dirs")
	b.put("from bert.txt", "hello")
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	settle(a, b)

	a.put("from bert.txt", "hello, edited by anna")
	appendTo(t, b.at("small"), "more")
	appendTo(t, b.at("deep/er/and/deeper/large"), "a tail")
	a.put("mega.tmp", "saved by rename")
	a.move("mega.tmp", "mega")
	must(t, os.Chmod(a.at("one"), 0o755))
	must(t, os.Chtimes(b.at("empty"), time.Time{}, time.Date(2001, 2, 3, 4, 5, 6, 789000000, time.UTC)))
	must(t, os.Symlink("deep/er", a.at("a link")))
	must(t, os.Symlink("nowhere/at all", b.at("nested/dangling")))
	must(t, os.Chmod(b.at("nested/empty"), 0o700))
	settle(a, b)
	if n := len(picture(t, a.root)); n != 17 {
		t.Errorf("%d names, want 17: %q", n, picture(t, a.root).names())
	}

	must(t, os.Remove(a.at("a link")))
	must(t, os.Symlink("somewhere else", a.at("a link")))
	b.remove("nested/empty/dirs")
	settle(a, b)
}

func TestOddNames(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for i, name := range []string{
		" leading space", "trailing space ", "quote'\"`$(x);|&*?", "new\nline", "tab\tand\x1bescape",
		"ünï çödé 🐟", "e\u0301 decomposed", "\u00e9 composed", "back\\slash", "-dash", "~tilde", "...",
		"a:b", "CON", "nul.txt", ".hidden", "%41", "\u202ertl", longName,
	} {
		from := []*agent{a, b}[i%2]
		from.put(name+"/inside "+name[:min(100, len(name))], name)
		from.put("top of "+name[:min(100, len(name))], name)
	}
	if err := os.WriteFile(a.at("not \xff\xfe utf8"), []byte("bytes"), 0o644); err != nil {
		t.Log("this file system keeps only UTF-8 names")
	}
	settle(a, b)
}

const longName = "0123456789012345678901234567890123456789012345678901234567890123456789" +
	"01234567890123456789012345678901234567890123456789012345678901234567890123456789" +
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234" +
	"56789012345678901234"

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, err)
	must(t, f.Close())
}
