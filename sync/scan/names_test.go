package scan

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

func TestNames(t *testing.T) {
	b := newBed(t)
	b.late = true
	b.write("a/f", "one")
	b.write("a/s/g", "two")
	b.write("a/s/deep/x", "x")
	b.folder()
	b.want(b.names("a/f", "a", "a/s/g", "", "a/s/deep/x", "nothing", "no/thing"))

	// Only what was named is looked at.
	b.write("a/f", "one, edited")
	b.write("a/s/g", "two, edited")
	b.want(b.names("a/f"), "changed a/f")
	// A known directory is compared, known directories in it are not entered.
	b.want(b.names("a"))
	b.want(b.names("a/s", "a/s/g"), "changed a/s/g")

	// New directories are walked whole, also when only something in them was named.
	b.write("n/e/w/file", "new")
	b.want(b.names("n/e/w/file", "n/e", "n/e/w/other"),
		"new dir n", "new dir n/e", "new dir n/e/w", "new file n/e/w/file")

	// What is gone is gone with all that was in it.
	b.must(os.RemoveAll(b.full("a/s")))
	b.want(b.names("a/s/deep/x", "a/s/g", "a"), "gone a/s")
	b.agree()

	// Directories that lost names are compared again.
	b.must(os.Remove(b.full("a/f")))
	b.want(b.names("a"), "gone a/f")

	// A move is one when both names are told of.
	file := b.entry("n/e/w/file")
	b.rename("n/e/w/file", "a/f")
	b.want(b.names("a/f", "n/e/w/file"), "moved a/f")
	dir := b.entry("n/e")
	b.rename("n/e", "a/e")
	b.want(b.names("a/e", "n/e", "n/e/w"), "moved a/e")
	if b.entry("a/f") != file || b.entry("a/e") != dir {
		t.Error("moved entries became other entries")
	}
	b.agree()
	b.want(b.folder())
}

func TestNamesThatAreNone(t *testing.T) {
	b := newBed(t)
	b.write(".shoal/stage/x", "own")
	b.write("f", "one")
	b.want(b.names(".shoal", ".shoal/stage/x", "../outside", "/f", "f/", "./f", "a//b", "f/x"),
		"new file f")
}

func TestRacyContentIsLookedAtOnceMore(t *testing.T) {
	b := newBed(t)
	b.write("f", "one")
	b.stands = time.Now().Add(time.Second)
	result, err := b.scanner.Folder(context.Background())
	b.must(err)
	b.want(b.words(), "new file f")
	if !slices.Equal(result.Racy, []string{"f"}) || !b.rows[b.entry("f")].Racy {
		t.Errorf("hashed a second after its change, yet racy are %q", result.Racy)
	}
	// Nobody is told twice of the same.
	b.want(b.names("f"))
	// The very same look at the name, other bytes.
	info, err := os.Stat(b.full("f"))
	b.must(err)
	b.write("f", "two")
	b.must(os.Chtimes(b.full("f"), info.ModTime(), info.ModTime()))
	b.stands = time.Now().Add(3 * time.Second)
	result, err = b.scanner.Names(context.Background(), []string{"f"})
	b.must(err)
	b.want(b.words(), "changed f")
	b.agree()
	if len(result.Racy) != 0 || b.rows[b.entry("f")].Racy {
		t.Error("still racy after 3 s")
	}
	b.want(b.names("f"))
}

func TestATimeInTheFutureIsReadTwiceAtMost(t *testing.T) {
	b := newBed(t)
	b.write("f", "one")
	future := time.Now().Add(1000 * time.Hour)
	b.must(os.Chtimes(b.full("f"), future, future))
	b.want(b.folder(), "new file f")
	b.want(b.folder(), "changed f")
	if b.rows[b.entry("f")].Racy {
		t.Error("racy for a thousand hours")
	}
	b.want(b.folder())
}

func TestAFileThatMovesKeepsItsEntry(t *testing.T) {
	b := newBed(t)
	b.ahead = 0
	b.write("download.part", "content")
	b.write("other.part", "content")
	b.folder()
	b.ahead = time.Minute
	id := b.entry("download.part")
	b.rename("download.part", "download")
	b.rename("other.part", "other")
	info, err := os.Stat(b.full("other"))
	b.must(err)
	b.write("other", "CONTENT")
	b.must(os.Chtimes(b.full("other"), info.ModTime(), info.ModTime()))
	// Reading takes longer than the walk: what it finds counts all the same.
	b.scanner.between = func(string) { spin(30 * time.Millisecond) }
	b.want(b.folder(), "moved download", "moved other")
	if b.entry("download") != id {
		t.Error("it became another entry")
	}
	b.agree()
}

// A file that changes between the two looks is not reported, however well the change is
// hidden.
func TestAFileThatChangesWhileReadIsNotReported(t *testing.T) {
	changes := map[string]func(*bed){
		"written to": func(b *bed) { b.write("d/f", "changed") },
		"written to, time restored": func(b *bed) {
			info, err := os.Stat(b.full("d/f"))
			b.must(err)
			b.write("d/f", "ONE")
			b.must(os.Chtimes(b.full("d/f"), info.ModTime(), info.ModTime()))
		},
		"replaced": func(b *bed) {
			b.write("other", "one")
			b.rename("other", "d/f")
		},
		"removed": func(b *bed) { b.must(os.Remove(b.full("d/f"))) },
		"its directory replaced": func(b *bed) {
			b.rename("d", "away")
			b.write("d/f", "another")
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("d/f", "one")
			b.scanner.between = func(string) { change(b) }
			result, err := b.scanner.Folder(context.Background())
			b.must(err)
			b.want(b.words(), "new dir d")
			if !slices.Equal(result.Again, []string{"d/f"}) {
				t.Errorf("to be looked at again: %q", result.Again)
			}
			b.scanner.between = nil
			b.folder()
			b.agree()
		})
	}
}

