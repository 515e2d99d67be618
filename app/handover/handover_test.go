package handover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/pairing"
)

// given is a sender that runs.
type given struct {
	t    *testing.T
	code pairing.Code
	at   string
	done chan error
}

func give(t *testing.T, paths ...string) *given {
	t.Helper()
	list, err := Gather(paths)
	if err != nil {
		t.Fatal(err)
	}
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &given{t: t, at: probe.Addr().String(), done: make(chan error, 1)}
	probe.Close()
	shown := make(chan string, 1)
	ctx, cancel := context.WithCancel(t.Context())
	opts := SendOptions{
		Places: Places{Listen: g.at, Log: slog.New(slog.DiscardHandler)}, List: list,
		Shown:    func(code string) error { shown <- code; return nil },
		Found:    func() {},
		Progress: func(Progress) {},
	}
	go func() { g.done <- Send(ctx, opts) }()
	t.Cleanup(cancel)
	select {
	case text := <-shown:
		if g.code, err = pairing.ParseCode(text); err != nil {
			t.Fatal(err)
		}
	case err := <-g.done:
		t.Fatal(err)
	}
	return g
}

func (g *given) ended() error {
	g.t.Helper()
	select {
	case err := <-g.done:
		return err
	case <-time.After(20 * time.Second):
		g.t.Fatal("the sender does not end")
		return nil
	}
}

// take receives by way of an address.
func (g *given) take(to, at string, change func(*ReceiveOptions)) (*Received, error) {
	opts := ReceiveOptions{
		Places: Places{Log: slog.New(slog.DiscardHandler)}, Code: g.code, Addresses: []string{at}, To: to,
		Within: 10 * time.Second, Progress: func(Progress) {},
		Ask: func(*List, int64) (bool, error) { return true, nil },
	}
	if change != nil {
		change(&opts)
	}
	return Receive(g.t.Context(), opts)
}

// grove makes files of many kinds, and returns their directory.
func grove(t *testing.T, large int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "grove")
	body := make([]byte, large)
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range body {
		body[i] = byte(chance.Uint32())
	}
	for name, body := range map[string][]byte{
		"empty": nil, "a/b/small.txt": []byte("hello"), "a/large": body, ".hidden": []byte("x"), "ünï code": []byte("y"),
	} {
		at := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, body, 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.Mkdir(filepath.Join(dir, "bare"), 0o755), os.Symlink("a/large", filepath.Join(dir, "link")),
		os.Chtimes(filepath.Join(dir, "empty"), time.Unix(1e9, 5000), time.Unix(1e9, 5000)))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// picture tells what lies below a directory.
