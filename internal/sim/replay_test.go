package sim

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/recording"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
)

// record lives a world and returns what one of its devices recorded.
func record(t testing.TB, o Options) []byte {
	t.Helper()
	var out bytes.Buffer
	o.Record = &out
	if _, err := Run(o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func replayed(t *testing.T, file []byte) Replayed {
	t.Helper()
	r, err := Replay(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReplayOfWorlds: the same machines, told the same by way of a file, order the same,
// through crashes, lost indexes, members that come and go, and volumes with other names.
func TestReplayOfWorlds(t *testing.T) {
	kinds := []string{"crash", "forget", "collect", "readers", "roles", "removal", "volumes", "mixed"}
	if testing.Short() {
		kinds = []string{"crash", "roles"}
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			file := record(t, Named(kind, 1))
			r := replayed(t, file)
			if !r.Same() || r.Torn || r.Events < 50 || r.Effects < 20 {
				t.Error(r)
			}
			t.Logf("%d KiB, %d machines, %d events", len(file)>>10, r.Machines, r.Events)
		})
	}
}

// TestReplayFindsDifferences: one recorded effect is another one, one is left out, an
// event comes at another time: each is found, where it is.
func TestReplayFindsDifferences(t *testing.T) {
	file := record(t, Named("pair", 3))
	for _, c := range []struct {
		name   string
		change func(v any) bool // false: nothing to change here
		want   string
	}{
		{"an order", func(v any) bool {
			o, ok := v.(*recording.Ordered)
			if !ok {
				return false
			}
			for _, effect := range o.Effects {
				if f, ok := effect.(folder.Execute); ok {
					f.Orders[0].Path = "elsewhere"
					return true
				}
			}
			return false
		}, `.Orders[0].Path`},
		{"nothing ordered", func(v any) bool {
			o, ok := v.(*recording.Ordered)
			if !ok || len(o.Effects) < 2 {
				return false
			}
			o.Effects = o.Effects[:1]
			return true
		}, "recorded  nothing"},
		{"a tick too soon", func(v any) bool {
			h, ok := v.(*recording.Happened)
			if !ok || h.Event != nil || h.Now < step.Instant(2e9) {
				return false
			}
			h.Now = 0
			return true
		}, "it wants to be called at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := replayed(t, rewrite(t, file, c.change)); r.Same() || !strings.Contains(r.String(), c.want) {
				t.Errorf("want %q in\n%s", c.want, r)
			}
		})
	}
}

// rewrite copies a recording and lets a function change the first value that it wants to.
func rewrite(t *testing.T, file []byte, change func(any) bool) []byte {
	t.Helper()
	from, err := recording.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	out, to, done := []byte(recording.Magic), recording.NewWriter(), false
	for {
		v, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch w := v.(type) {
		case recording.Ordered:
			done = done || change(&w)
			v = w
		case recording.Happened:
			done = done || change(&w)
			v = w
		}
		frames, err := to.Frames(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, frames...)
	}
	if !done {
		t.Fatal("there was nothing to change")
	}
	return out
}

// TestReplayOfTornRecordings: whatever is left of a recording can be played.
func TestReplayOfTornRecordings(t *testing.T) {
	file := record(t, Named("pair", 4))
	for cut := len(recording.Magic); cut < len(file); cut += len(file)/8 + 1 {
		if r := replayed(t, file[:cut]); !r.Same() {
			t.Errorf("cut at byte %d of %d: %s", cut, len(file), r)
		}
	}
	damaged := bytes.Clone(file)
	damaged[len(file)/2] ^= 1
	if r := replayed(t, damaged); !r.Same() || !r.Torn {
		t.Errorf("damaged in the middle: %s", r)
	}
	for _, c := range []string{"", "shoal", strings.Repeat("x", 100)} {
		if _, err := Replay(strings.NewReader(c)); !errors.Is(err, recording.ErrForeign) {
			t.Errorf("%q: %v", c, err)
		}
	}
}

// TestReplayShowsPanics: a machine that fell over when it was recorded falls over again.
func TestReplayShowsPanics(t *testing.T) {
	file := record(t, Named("pair", 5))
	w, out := recording.NewWriter(), bytes.Clone(file)
	for _, v := range []any{recording.Run{}, recording.DeviceBegun{Machine: 1}, recording.Happened{Machine: 1, Event: folder.Committed{}}} {
		frames, err := w.Frames(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, frames...)
	}
	r := replayed(t, out)
	if r.Same() || r.Open == nil || !strings.Contains(r.String(), "bug: device node was handed an event it does not know") {
		t.Error(r)
	}
}

// TestKeptRecordings plays every recording of testdata: each was a mistake at somebody's
// once.
func TestKeptRecordings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.recording")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if r := replayed(t, file); !r.Same() {
			t.Errorf("%s: %s", name, r)
		}
	}
}