func TestARootThatIsGoneSaysNothing(t *testing.T) {
	b := newBed(t)
	b.write("d/f", "one")
	b.folder()
	wrong := errors.New("another folder is mounted here")
	for _, after := range []int{0, 1} {
		calls := 0
		b.scanner.options.Check = func() error {
			if calls++; calls > after {
				return wrong
			}
			return nil
		}
		b.rename("d", "../"+filepath.Base(b.root)+" away")
		_, err := b.scanner.Folder(context.Background())
		if !errors.Is(err, wrong) {
			t.Errorf("got %v", err)
		}
		b.want(b.words())
		b.rename("../"+filepath.Base(b.root)+" away", "d")
	}
	b.must(os.RemoveAll(b.root))
	for range 2 {
		if _, err := b.scanner.Folder(context.Background()); !errors.Is(err, ErrRootGone) {
			t.Errorf("got %v", err)
		}
		if _, err := b.scanner.Names(context.Background(), []string{"d"}); !errors.Is(err, ErrRootGone) {
			t.Errorf("got %v", err)
		}
		b.must(os.WriteFile(b.root, nil, 0o644))
	}
	b.want(b.words())
}

func TestALookEndsWhenTold(t *testing.T) {
	b := newBed(t)
	for i := range 3000 {
		b.write(fmt.Sprintf("d%d/f%d", i%50, i), fmt.Sprint(i))
	}
	full := errors.New("the index is full")
	b.scanner.options.Report = func([]tree.Finding) error { return full }
	if _, err := b.scanner.Folder(context.Background()); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.scanner.options.Report = func([]tree.Finding) error { cancel(); return nil }
	if _, err := b.scanner.Folder(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := b.scanner.Names(ctx, []string{"d1", "d2"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.scanner.options.Report = b.report
	b.folder()
	b.write("d7/late", "")
	b.scanner.options.Known = broken{b.book}
	if _, err := b.scanner.Folder(context.Background()); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("the index cannot be read")

// broken is a book that cannot be read below the top.
type broken struct{ *book }

func (b broken) List(dir ident.EntryID) ([]tree.Base, error) {
	if dir.IsRoot() {
		return b.book.List(dir)
	}
	return nil, errBroken
}

func (b broken) ByFile(tree.FileID) ([]tree.Base, error) { return nil, errBroken }

// Random changes, random looks: when everything was looked at, the book is the disk, and
// what was only renamed is the entry it was.
func TestRandomChanges(t *testing.T) {
	for seed := range uint64(60) {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(seed, late), func(t *testing.T) { randomChanges(t, seed, late) })
		}
	}
}

func randomChanges(t *testing.T, seed uint64, late bool) {
	b := newBed(t)
	b.late = late
	chance := rand.New(rand.NewPCG(seed, 7))
	for range 6 {
		var touched []string
		for range 1 + chance.IntN(8) {
			touched = append(touched, b.change(chance)...)
		}
		if chance.IntN(3) > 0 {
			chance.Shuffle(len(touched), func(i, j int) {
				touched[i], touched[j] = touched[j], touched[i]
			})
			b.names(touched...)
		} else {
			b.folder()
		}
		b.agree()
		b.want(b.folder())
	}
}

// change does something to the folder and returns the names that a watcher would tell of.
func (b *bed) change(chance *rand.Rand) []string {
	pick := func() string {
		p := fmt.Sprintf("%c", 'a'+chance.IntN(4))
		for range chance.IntN(3) {
			p += fmt.Sprintf("/%c", 'a'+chance.IntN(4))
		}
		return p
	}
	p, q := pick(), pick()
	// What cannot be done is not done; nothing has changed then.
	var err error
	switch chance.IntN(8) {
	case 0, 1:
		err = os.WriteFile(b.full(p), fmt.Append(nil, chance.IntN(1000)), 0o644)
	case 2, 3:
		err = os.Mkdir(b.full(p), 0o755)
	case 4, 5:
		err = os.Rename(b.full(p), b.full(q))
	case 6:
		err = os.RemoveAll(b.full(p))
	case 7: // leading nowhere, or the other changes would happen behind it
		err = os.Symlink("nowhere/"+q, b.full(p))
	}
	if err != nil {
		return nil
	}
	return []string{p, q}
}

// What the caller put in place itself is neither read nor reported, whether or not the index
// has heard of it, unless another time may hide a change.
func TestOwnFilesAreLeftAlone(t *testing.T) {
	b := newBed(t)
	b.write("d/known", "one")
	b.write("d/racy", "one")
	b.folder()
	b.agree()
	for id, row := range b.book.rows {
		if row.Racy = row.Name == "racy"; row.Racy {
			b.book.rows[id] = row
		}
	}
	b.write("d/known", "another one")
	b.write("d/new", "two")
	b.write("d/racy", "three")
	b.write("d/theirs", "four")
	var asked []string
	b.scanner.options.Own = func(path string, s tree.Stat) bool {
		asked = append(asked, path)
		return path != "d/theirs" && s.Size > 0
	}
	b.want(b.names("d"), "changed d/racy", "new file d/theirs")
	slices.Sort(asked)
	if want := []string{"d/known", "d/new", "d/theirs"}; !slices.Equal(asked, want) {
		t.Errorf("asked about %q, want %q", asked, want)
	}
}
