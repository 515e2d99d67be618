package index

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/powercut"
	"github.com/shoal-sync/shoal/sync/tree"
)

// crashEnv makes this test program a writer that is to be killed.
const crashEnv = "INDEX_CRASH_PATH"

func TestMain(m *testing.M) {
	powercut.Main()
	if path := os.Getenv(crashEnv); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Println("failed:", err)
		}
		return
	}
	os.Exit(m.Run())
}

// crashBatch is how many rows the writer commits together. Each batch also has a recipe
// and moves the state on, so that half a batch shows.
const crashBatch = 25

func writeForever(path string) error {
	s, state, err := Open(path)
	if err != nil {
		return err
	}
	for {
		var b tree.Batch
		for range crashBatch {
			state.Head++
			row := benchRow(state.Head)
			b.Rows, b.Placed = append(b.Rows, row), append(b.Placed, benchBase(&row))
		}
		if state.Head > crashBatch { // and take something away
			b.Cleared = append(b.Cleared, benchRow(state.Head-crashBatch).Entry.ID)
		}
		b.State = &state
		err := s.PutRecipes([]Recipe{{crashContent(state.Head), []byte("recipe")}})
		if err == nil {
			s.Apply(b)
			err = s.Commit()
		}
		if err != nil {
			return err
		}
		fmt.Println(state.Head) // acknowledged: from here on it must not be lost
	}
}

func crashContent(head uint64) ident.ContentID {
	return ident.ContentID{0xcc, byte(head), byte(head >> 8), byte(head >> 16)}
}

func TestKilledWriterLosesNothing(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "folder.db")
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for round := range 6 {
		acknowledged := killWriter(t, program, path, 1+random.IntN(60), time.Duration(random.IntN(3000))*time.Microsecond)
		checkCrashed(t, path, acknowledged)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// killWriter lets a writer acknowledge some batches and kills it a moment later. It
// returns the last one acknowledged.
func killWriter(t *testing.T, program, path string, batches int, later time.Duration) (last uint64) {
	t.Helper()
	cmd := exec.Command(program, "-test.run=none")
	cmd.Env = os.Environ()
	last, err := writes(t, cmd, path, func(n int) {
		if n == batches {
			time.AfterFunc(later, func() {
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			})
		}
	})
	if err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	return last
}

// writes runs a writer to its end and returns the last batch that it acknowledged, and how
// it ended. Before each line of it, reads is called with how many there were.
func writes(t *testing.T, cmd *exec.Cmd, path string, reads func(n int)) (last uint64, ended error) {
	t.Helper()
	cmd.Env = append(cmd.Env, crashEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for n := 0; ; n++ {
		reads(n)
		line, err := lines.ReadString('\n')
		if err == io.EOF { // half a line was not acknowledged
			return last, cmd.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
		if last, err = strconv.ParseUint(strings.TrimSpace(line), 10, 64); err != nil {
			t.Fatalf("the writer says %q", line)
		}
	}
}

func checkCrashed(t *testing.T, path string, acknowledged uint64) {
	t.Helper()
	s, state := openAt(t, path)
	if state.Head < acknowledged || state.Head%crashBatch != 0 {
		t.Errorf("the head is %d, %d was acknowledged", state.Head, acknowledged)
	}
	check, _, err := s.c.db.PrepareTransient("PRAGMA integrity_check")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check.Step(); err != nil || check.ColumnText(0) != "ok" {
		t.Errorf("integrity: %s, %v", check.ColumnText(0), err)
	}
	if err := check.Finalize(); err != nil {
		t.Fatal(err)
	}
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := v.Since(0, 1<<30)
	if err != nil || uint64(len(rows)) != state.Head || s.Totals().Files != int64(state.Head) {
		t.Errorf("%d rows, totals %+v, the head is %d, %v", len(rows), s.Totals(), state.Head, err)
	}
	var cleared uint64
	for n := range state.Head {
		_, ok := s.Base(benchRow(n + 1).Entry.ID)
		if !ok {
			cleared++
		}
		if want := (n+1)%crashBatch != 0 || n+1 == state.Head; ok != want {
			t.Fatalf("base row %d of %d: %v", n+1, state.Head, ok)
		}
		if (n+1)%crashBatch == 0 {
			if _, ok, err := v.Recipe(crashContent(n + 1)); !ok || err != nil {
				t.Errorf("the recipe of batch %d: %v, %v", n+1, ok, err)
			}
		}
	}
	if state.Head > 0 && cleared != state.Head/crashBatch-1 {
		t.Errorf("%d base rows are cleared", cleared)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
