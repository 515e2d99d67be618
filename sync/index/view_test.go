package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

func numbers(rows []tree.Row) (out []uint64) {
	for _, r := range rows {
		out = append(out, r.Seq)
	}
	return out
}

func TestViewOfTheLog(t *testing.T) {
	s := openNew(t)
	var b tree.Batch
	for n := range uint64(1200) { // more than two pages
		b.Rows = append(b.Rows, benchRow(n+1))
		b.Rows[n].Need = n%100 == 0
	}
	record(t, s, b)
	again := benchRow(5)
	again.Seq = 2000
	record(t, s, tree.Batch{Rows: []tree.Row{again}})

	v := viewOf(t, s)
	rows, err := v.Since(3, 3)
	if got := numbers(rows); err != nil || !slices.Equal(got, []uint64{4, 6, 7}) {
		t.Errorf("since 3: %v, %v", got, err)
	}
	rows, err = v.Since(1199, 9)
	if got := numbers(rows); err != nil || !slices.Equal(got, []uint64{1200, 2000}) {
		t.Errorf("since 1199: %v, %v", got, err)
	}
	rows, err = v.Needs(101, 3)
	if got := numbers(rows); err != nil || !slices.Equal(got, []uint64{201, 301, 401}) {
		t.Errorf("needs after 101: %v, %v", got, err)
	}
	here, gone := onDisk(1, ident.Root, "here"), onDisk(2, ident.Root, "old")
	here.Entry, here.Content = benchRow(7).Entry.ID, benchRow(7).Entry.Content.ID
	gone.Entry, gone.Content = benchRow(8).Entry.ID, ident.ContentID{1}
	record(t, s, tree.Batch{Placed: []tree.Base{here, gone}})
	rows, has, err := v.Told(5, 4)
	if got := numbers(rows); err != nil || !slices.Equal(got, []uint64{6, 7, 8, 9}) ||
		!slices.Equal(has, []bool{false, true, false, false}) {
		t.Errorf("told after 5: %v, %v, %v", got, has, err)
	}
	met := map[ident.EntryID]bool{}
	if err := v.EachEntry(func(r *tree.Row) error { met[r.Entry.ID] = true; return nil }); err != nil || len(met) != 1200 {
		t.Errorf("each entry: %d met, %v", len(met), err)
	}
	err = v.EachRecord(func(r Record) error {
		want, _ := s.Entry(r.ID)
		if !met[r.ID] || tree.DigestOf(r.Body) != tree.Digest(&want.Entry) || string(r.Name) != want.Entry.Place.Name ||
			r.Live != want.Entry.Live() {
			t.Errorf("the record of %v is %+v", r.ID, r)
		}
		delete(met, r.ID)
		return nil
	})
	if err != nil || len(met) != 0 {
		t.Errorf("each record: %d not met, %v", len(met), err)
	}
	stop := errors.New("enough of it")
	if err := v.EachEntry(func(*tree.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("each entry ends with %v", err)
	}
	if totals, err := v.Totals(); totals != s.Totals() || err != nil {
		t.Errorf("totals are %+v, %v, want %+v", totals, err, s.Totals())
	}
}

// TestNeedAlone tries that a row which is marked, and marked no more, stays what it is in
// every other respect.
func TestNeedAlone(t *testing.T) {
	s := openNew(t)
	row := benchRow(1)
	record(t, s, tree.Batch{Rows: []tree.Row{row}})
	was, v := s.Totals(), viewOf(t, s)
	for _, need := range []bool{true, true, false} {
		row.Need = need
		record(t, s, tree.Batch{Rows: []tree.Row{row}})
		got, _, err := v.Entry(row.Entry.ID)
		if err != nil || got.Need != need || got.Seq != 1 || tree.Digest(&got.Entry) != tree.Digest(&row.Entry) {
			t.Errorf("need %v: the row is %+v, %v", need, got, err)
		}
		if rows, err := v.Needs(0, 9); err != nil || (len(rows) == 1) != need {
			t.Errorf("need %v: %d rows are needed, %v", need, len(rows), err)
		}
		if own, _ := s.Entry(row.Entry.ID); own.Need != need {
			t.Errorf("need %v: its owner reads otherwise", need)
		}
		if n := s.Totals().Needs; (n == was.Needs+1) != need {
			t.Errorf("need %v: %d are counted", need, n)
		}
	}
	if s.Totals() != was {
		t.Errorf("totals have become %+v, were %+v", s.Totals(), was)
	}
}

func TestViewSeesCommits(t *testing.T) {
	s := openNew(t)
	v := viewOf(t, s)
	row := benchRow(1)
	s.Apply(tree.Batch{Rows: []tree.Row{row}})
	if _, ok, err := v.Entry(row.Entry.ID); ok || err != nil {
		t.Errorf("seen before commit: %v, %v", ok, err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := v.Entry(row.Entry.ID); !ok || err != nil {
		t.Errorf("seen after commit: %v, %v", ok, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.View(); !errors.Is(err, ErrClosed) {
		t.Errorf("a view of a closed index: %v", err)
	}
	if err := s.PutRecipes([]Recipe{{}}); !errors.Is(err, ErrClosed) {
		t.Errorf("recipes for a closed index: %v", err)
	}
}

func onDisk(n byte, parent ident.EntryID, name string) tree.Base {
	return tree.Base{Entry: ident.EntryID{n}, Parent: parent, Name: name, Rev: 1,
		Stat: tree.Stat{Kind: tree.Dir, File: tree.FileID{Volume: 1, Inode: uint64(n), Birth: 2}}}
}

func TestViewOfTheDisk(t *testing.T) {
	s := openNew(t)
	docs, deep, a := onDisk(1, ident.Root, "docs"), onDisk(2, ident.EntryID{1}, "deep"), onDisk(3, ident.EntryID{2}, "a.txt")
	a.Content = ident.ContentID{7}
	orphan := onDisk(4, ident.EntryID{99}, "orphan")
	orphan.Content = ident.ContentID{7}
	twin := onDisk(5, ident.EntryID{2}, "a.txt")
	twin.Stat.File = a.Stat.File
	x, y := onDisk(8, ident.EntryID{9}, "x"), onDisk(9, ident.EntryID{8}, "y") // a cycle
	record(t, s, tree.Batch{Placed: []tree.Base{orphan, twin, a, deep, docs, x, y}})

	v := viewOf(t, s)
	for _, c := range []struct {
		id   ident.EntryID
		want string
		ok   bool
	}{
		{ident.Root, "", true}, {docs.Entry, "docs", true}, {a.Entry, "docs/deep/a.txt", true},
		{orphan.Entry, "", false}, {x.Entry, "", false}, {ident.EntryID{77}, "", false},
	} {
		if got, ok, err := v.Path(c.id); got != c.want || ok != c.ok || err != nil {
			t.Errorf("path of %v: %q, %v, %v", c.id, got, ok, err)
		}
	}
	path, b, ok, err := v.HoldingPath(a.Content, func(path string, _ *tree.Base) bool { return path != "" })
	if path != "docs/deep/a.txt" || b.Entry != a.Entry || !ok || err != nil {
		t.Errorf("holding: %q, %+v, %v, %v", path, b, ok, err)
	}
	if _, _, ok, err = v.HoldingPath(ident.ContentID{8}, func(string, *tree.Base) bool { return true }); ok || err != nil {
		t.Errorf("holding nothing: %v, %v", ok, err)
	}
	if _, _, ok, err = v.HoldingPath(a.Content, func(string, *tree.Base) bool { return false }); ok || err != nil {
		t.Errorf("a file that does not fit is returned: %v", err)
	}
	held, err := v.HoldingPaths([]ident.ContentID{{8}, a.Content, {9}, a.Content})
	if err != nil || len(held) != 4 || held[0].Path != "" || held[2].Path != "" ||
		held[1].Path != path || held[1].Entry != a.Entry || held[3].Path != path {
		t.Errorf("holding together: %+v, %v", held, err)
	}
	list, err := v.BaseList(ident.EntryID{2})
	if err != nil || len(list) != 2 || list[0].Entry != a.Entry || list[1].Entry != twin.Entry {
		t.Errorf("the directory lists %+v, %v", list, err)
	}
	same, err := v.BaseByFile(a.Stat.File)
	if err != nil || len(same) != 2 {
		t.Errorf("the file identity has %+v, %v", same, err)
	}
	other := a.Stat.File
	other.Birth++
	if same, err = v.BaseByFile(other); err != nil || len(same) != 0 {
		t.Errorf("another birth has %+v, %v", same, err)
	}
	if same, err = v.BaseByFile(tree.FileID{}); err != nil || len(same) != 0 {
		t.Errorf("the zero identity has %+v, %v", same, err)
	}
}

func recipeNumber(n int, size int) Recipe {
	return Recipe{ident.ContentID{1, byte(n), byte(n >> 8)}, slices.Repeat([]byte{byte(n)}, size)}
}

func wantRecipe(t *testing.T, s *Store, n int, want bool) {
	t.Helper()
	v := viewOf(t, s)
	r := recipeNumber(n, 100)
	body, ok, err := v.Recipe(r.Content)
	if err != nil || ok != want || ok && body[0] != byte(n) {
		t.Errorf("recipe %d: %d bytes, %v, %v; want %v", n, len(body), ok, err, want)
	}
}

func TestRecipesAreThereAtOnceAndCommittedWithRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	s, _ := openAt(t, path)
	put := func(n int) {
		if err := s.PutRecipes([]Recipe{recipeNumber(n, 100)}); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	wantRecipe(t, s, 1, true)
	if !s.Dirty() {
		t.Error("waiting recipes need no commit")
	}
	record(t, s, tree.Batch{Rows: []tree.Row{benchRow(1)}})
	put(2)
	if err := s.Commit(); err != nil { // without any row
		t.Fatal(err)
	}
	if s.Dirty() || !s.waiting.empty() || s.waiting.size != 0 {
		t.Error("recipes wait after a commit")
	}
	put(3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = openAt(t, path)
	wantRecipe(t, s, 1, true)
	wantRecipe(t, s, 2, true)
	wantRecipe(t, s, 3, false)
}

// TestManyRecipesDoNotWait: with the owner away, what is beyond the limit is written all
// the same, and no memory is held for it.
func TestManyRecipesDoNotWait(t *testing.T) {
	s := openNew(t)
	const each = 1 << 20
	var putting sync.WaitGroup
	for worker := range 2 {
		putting.Go(func() {
			for i := range 10 {
				if err := s.PutRecipes([]Recipe{recipeNumber(10*worker+i, each)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	putting.Wait()
	if s.waiting.size > waitingMax {
		t.Errorf("%d bytes wait", s.waiting.size)
	}
	for n := range 20 {
		wantRecipe(t, s, n, true)
	}
}

func TestCollectRecipes(t *testing.T) {
	s := openNew(t)
	const (
		held = iota
		wanted
		deleted
		waiting
		recorded
		useless // and all after it
		all     = useless + 20
	)
	var recipes []Recipe
	for n := range all {
		recipes = append(recipes, recipeNumber(n, 100))
	}
	if err := s.PutRecipes(recipes); err != nil {
		t.Fatal(err)
	}
	holder := onDisk(1, ident.Root, "holder")
	holder.Content = recipes[held].Content
	var b tree.Batch
	for n := range uint64(40) {
		b.Rows = append(b.Rows, benchRow(n+1))
	}
	b.Rows[7].Entry.Content.ID = recipes[wanted].Content
	b.Rows[8].Entry.Content.ID, b.Rows[8].Entry.Content.Deleted = recipes[deleted].Content, true
	b.Placed = []tree.Base{holder}
	record(t, s, b)

	// Collect works in steps of 10 rows, and has something happen after the third: then
	// the first rows have been looked at.
	collect := func(happens func()) (steps int) {
		for more := true; more; steps++ {
			var err error
			if more, err = s.CollectRecipes(10); err != nil {
				t.Fatal(err)
			}
			if steps == 2 {
				happens()
			}
		}
		return steps
	}
	steps := collect(func() {})
	for n := range all {
		wantRecipe(t, s, n, true) // all are too young
	}
	if err := s.c.script("UPDATE recipes SET came = came - 4000"); err != nil {
		t.Fatal(err)
	}
	longer := collect(func() {
		row := benchRow(1)
		row.Entry.Content.ID = recipes[recorded].Content
		s.Apply(tree.Batch{Rows: []tree.Row{row}})
		if err := s.PutRecipes(recipes[waiting : waiting+1]); err != nil {
			t.Fatal(err)
		}
	})
	if longer <= steps {
		t.Errorf("collected in %d steps of 10 rows", longer)
	}
	for n := range all {
		wantRecipe(t, s, n, n < useless)
	}
}

// TestViewsBesideTheOwner is for the race detector, and shows that a view sees whole
// batches only.
func TestViewsBesideTheOwner(t *testing.T) {
	s := openNew(t)
	const batches, size = 40, 10
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				v, err := s.View()
				if err != nil {
					t.Error(err)
					return
				}
				rows, err := v.Since(0, batches*size)
				if err != nil || len(rows)%size != 0 {
					t.Errorf("a view sees %d rows, %v", len(rows), err)
				}
				if err := v.Close(); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range uint64(batches) {
		var b tree.Batch
		for n := range uint64(size) {
			b.Rows = append(b.Rows, benchRow(i*size+n+1))
		}
		if err := s.PutRecipes([]Recipe{recipeNumber(int(i), 10)}); err != nil {
			t.Fatal(err)
		}
		record(t, s, b)
	}
	close(done)
	readers.Wait()
}

// TestLogIsEmptiedWhenIdle runs on virtual time.
func TestLogIsEmptiedWhenIdle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	synctest.Test(t, func(t *testing.T) {
		s, _ := openAt(t, path)
		record(t, s, tree.Batch{Rows: []tree.Row{benchRow(1)}})
		v, err := s.View()
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if logSize(t, path) == 0 || idleViews(s) != 1 {
			t.Error("a commit is not in the log, or no connection waits")
		}
		<-time.After(2 * idleAfter)
		synctest.Wait()
		if n := logSize(t, path); n != 0 || idleViews(s) != 0 {
			t.Errorf("the log has %d bytes, %d connections wait", n, idleViews(s))
		}
	})
}

// TestLogStaysShort: a steady writer does not keep the log from starting anew.
func TestLogStaysShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	s, _ := openAt(t, path)
	tidy := &tidier{path: path}
	body := make([]byte, 1<<20)
	for n := range 100 {
		if err := s.PutRecipes([]Recipe{{ident.ContentID{byte(n + 1)}, body}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := tidy.tidy(); err != nil {
			t.Fatal(err)
		}
	}
	if err := tidy.hangUp(); err != nil {
		t.Fatal(err)
	}
	// The Store has a tidier of its own: where the two meet, one gives way to the other.
	if n := logSize(t, path); n > (pagesMax+pagesTidy/4)*4096 {
		t.Errorf("the log has %d bytes", n)
	}
}

func idleViews(s *Store) int {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	return len(s.views.idle)
}

func logSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func ExampleStore() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("index-%d.db", os.Getpid()))
	s, state, err := Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("new:", state.Replica == 0)
	state.Replica = 7
	s.Apply(tree.Batch{State: &state})
	fmt.Println("committed:", s.Commit() == nil, s.Close() == nil, os.Remove(path) == nil)
	// Output:
	// new: true
	// committed: true true true
}
