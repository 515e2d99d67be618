//go:build unix

package e2e

import (
	"fmt"
	"os"
	"testing"
)

// TestRenames moves things about on one side and holds the bytes that travelled against
// the size of what was moved: a move is a change of a name, and costs no content.
func TestRenames(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	const size = 3 << 20
	for i := range 4 {
		a.fill(fmt.Sprintf("dir/sub/file %d", i), size+i)
	}
	a.fill("a", size+10)
	a.fill("b", size+20)
	a.fill("left/only", size+30)
	settle(a, b)

	steps := []struct {
		what string
		// A look at the disk may come in the middle of a crosswise move; what it saw
		// then may cost the content of two files.
		crosswise bool
		do        func()
	}{
		{"a file", false, func() { a.move("a", "renamed") }},
		{"a directory", false, func() { b.move("dir", "other dir") }},
		{"a directory into a directory", false, func() { a.mkdir("top"); a.move("other dir", "top/inner") }},
		{"a chain", false, func() { b.move("renamed", "r2"); b.move("r2", "r3"); b.move("r3", "a") }},
		{"a swap", true, func() { swap(a, "a", "b") }},
		{"a swap of directories", true, func() { swap(b, "left", "top") }},
		{"a rotation", true, func() {
			b.move("a", "tmp")
			b.move("b", "a")
			b.move("left/inner/sub/file 0", "b")
			b.move("tmp", "left/inner/sub/file 0")
		}},
		{"up and down", false, func() {
			a.move("left/inner/sub", "sub")
			a.move("left", "sub/left")
		}},
	}
	for _, s := range steps {
		s.do()
		before := a.traffic(b) + b.traffic(a)
		settle(a, b)
		free := int64(256 << 10)
		if s.crosswise {
			free += 2 * size
		}
		if cost := a.traffic(b) + b.traffic(a) - before; cost > free {
			t.Errorf("moving %s took %d bytes of traffic", s.what, cost)
		}
		if t.Failed() {
			t.Fatalf("after moving %s", s.what)
		}
	}
}

func swap(a *agent, x, y string) {
	a.t.Helper()
	a.move(x, "swap.tmp")
	a.move(y, x)
	a.move("swap.tmp", y)
}

func TestReplaceAndDelete(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("note", "a file that will be a directory")
	a.put("heap/x/y", "a directory that will be a file")
	a.put("heap/z", "z")
	a.put("link or file", "1")
	for i := range 40 {
		a.put(fmt.Sprintf("tree/%d/%d/leaf", i%3, i), fmt.Sprint("leaf ", i))
	}
	settle(a, b)

	a.remove("note")
	a.put("note/inside", "now a directory")
	b.remove("heap")
	b.put("heap", "now a file")
	a.remove("link or file")
	must(t, os.Symlink("heap", a.at("link or file")))
	settle(a, b)

	b.remove("tree")
	settle(a, b)
	if a.exists("tree") || b.exists("tree") {
		t.Error("a deleted tree came back")
	}
	a.put("tree/1/leaf", "a new tree")
	a.remove("heap")
	settle(a, b)
	a.put("heap", "deleted and made again")
	b.remove("link or file")
	settle(a, b)
	b.remove("note")
	b.put("note", "a file again")
	a.remove("tree")
	a.put("tree", "and this one a file")
	settle(a, b)
	if n := len(picture(t, a.root)); n != 3 {
		t.Errorf("left are %q", picture(t, a.root).names())
	}
}

// TestBusyMoves makes many changes at once on both sides without waiting in between.
func TestBusyMoves(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for i := range 300 {
		a.put(fmt.Sprintf("a/%d/%d", i%7, i), fmt.Sprint("a", i))
		b.put(fmt.Sprintf("b/%d/%d", i%5, i), fmt.Sprint("b", i))
	}
	settle(a, b)
	for i := range 7 {
		a.move(fmt.Sprintf("a/%d", i), fmt.Sprintf("b/from a %d", i))
	}
	for i := range 5 {
		b.move(fmt.Sprintf("b/%d", i), fmt.Sprintf("a/from b %d", i))
	}
	a.move("a", "c")
	b.put("b/0 new", "new")
	settle(a, b)
	if n := len(picture(t, a.root)); n < 600 {
		t.Errorf("%d names left", n)
	}
}
