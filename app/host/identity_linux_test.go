package host

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/tree"
)

// TestIdentityOnDisk replays what programs do to files, system call by system call, in a
// folder that a whole agent keeps, and asks which entries there are afterwards: a save by
// rename must not be a delete and a new file. Every trace is replayed while the agent
// watches, and once more while it does not, so that it finds the outcome later.
func TestIdentityOnDisk(t *testing.T) {
	files, err := filepath.Glob("testdata/identity/*.trace")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d traces: %v", len(files), err)
	}
	traces := map[string]trace{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		traces[strings.TrimSuffix(filepath.Base(file), ".trace")] = readTrace(t, string(text))
	}
	a := runAgent(t)
	t.Run("watched", func(t *testing.T) { watchedTraces(t, keep(t, a), traces) })
	t.Run("stopped", func(t *testing.T) {
		k := keep(t, a)
		before, after := k.replay(0, traces, k.restart)
		most := len(before)
		for name, tr := range traces {
			if err := judge(tr.then, below(before, 0, name), below(after, 0, name)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			most += tr.count("new")
		}
		if all := k.entries(); all != most {
			t.Errorf("%d entries were ever made, want %d: what nobody saw must leave nothing", all, most)
		}
	})
}

// watchedTraces replays all traces, and some of them again: on a busy machine the agent may
// look between two system calls that belong together, and then it sees a move. That must
// be the exception.
func watchedTraces(t *testing.T, k *kept, traces map[string]trace) {
	const rounds = 5
	for round := range rounds {
		failed := map[string]trace{}
		before, after := k.replay(round, traces, func(does func()) { does() })
		for name, tr := range traces {
			b, a := below(before, round, name), below(after, round, name)
			err := judge(tr.then, b, a)
			if err != nil && (tr.or == nil || judge(tr.or, b, a) != nil) {
				failed[name] = tr
				t.Logf("round %d: %s: %v", round, name, err)
			}
		}
		if round == 0 && len(failed) > len(traces)/4 {
			t.Fatalf("%d of %d traces went wrong", len(failed), len(traces))
		}
		if traces = failed; len(traces) == 0 {
			return
		}
	}
	t.Errorf("%d traces went wrong %d times in turn", len(traces), rounds)
}

func keep(t *testing.T, a *agent) *kept {
	t.Helper()
	root := t.TempDir()
	made, err := a.Do(t.Context(), api.FolderAdd{Path: root, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before its directory goes
		if _, err := a.Do(context.Background(), api.FolderRemove{Folder: t.Name()}); err != nil {
			t.Error(err)
		}
	})
	return &kept{t: t, agent: a, id: made.(api.Folder).ID, root: root}
}

// replay lets every trace happen in a directory of its own, all at the same time, and
// returns what was known before and afterwards.
func (k *kept) replay(round int, traces map[string]trace, meanwhile func(func())) (before, after map[string]tree.Base) {
	k.t.Helper()
	doers := map[string]*doer{}
	for name, tr := range traces {
		doers[name] = &doer{root: filepath.Join(k.root, fmt.Sprint(round, name)), open: map[string]*os.File{}}
		err := os.Mkdir(doers[name].root, 0o755)
		if err == nil {
			err = doers[name].all(tr.given)
		}
		if err != nil {
			k.t.Fatal(name, err)
		}
	}
	before = k.settled()
	meanwhile(func() {
		var all sync.WaitGroup
		for name, tr := range traces {
			all.Go(func() {
				if err := doers[name].all(tr.does); err != nil {
					k.t.Error(name, err)
				}
			})
		}
		all.Wait()
	})
	return before, k.settled()
}

// below is what lies in the directory of a trace, by the paths from there.
func below(found map[string]tree.Base, round int, name string) map[string]tree.Base {
	out := map[string]tree.Base{}
	for path, b := range found {
		if rest, in := strings.CutPrefix(path, fmt.Sprint(round, name)+"/"); in {
			out[rest] = b
		}
	}
	return out
}

// runAgent runs an agent without devices until the test ends.
func runAgent(t *testing.T) *agent {
	t.Helper()
	home, err := config.OpenHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAgent(home, Options{
		Home: home.Dir(), Listen: "127.0.0.1:0", NoMDNS: true, Name: "anna",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	client := api.NewClient(home.Dir())
	eventually(t, "the agent answers", func() error {
		_, err := client.Status(t.Context())
		return err
	})
	t.Cleanup(func() {
		client.Close()
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return a
}

func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	limit := time.Now().Add(30 * time.Second)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: %v", what, err)
		}
		<-ticker.C
	}
}

// kept is a folder that the agent keeps.
type kept struct {
	t     *testing.T
	agent *agent
	id    ident.FolderID
	root  string
}

func (k *kept) run() *folderRun {
	k.agent.mu.Lock()
	defer k.agent.mu.Unlock()
	return k.agent.folders[k.id]
}

// restart stops keeping the folder, lets something happen, and goes on.
func (k *kept) restart(meanwhile func()) {
	k.t.Helper()
	k.agent.mu.Lock()
	defer k.agent.mu.Unlock()
	at := slices.IndexFunc(k.agent.config.Folders, func(f config.Folder) bool { return f.ID == k.id })
	f := k.agent.config.Folders[at]
	k.agent.stopFolder(k.id)
	meanwhile()
	k.agent.startFolder(f)
}

// settled waits until the index says what the disk shows, and returns the entries by path.
func (k *kept) settled() (found map[string]tree.Base) {
	k.t.Helper()
	eventually(k.t, "the index is as the disk", func() error {
		want := diskNames(k.t, k.root)
		if err := k.run().look(func(v *index.View) (err error) {
			found, err = basesBelow(v, ident.Root, "")
			return err
		}); err != nil {
			return err
		}
		for path, b := range found {
			info, on := want[path]
			if !on {
				return fmt.Errorf("%s is not on disk any more", path)
			}
			if b.Stat.Kind == tree.File && (b.Stat.Size != info.Size() || b.Stat.Mtime != info.ModTime().UnixNano()) {
				return fmt.Errorf("%s has changed", path)
			}
			delete(want, path)
		}
		if len(want) > 0 {
			return fmt.Errorf("not known yet: %q", slices.Sorted(maps.Keys(want)))
		}
		return nil
	})
	return found
}

func basesBelow(v *index.View, dir ident.EntryID, path string) (map[string]tree.Base, error) {
	list, err := v.BaseList(dir)
	if err != nil {
		return nil, err
	}
	out := map[string]tree.Base{}
	for _, b := range list {
		out[path+b.Name] = b
		if b.Stat.Kind == tree.Dir {
			below, err := basesBelow(v, b.Entry, path+b.Name+"/")
			if err != nil {
				return nil, err
			}
			maps.Copy(out, below)
		}
	}
	return out, nil
}

func diskNames(t *testing.T, root string) map[string]fs.FileInfo {
	t.Helper()
	out := map[string]fs.FileInfo{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		if rel == tree.PrivateDir {
			return filepath.SkipDir
		}
		out[rel], err = d.Info()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// entries is how many entries there are, deleted ones included.
func (k *kept) entries() (n int) {
	k.t.Helper()
	err := k.run().look(func(v *index.View) error {
		return v.EachEntry(func(*tree.Row) error { n++; return nil })
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}