func picture(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.Walk(dir, func(at string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, at)
		text := fmt.Sprint(rel, " ", info.Mode(), " ", info.ModTime().UnixMicro())
		switch {
		case info.Mode().IsRegular():
			body, err := os.ReadFile(at)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", body[:min(len(body), 100)]) + fmt.Sprint(len(body))
		case info.Mode()&os.ModeSymlink != 0:
			to, _ := os.Readlink(at)
			text = rel + " leads to " + to
		}
		out = append(out, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEverythingArrives(t *testing.T) {
	t.Parallel()
	from, to := grove(t, 1<<20), t.TempDir()
	if err := os.WriteFile(filepath.Join(to, "grove"), []byte("was here"), 0o644); err != nil {
		t.Fatal(err)
	}
	g := give(t, from)
	got, err := g.take(to, g.at, nil)
	if err != nil || len(got.Problems) > 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := g.ended(); err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(to, "grove (2)"); !slices.Equal(got.Paths, []string{want}) {
		t.Fatalf("it is at %q, want %q", got.Paths, want)
	}
	if a, b := picture(t, from), picture(t, got.Paths[0]); !slices.Equal(a, b) {
		t.Errorf("sent\n%s\ngot\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
	if left, _ := filepath.Glob(filepath.Join(to, stagingPrefix+"*")); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// cable leads to an address, and is cut after some bytes, again and again.
type cable struct {
	at    string
	mu    sync.Mutex
	cuts  int
	bytes int64
}

func newCable(t *testing.T, to string, each int64, cuts int) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &cable{at: l.Addr().String()}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(far, near) // it ends by being cut
				far.Close()
			}()
			go func() {
				defer near.Close()
				defer far.Close()
				c.mu.Lock()
				cut := c.cuts < cuts
				c.cuts++
				c.mu.Unlock()
				var n int64
				if cut {
					n, _ = io.CopyN(near, far, each)
				} else {
					n, _ = io.Copy(near, far)
				}
				c.mu.Lock()
				c.bytes += n
				c.mu.Unlock()
			}()
		}
	}()
	return c
}

func TestGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	const large = 8 << 20
	from, to := grove(t, large), t.TempDir()
	g := give(t, from)
	c := newCable(t, g.at, 3<<20, 2)
	got, err := g.take(to, c.at, nil)
	if err != nil || len(got.Problems) > 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := g.ended(); err != nil {
		t.Fatal(err)
	}
	if a, b := picture(t, from), picture(t, got.Paths[0]); !slices.Equal(a, b) {
		t.Error("what arrived differs")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cuts < 3 || c.bytes > large+large/4 {
		t.Errorf("%d connections carried %d bytes of %d", c.cuts, c.bytes, large)
	}
}

// Another run, with another code, goes on with what an earlier one has left.
func TestAnotherRunGoesOn(t *testing.T) {
	t.Parallel()
	const large = 8 << 20
	from, to := grove(t, large), t.TempDir()
	g := give(t, from)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Receive(ctx, ReceiveOptions{
		Places: Places{Log: slog.New(slog.DiscardHandler)}, Code: g.code, Addresses: []string{g.at}, To: to,
		Within: 10 * time.Second, Ask: func(*List, int64) (bool, error) { return true, nil },
		Progress: func(p Progress) {
			if p.Bytes > 5<<20 {
				cancel()
			}
		},
	})
	if err == nil || !strings.Contains(err.Error(), "goes on") {
		t.Fatalf("it ended with %v", err)
	}
	second := give(t, from)
	c := newCable(t, second.at, 0, 0)
	var had int64
	if _, err := second.take(to, c.at, func(o *ReceiveOptions) {
		o.Ask = func(_ *List, have int64) (bool, error) { had = have; return true, nil }
	}); err != nil {
		t.Fatal(err)
	}
	if err := second.ended(); err != nil {
		t.Fatal(err)
	}
	if had < 4<<20 {
		t.Errorf("%d bytes were here already", had)
	}
	if a, b := picture(t, from), picture(t, filepath.Join(to, "grove")); !slices.Equal(a, b) {
		t.Error("what arrived differs")
	}
}

func TestWrongWordsKillTheCode(t *testing.T) {
	t.Parallel()
	from, to := grove(t, 1000), t.TempDir()
	g := give(t, from)
	right := g.code
	g.code.Words[0] = (right.Words[0] + 1) % 2048
	if _, err := g.take(to, g.at, nil); !errors.Is(err, errWrong) {
		t.Errorf("with wrong words: %v", err)
	}
	if err := g.ended(); err == nil || !strings.Contains(err.Error(), "wrong words") {
		t.Errorf("the sender ended with %v", err)
	}
	g.code = right
	if _, err := g.take(to, g.at, func(o *ReceiveOptions) { o.Within = time.Second }); err == nil {
		t.Error("the code lives on")
	}
	if left, _ := os.ReadDir(to); len(left) > 0 {
		t.Errorf("%v was put there", left)
	}
}

func TestNoIsTold(t *testing.T) {
	t.Parallel()
	from, to := grove(t, 1000), t.TempDir()
	g := give(t, from)
	got, err := g.take(to, g.at, func(o *ReceiveOptions) {
		o.Ask = func(*List, int64) (bool, error) { return false, nil }
	})
	if got != nil || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := g.ended(); err == nil || !strings.Contains(err.Error(), "not taken") {
		t.Errorf("the sender ended with %v", err)
	}
	if left, _ := os.ReadDir(to); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// Who changes a file in the middle is told; the others arrive.
func TestChangedFileIsTold(t *testing.T) {
	t.Parallel()
	from, to := grove(t, 1000), t.TempDir()
	g := give(t, from)
	if err := os.WriteFile(filepath.Join(from, "a/b/small.txt"), []byte("longer than before"), 0o640); err != nil {
		t.Fatal(err)
	}
	got, err := g.take(to, g.at, nil)
	if err != nil || len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "has changed") {
		t.Fatalf("got %+v, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(to, "grove/a/large")); err != nil || got.Files != 4 {
		t.Errorf("%d files arrived, %v", got.Files, err)
	}
	if err := g.ended(); err == nil || !strings.Contains(err.Error(), "small.txt has changed") {
		t.Errorf("the sender ended with %v", err)
	}
}

func TestHostileLists(t *testing.T) {
	for _, items := range [][]Item{
		{{Path: "../x", Kind: kindFile}}, {{Path: "/x", Kind: kindFile}}, {{Path: "", Kind: kindDir}},
		{{Path: ".", Kind: kindDir}}, {{Path: "a/../x", Kind: kindFile}}, {{Path: "a/x", Kind: kindFile}},
		{{Path: "a", Kind: kindFile}, {Path: "a", Kind: kindFile}}, {{Path: "a\x00b", Kind: kindFile}},
		{{Path: "l", Kind: kindLink, Link: "/etc"}, {Path: "l/passwd", Kind: kindFile}},
		{{Path: "f", Kind: kindFile}, {Path: "f/x", Kind: kindFile}}, {{Path: "f", Kind: kindFile, Size: -1}},
		{{Path: "f", Kind: "device"}}, {{Path: strings.Repeat("x/", 3000) + "x", Kind: kindFile}},
		{{Path: stagingPrefix + "0123456789ab", Kind: kindLink, Link: "/etc"}},
		{{Path: "a//b", Kind: kindDir}}, {{Path: "..", Kind: kindDir}},
	} {
		seen := map[string]string{}
		var err error
		for _, item := range items {
			if err == nil {
				err = item.check(seen)
			}
		}
		if err == nil {
			t.Errorf("%+v was taken", items)
		}
	}
	seen := map[string]string{}
	for _, path := range []string{".hidden", "...", "a b", "ü"} {
		if err := (Item{Path: path, Kind: kindFile}).check(seen); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}
