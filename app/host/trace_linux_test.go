package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// trace is a file of testdata/identity. Lines are system calls as a program made them:
//
//	create P · open P · write P BYTES · truncate P BYTES · rename P Q · exchange P Q ·
//	link P Q · symlink TARGET P · unlink P · mkdir P · rmdir P · chmod P MODE ·
//	utimes P SECONDS · pause MILLISECONDS
//
// "create" empties or makes a file, "open" makes it or leaves it as it is; what is written
// goes on from there. Below "given" stands how the folder begins, below "does" what the
// program did, and below "then" what has become of the entries, all of them: "same P",
// "moved P Q" (the entry of P is at Q), "gone P", "new P". Below "or" stands what else may
// have become of them when the agent looked in between.
type trace struct {
	given, does []string
	then, or    []string
}

func readTrace(t *testing.T, text string) (out trace) {
	t.Helper()
	var at *[]string
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case line == "given":
			at = &out.given
		case line == "does":
			at = &out.does
		case line == "then":
			at = &out.then
		case line == "or":
			at = &out.or
		case at == nil:
			t.Fatalf("%q stands before any heading", line)
		default:
			*at = append(*at, line)
		}
	}
	if len(out.given) == 0 || len(out.does) == 0 || len(out.then) == 0 {
		t.Fatal("a trace needs something given, done and expected")
	}
	return out
}

// count is how many lines of "then" begin with a word.
func (tr *trace) count(word string) (n int) {
	for _, line := range tr.then {
		if strings.HasPrefix(line, word+" ") {
			n++
		}
	}
	return n
}

// judge compares what became of the entries with what is written; nil when it is so.
func judge(fates []string, before, after map[string]tree.Base) error {
	from, gone, told := map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, line := range fates {
		words := strings.Fields(line)
		old, now := words[1], words[len(words)-1]
		switch words[0] {
		case "same", "moved":
			from[now], told[old] = old, true
		case "new":
			from[now] = ""
		case "gone":
			gone[old], told[old] = true, true
		default:
			return fmt.Errorf("%q is no fate", line)
		}
	}
	was := map[ident.EntryID]string{}
	for path, b := range before {
		was[b.Entry] = path
		if !told[path] {
			return fmt.Errorf("what became of %s is not written", path)
		}
	}
	for path, b := range after {
		old, written := from[path]
		delete(from, path)
		switch got := was[b.Entry]; {
		case !written:
			return fmt.Errorf("there is %s, which is not written", path)
		case got != old:
			return fmt.Errorf("%s was %q, want %q", path, got, old)
		case gone[got]:
			return fmt.Errorf("%s should be gone, and is at %s", got, path)
		}
	}
	if len(from) > 0 {
		return fmt.Errorf("not there are %v", from)
	}
	return nil
}

// doer makes the system calls of a trace.
type doer struct {
	root string
	open map[string]*os.File
	line int
}

func (d *doer) all(lines []string) (err error) {
	for _, line := range lines {
		d.line++
		if failed := d.do(strings.Fields(line)); failed != nil {
			err = fmt.Errorf("%s: %w", line, failed)
			break
		}
	}
	for _, f := range d.open {
		err = errors.Join(err, f.Close())
	}
	clear(d.open)
	return err
}

func (d *doer) at(name string) string { return filepath.Join(d.root, name) }

func (d *doer) do(w []string) error {
	last := w[len(w)-1]
	number, wrong := strconv.ParseInt(last, 10, 64)
	mode, _ := strconv.ParseUint(last, 8, 32)
	counts := w[0] == "pause" || w[0] == "write" || w[0] == "truncate" || w[0] == "utimes"
	if counts && wrong != nil {
		return wrong
	}
	switch w[0] {
	case "pause":
		<-time.After(time.Duration(number) * time.Millisecond)
		return nil
	case "create":
		return d.file(w[1], os.O_TRUNC)
	case "open":
		return d.file(w[1], 0)
	case "write":
		_, err := d.open[w[1]].Write(bytes.Repeat([]byte{'a' + byte(d.line%26)}, int(number)))
		return err
	case "truncate":
		return os.Truncate(d.at(w[1]), number)
	case "rename":
		return os.Rename(d.at(w[1]), d.at(w[2]))
	case "exchange":
		return unix.Renameat2(unix.AT_FDCWD, d.at(w[1]), unix.AT_FDCWD, d.at(w[2]), unix.RENAME_EXCHANGE)
	case "link":
		return os.Link(d.at(w[1]), d.at(w[2]))
	case "symlink":
		return os.Symlink(w[1], d.at(w[2]))
	case "unlink", "rmdir":
		return os.Remove(d.at(w[1]))
	case "mkdir":
		return os.Mkdir(d.at(w[1]), 0o755)
	case "chmod":
		return os.Chmod(d.at(w[1]), os.FileMode(mode))
	case "utimes":
		when := time.Unix(number, 0)
		return os.Chtimes(d.at(w[1]), when, when)
	}
	return errors.New("no system call of ours")
}

func (d *doer) file(name string, how int) error {
	if old := d.open[name]; old != nil {
		if err := old.Close(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(d.at(name), os.O_WRONLY|os.O_CREATE|how, 0o644)
	if err == nil {
		d.open[name] = f
	}
	return err
}
