//go:build !darwin || cgo

package desktop

import (
	"context"
	"encoding/json"
	"flag"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

var update = flag.Bool("update", false, "write the pictures of the pages anew")

// told is an agent that answers with what the test says, and remembers what it was asked.
type told struct {
	mu      sync.Mutex
	answers map[string]any
	asked   []api.Intent
	linking []api.LinkEvent // what happens when a device is linked
	linked  []api.LinkRequest
}

func (a *told) Do(_ context.Context, intent api.Intent) (json.RawMessage, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, intent)
	answer := a.answers[api.KindOf(intent)]
	if err, ok := answer.(error); ok {
		return nil, err
	}
	return json.Marshal(answer)
}

func (a *told) Watch(ctx context.Context, _ func(status.View) error) error { return wait(ctx) }

func (a *told) Events(ctx context.Context, _ uint64, _ func(status.Event) error) error {
	return wait(ctx)
}

func (a *told) Link(ctx context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error {
	a.mu.Lock()
	a.linked = append(a.linked, r)
	events := a.linking
	a.mu.Unlock()
	for _, e := range events {
		if err := deliver(e); err != nil {
			return err
		}
		if e.Event == api.LinkLinked {
			return nil
		}
	}
	return wait(ctx)
}

func wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// heard returns the intents that were asked for, and forgets them.
func (a *told) heard() []api.Intent {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.asked
	a.asked = nil
	return out
}

// noon is when every test takes place.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) status.Moment { return status.MomentOf(noon.Add(-d)) }

// tongueTried is the language that windows of tests speak.
var tongueTried = words.English

// screen is a window that is drawn into memory.
type screen struct {
	*Window
	t     testing.TB
	agent *told
	queue chan func()
	size  fyne.Size
}

func newScreen(t testing.TB, look kit.Appearance, percent int) *screen {
	t.Helper()
	t.Setenv("HOME", "/home/anna")
	test.NewTempApp(t)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	s := &screen{t: t, agent: &told{answers: map[string]any{}}, queue: make(chan func(), 1000), size: fyne.NewSize(1120, 740)}
	win := test.NewTempWindow(t, nil)
	s.Window = New(ctx, win, s.agent, Options{
		Post: func(f func()) { s.queue <- f }, Now: func() time.Time { return noon }, Words: words.In(tongueTried),
		Look: Look{Appearance: look, TextSize: percent},
	})
	win.Resize(s.size)
	return s
}

// settle runs what was posted, until an answer has come to each of n questions.
func (s *screen) settle(n int) {
	s.t.Helper()
	for range n {
		select {
		case f := <-s.queue:
			f()
		case <-time.After(10 * time.Second):
			s.t.Fatal("no answer came to the window")
		}
	}
}

// arrange lays the window out as a screen does before it draws: heights that follow from
// widths are known after the first layout, and what has grown since asks for its room.
func (s *screen) arrange(c interface{ Resize(fyne.Size) }) {
	for range 2 {
		s.visible(func(o fyne.CanvasObject) {
			if box, ok := o.(*fyne.Container); ok && box.Layout != nil {
				box.Layout.Layout(box.Objects, box.Size())
			}
		})
		c.Resize(s.size.AddWidthHeight(0, 1))
		c.Resize(s.size)
	}
}

// picture draws the window as it is.
func (s *screen) picture() image.Image {
	c := software.NewCanvas()
	c.SetPadded(false)
	c.SetContent(s.win.Content())
	c.Resize(s.size)
	s.arrange(c)
	for _, o := range s.win.Canvas().Overlays().List() {
		c.Overlays().Add(o)
		o.Resize(s.size)
	}
	return c.Capture()
}

// drawn compares the window with the picture of that name, or writes it with -update.
// With SHOAL_PICTURES it writes it there as well, for somebody to look at.
func (s *screen) drawn(name string) {
	s.t.Helper()
	got := s.picture()
	if dir := os.Getenv("SHOAL_PICTURES"); dir != "" {
		writePicture(s.t, filepath.Join(dir, name+".png"), got)
	}
	if strings.HasSuffix(name, "-dark") && !slices.Contains(darkToo, strings.TrimSuffix(name, "-dark")) {
		return
	}
	file := filepath.Join("testdata", name+".png")
	if *update {
		writePicture(s.t, file, got)
		return
	}
	want, err := readPicture(file)
	if err != nil {
		s.t.Fatalf("%v; make it with -update, and look at it", err)
	}
	if off := differing(got, want); off > 0 {
		failed := filepath.Join(os.TempDir(), "shoal-failed-"+filepath.Base(file))
		writePicture(s.t, failed, got)
		s.t.Errorf("%s is drawn otherwise in %d places; look at %s, and at -update", name, off, failed)
	}
}

func writePicture(t testing.TB, file string, img image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(out, img); err != nil {
		t.Fatal(err)
	}
}

func readPicture(file string) (image.Image, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return png.Decode(in)
}

// differing counts pixels of another colour. One step of 255 may come from how another
// processor rounds.
func differing(a, b image.Image) (n int) {
	if a.Bounds() != b.Bounds() {
		return a.Bounds().Dx() * a.Bounds().Dy()
	}
	near := func(x, y uint32) bool { return max(x, y)-min(x, y) <= 0x303 }
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			r, g, bl, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if !near(r, r2) || !near(g, g2) || !near(bl, b2) {
				n++
			}
		}
	}
	return n
}
