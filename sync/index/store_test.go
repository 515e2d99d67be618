package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index/indextest"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

func openAt(t testing.TB, path string) (*Store, tree.State) {
	t.Helper()
	s, state, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, state
}

func openNew(t testing.TB) *Store {
	t.Helper()
	s, _ := openAt(t, filepath.Join(t.TempDir(), "folder.db"))
	return s
}

func record(t testing.TB, s *Store, b tree.Batch) {
	t.Helper()
	s.Apply(b)
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
}

// unwound returns the Failure that act panics with, nil when it returns.
func unwound(act func()) (err error) {
	defer func() {
		switch value := recover().(type) {
		case nil:
		case Failure:
			err = value
		default:
			panic(value)
		}
	}()
	act()
	return nil
}

func viewOf(t testing.TB, s *Store) *View {
	t.Helper()
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func TestSuite(t *testing.T) {
	indextest.Run(t, func(t *testing.T) indextest.Index { return openNew(t) })
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	s, state := openAt(t, path)
	if state.Replica != 0 {
		t.Errorf("a new index has the state %+v", state)
	}
	want := tree.State{Replica: 7, Head: 1, Scanned: true, Knowledge: version.Vector{{Replica: 7, Counter: 1}}}
	row := benchRow(1)
	record(t, s, tree.Batch{Rows: []tree.Row{row}, Placed: []tree.Base{benchBase(&row)}, State: &want})
	totals := s.Totals()
	lost := benchRow(2)
	s.Apply(tree.Batch{Rows: []tree.Row{lost}})
	if !s.Dirty() {
		t.Error("not dirty after Apply")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s, state = openAt(t, path)
	if state.Replica != want.Replica || !state.Knowledge.Equal(want.Knowledge) || !state.Scanned {
		t.Errorf("the state is %+v, want %+v", state, want)
	}
	if got, ok := s.Entry(row.Entry.ID); !ok || got.Seq != row.Seq {
		t.Errorf("the row is %+v, %v", got, ok)
	}
	if _, ok := s.Entry(lost.Entry.ID); ok {
		t.Error("a row that was not committed is there")
	}
	if s.Totals() != totals {
		t.Errorf("totals are %+v, want %+v", s.Totals(), totals)
	}
	if s.Dirty() {
		t.Error("dirty after Open")
	}
	// Numbers of ids must go on where they ended.
	next := benchRow(3)
	record(t, s, tree.Batch{Rows: []tree.Row{next}})
	if got, ok := s.Entry(next.Entry.ID); !ok || got.Entry.Place.Name != next.Entry.Place.Name {
		t.Errorf("the new row is %+v, %v", got, ok)
	}
}

func TestIndexIsPrivate(t *testing.T) {
	s := openNew(t)
	record(t, s, tree.Batch{Rows: []tree.Row{benchRow(1)}})
	for _, beside := range []string{"", "-wal"} {
		info, err := os.Stat(s.path + beside)
		if err != nil {
			t.Fatal(err)
		}
		if os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
			t.Errorf("%q has mode %v", beside, info.Mode())
		}
	}
}

func TestRefusedFiles(t *testing.T) {
	foreign := func(script string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			s, _ := openAt(t, path)
			if err := s.c.script(script); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
		says string
	}{
		{"another program's", foreign("PRAGMA application_id = 5"), ErrForeign, "move the file away"},
		{"no program's", foreign("PRAGMA application_id = 0"), ErrForeign, "move the file away"},
		{"a newer version's", foreign(fmt.Sprintf("PRAGMA user_version = %d", len(steps)+1)), ErrFuture, "update this program"},
		{"no database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database. ", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged, "folder.db"},
		{"cut short", func(t *testing.T, path string) {
			fillAndClose(t, path, 500)
			if err := os.Truncate(path, 20000); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged, "folder.db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "folder.db")
			c.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, _, err := Open(path)
			if err == nil {
				t.Fatal("opened", s.Close())
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %q", err)
			}
			after, err := os.ReadFile(path)
			if err != nil || string(after) != string(before) {
				t.Errorf("the file was changed, %v", err)
			}
		})
	}
}

func fillAndClose(t *testing.T, path string, n uint64) {
	t.Helper()
	s, _ := openAt(t, path)
	var b tree.Batch
	for i := range n {
		b.Rows = append(b.Rows, benchRow(i+1))
		b.Placed = append(b.Placed, benchBase(&b.Rows[i]))
	}
	record(t, s, b)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDamageInside: pages in the middle are overwritten, which nobody notices before it is
// read. Then the owner's reads unwind and the views' say so.
func TestDamageInside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	fillAndClose(t, path, 500)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	junk := strings.Repeat("junk", page/4)
	for at := int64(40 * page); at < info.Size(); at += page {
		if _, err := f.WriteAt([]byte(junk), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	s, _ := openAt(t, path)
	v := viewOf(t, s)
	if err := v.EachEntry(func(*tree.Row) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Errorf("the view says %v", err)
	}
	err = unwound(func() {
		for n := range uint64(500) {
			s.Entry(benchRow(n + 1).Entry.ID)
		}
	})
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("the owner unwinds with %v", err)
	}
}

func TestSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	for _, want := range []string{path + ".damaged-1", path + ".damaged-2"} {
		s, _ := openAt(t, path)
		record(t, s, tree.Batch{Rows: []tree.Row{benchRow(1)}})
		// A copy of an index in use is what a crash leaves: a database and its log.
		for _, beside := range []string{"", "-wal"} {
			text, err := os.ReadFile(path + beside)
			if err == nil {
				err = os.WriteFile(path+"copy"+beside, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, beside := range []string{"", "-wal"} {
			if err := os.Rename(path+"copy"+beside, path+beside); err != nil {
				t.Fatal(err)
			}
		}
		got, err := SetAside(path)
		if err != nil || got != want {
			t.Fatalf("set aside as %q, %v; want %q", got, err, want)
		}
		aside, _ := openAt(t, got)
		if _, ok := aside.Entry(benchRow(1).Entry.ID); !ok {
			t.Error("what was set aside is not whole")
		}
	}
	if _, err := SetAside(path); err == nil {
		t.Error("nothing was set aside without an error")
	}
}

// TestFailedApply: nothing of the transaction remains, and nothing is taken any more.
func TestFailedApply(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	s, _ := openAt(t, path)
	record(t, s, tree.Batch{Rows: []tree.Row{benchRow(1)}})
	good, bad := benchRow(2), benchRow(3)
	bad.Entry.Place.Name = "a/b"
	if err := unwound(func() { s.Apply(tree.Batch{Rows: []tree.Row{good, bad}}) }); !errors.Is(err, tree.ErrBadEntry) {
		t.Fatalf("Apply says %v", err)
	}
	if !s.c.db.AutocommitEnabled() {
		t.Error("the transaction is still open, so nobody else can write")
	}
	if unwound(func() { s.Apply(tree.Batch{Rows: []tree.Row{benchRow(4)}}) }) == nil {
		t.Error("more is taken after a failure")
	}
	if err := s.Commit(); err == nil {
		t.Error("committed after a failure")
	}
	if unwound(func() { s.Entry(benchRow(1).Entry.ID) }) == nil {
		t.Error("read after a failure")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = openAt(t, path)
	if _, ok := s.Entry(good.Entry.ID); ok {
		t.Error("half a batch is there")
	}
	if _, ok := s.Entry(benchRow(1).Entry.ID); !ok {
		t.Error("what was committed before is gone")
	}
}

func TestBadBatches(t *testing.T) {
	twice := []tree.Row{benchRow(1), benchRow(2)}
	twice[1].Seq = 1
	unnumbered := []tree.Row{benchRow(1)}
	unnumbered[0].Seq = 0
	for name, b := range map[string]tree.Batch{
		"one log number twice": {Rows: twice},
		"no log number":        {Rows: unnumbered},
		"a base name too long": {Placed: []tree.Base{{Entry: ident.EntryID{1}, Name: strings.Repeat("x", 256)}}},
	} {
		s := openNew(t)
		if unwound(func() { s.Apply(b) }) == nil {
			t.Errorf("%s: applied", name)
		}
	}
}

// TestQueriesUseIndexes asks SQLite for its plans: a scan or a sort would be unnoticed in
// small tests and unbearable in a large folder.
func TestQueriesUseIndexes(t *testing.T) {
	s := openNew(t)
	for q, text := range queryText {
		if !strings.HasPrefix(text, "SELECT") && !strings.HasPrefix(text, "DELETE") && !strings.HasPrefix(text, "UPDATE") {
			continue
		}
		if query(q) == replicasAll || query(q) == intentsAll || query(q) == notesAll || query(q) == stateGet || query(q) == countsGet {
			continue // small tables, wanted whole
		}
		st, _, err := s.c.db.PrepareTransient("EXPLAIN QUERY PLAN " + text)
		if err != nil {
			t.Fatal(err)
		}
		for more, err := st.Step(); more; more, err = st.Step() {
			if err != nil {
				t.Fatal(err)
			}
			plan := st.ColumnText(3)
			if strings.HasPrefix(plan, "SCAN sought VIRTUAL TABLE INDEX 0:M") {
				continue // how SQLite says that it looks words up
			}
			if strings.HasPrefix(plan, "SCAN") || strings.Contains(plan, "B-TREE") {
				t.Errorf("%s\n%s", text, plan)
			}
		}
		if err := st.Finalize(); err != nil {
			t.Fatal(err)
		}
	}
}

// What rows of conflict copies are counted as does not drift when they are written again,
// after a restart, renamed or forgotten.
func TestConflictsAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	s, _ := openAt(t, path)
	resting, named, dir := benchRow(1), benchRow(2), benchRow(3)
	resting.Entry.Place.Name = ""
	named.Entry.Place.Name = "a (conflict, anna, 2024-01-01 00-00-00).txt"
	dir.Entry.Kind, dir.Entry.Place.Name = tree.Dir, named.Entry.Place.Name
	dir.Entry.Content.ID, dir.Entry.Content.Size = ident.ContentID{}, 0
	all := []tree.Row{resting, named, dir}
	for round, want := range []int64{2, 2, 2, 1, 0} {
		if round == 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s, _ = openAt(t, path)
		}
		b := tree.Batch{Rows: all}
		switch round {
		case 3:
			all[0].Entry.Place.Name = "no conflict any more"
		case 4:
			b = tree.Batch{Forgotten: []ident.EntryID{named.Entry.ID}}
		}
		for i := range b.Rows {
			b.Rows[i].Seq += 10
		}
		record(t, s, b)
		if got := s.Totals().Conflicts; got != want {
			t.Errorf("round %d: %d conflicts, want %d", round, got, want)
		}
	}
}

func TestMigrationGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	fillAndClose(t, path, 3)
	old, now := steps, len(steps)
	t.Cleanup(func() { steps = old })

	steps = append(steps[:now:now], schemaStep{script: "CREATE TABLE later (one INTEGER) STRICT;"},
		schemaStep{script: "no such statement;"})
	if s, _, err := Open(path); err == nil {
		t.Fatal("opened over a failing step", s.Close())
	}
	steps = steps[:now+1]
	s, _ := openAt(t, path)
	if n, err := s.c.number("PRAGMA user_version"); n != int64(now+1) || err != nil {
		t.Errorf("the format is %d, %v", n, err)
	}
	if n, err := s.c.number("SELECT count(*) FROM later"); n != 0 || err != nil {
		t.Errorf("the new table: %v", err)
	}
	if _, ok := s.Entry(benchRow(3).Entry.ID); !ok {
		t.Error("rows were lost")
	}
}

// TestOldFilesAreBroughtForward opens a file of the first format: what is in it stays, and
// deleted entries are found.
func TestOldFilesAreBroughtForward(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := dial(path, cacheReader)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.step(steps[0], 1); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(2) {
		e := benchRow(n + 1).Entry
		e.Place.Parent = ident.Root
		if e.Content.Deleted = n == 1; e.Content.Deleted {
			e.Content.SawPlace = e.Place.Context
		}
		err := c.script(fmt.Sprintf(`INSERT INTO ids VALUES (x'%x', %d);
			INSERT INTO entries VALUES (%[2]d, %[2]d, x'%[1]x', x'%[3]x', x'%[4]x', 0, %[5]d, NULL, x'%[6]x')`,
			e.ID[:], n+1, e.Place.Parent[:], e.Place.Name, 1-n, tree.AppendEntry(nil, &e)))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	s, _ := openAt(t, path)
	if row, ok := s.Entry(benchRow(1).Entry.ID); !ok || row.Seq != 1 {
		t.Errorf("a live entry became %+v, %v", row, ok)
	}
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	found, err := v.Search([]string{benchRow(1).Entry.Place.Name}, 9)
	if err != nil || len(found) != 1 || found[0].Row.Seq != 1 {
		t.Errorf("by its name was found: %+v, %v", found, err)
	}
	dead, err := v.Deleted(0, 10)
	if err != nil || len(dead) != 1 || dead[0].Entry.ID != benchRow(2).Entry.ID || dead[0].Died != 0 {
		t.Errorf("deleted entries: %+v, %v", dead, err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
}
