//go:build !windows && !darwin

package platform

import (
	"bytes"
	"fmt"
	"image/png"
	"sync"

	"github.com/godbus/dbus/v5"
)

// Toaster shows messages through the Desktop Notifications Specification 1.2. Its methods
// may be called from any goroutine.
type Toaster struct {
	program string
	mu      sync.Mutex
	bus     *dbus.Conn
	shown   map[string]uint32 // the last of each kind
	clicked map[uint32]func()
}

// NewToaster returns one that speaks for the program of the given name. It connects when
// there is something to show.
func NewToaster(program string) *Toaster {
	return &Toaster{program: program, shown: map[string]uint32{}, clicked: map[uint32]func(){}}
}

const (
	toastService = "org.freedesktop.Notifications"
	toastPath    = "/org/freedesktop/Notifications"
)

// Show shows a message. Clicked is called, on a goroutine of the toaster's, when the person
// clicks on it.
func (t *Toaster) Show(m Toast, clicked func()) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.connect(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoToasts, err)
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant(startsAs)}
	if image, ok := toastImage(m.Picture); ok {
		hints["image-data"] = dbus.MakeVariant(image)
	}
	var id uint32
	err := t.bus.Object(toastService, toastPath).Call(toastService+".Notify", 0, t.program, t.shown[m.Kind],
		startsAs, m.Title, plainMarkup(m.Text), []string{"default", m.Act, "act", m.Act}, hints, int32(-1)).Store(&id)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoToasts, err)
	}
	t.shown[m.Kind], t.clicked[id] = id, clicked
	return nil
}

// Close lets go of the bus. Messages that are shown stay.
func (t *Toaster) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bus == nil {
		return nil
	}
	return t.bus.Close()
}

func (t *Toaster) connect() error {
	if t.bus != nil && t.bus.Connected() {
		return nil
	}
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		return err
	}
	if err := bus.AddMatchSignal(dbus.WithMatchInterface(toastService), dbus.WithMatchObjectPath(toastPath)); err != nil {
		return err
	}
	heard := make(chan *dbus.Signal, 16) // a person clicks more slowly than we listen
	bus.Signal(heard)
	t.bus = bus
	go t.listen(heard)
	return nil
}

// listen ends when the bus is closed, which closes the channel.
func (t *Toaster) listen(heard <-chan *dbus.Signal) {
	for s := range heard {
		if len(s.Body) == 0 {
			continue
		}
		id, ok := s.Body[0].(uint32)
		if !ok {
			continue
		}
		t.mu.Lock()
		clicked := t.clicked[id]
		if s.Name == toastService+".NotificationClosed" {
			delete(t.clicked, id)
		}
		t.mu.Unlock()
		if clicked != nil && s.Name == toastService+".ActionInvoked" {
			clicked()
		}
	}
}

// rawImage is the form of the hint image-data.
type rawImage struct {
	Width, Height, Stride int32
	Alpha                 bool
	BitsPerSample, Parts  int32
	Data                  []byte
}

func toastImage(picture []byte) (rawImage, bool) {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return rawImage{}, false
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	out := rawImage{int32(w), int32(h), int32(4 * w), true, 8, 4, make([]byte, 0, 4*w*h)}
	for y := range h {
		for x := range w {
			r, g, b, a := img.At(x, y).RGBA()
			out.Data = append(out.Data, byte(r>>8), byte(g>>8), byte(b>>8), byte(a>>8))
		}
	}
	return out, true
}

// plainMarkup writes a text so that servers which read markup in it read none: names of
// files may hold anything.
func plainMarkup(text string) string {
	var b bytes.Buffer
	for _, r := range text {
		switch r {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
