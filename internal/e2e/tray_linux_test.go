package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/assets"
)

const item = "org.kde.StatusNotifierItem"

// panel plays the part of a desktop that shows status icons and messages.
type panel struct {
	bus     *dbus.Conn
	mu      sync.Mutex
	service string // who registered an icon
	toasts  []string
}

func (p *panel) RegisterStatusNotifierItem(_ string, sender dbus.Sender) *dbus.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.service = string(sender)
	return nil
}

// notify is the Notify of the Desktop Notifications Specification.
func (p *panel) notify() any {
	return func(_ string, replaces uint32, _, title, _ string, _ []string, _ map[string]dbus.Variant,
		_ int32) (uint32, *dbus.Error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.toasts = append(p.toasts, title)
		return max(replaces, 1), nil
	}
}

// newPanel starts a bus with a panel on it, and returns its address.
func newPanel(t *testing.T) (*panel, string) {
	t.Helper()
	address := ownBus(t)
	bus, err := dbus.Connect(address)
	must(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	p := &panel{bus: bus}
	must(t, bus.Export(p, "/StatusNotifierWatcher", "org.kde.StatusNotifierWatcher"))
	must(t, bus.ExportMethodTable(map[string]any{"Notify": p.notify()}, "/org/freedesktop/Notifications",
		"org.freedesktop.Notifications"))
	for _, name := range []string{"org.kde.StatusNotifierWatcher", "org.freedesktop.Notifications"} {
		_, err = bus.RequestName(name, dbus.NameFlagDoNotQueue)
		must(t, err)
	}
	return p, address
}

// icon is what has registered, or a part of it.
func (p *panel) icon(path dbus.ObjectPath) dbus.BusObject {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bus.Object(p.service, path)
}

// get reads a property of the icon.
func (p *panel) get(name string, into any) error {
	icon := p.icon("/StatusNotifierItem")
	if icon.Destination() == "" {
		return errors.New("no icon was registered")
	}
	v, err := icon.GetProperty(item + "." + name)
	if err != nil {
		return err
	}
	return v.Store(into)
}

// layout is one entry of the menu with those below it.
type layout struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// entries reads the menu: its visible entries by their text, submenus after a slash.
func (p *panel) entries() (map[string]int32, []string, error) {
	var path dbus.ObjectPath
	if err := p.get("Menu", &path); err != nil {
		return nil, nil, err
	}
	var revision uint32
	var root layout
	err := p.icon(path).Call("com.canonical.dbusmenu.GetLayout", 0,
		int32(0), int32(-1), []string{}).Store(&revision, &root)
	if err != nil {
		return nil, nil, err
	}
	ids, top := map[string]int32{}, []string(nil)
	return ids, top, walk(root, "", ids, &top)
}

func walk(l layout, above string, ids map[string]int32, top *[]string) error {
	for _, c := range l.Children {
		var child layout
		if err := dbus.Store([]any{c.Value()}, &child); err != nil {
			return err
		}
		if v, known := child.Properties["visible"]; known && v.Value() == false {
			continue
		}
		text, ok := child.Properties["label"].Value().(string)
		if !ok || text == "" {
			continue // a line between
		}
		ids[above+text] = child.ID
		if above == "" {
			*top = append(*top, text)
		}
		if err := walk(child, text+"/", ids, nil); err != nil {
			return err
		}
	}
	return nil
}

// clicks presses an entry of the menu, once it is there: entries change one by one.
func (p *panel) clicks(t *testing.T, text string) {
	t.Helper()
	var path dbus.ObjectPath
	must(t, p.get("Menu", &path))
	var id int32
	must(t, poll(patience, func() error {
		ids, _, err := p.entries()
		at, ok := ids[text]
		if id = at; err == nil && !ok {
			err = fmt.Errorf("there is no entry %q in %v", text, ids)
		}
		return err
	}))
	must(t, p.icon(path).Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(0)).Err)
}

// tells waits until the icon's first line says something.
func (p *panel) tells(t *testing.T, text string) {
	t.Helper()
	must(t, poll(patience, func() error {
		_, top, err := p.entries()
		if err == nil && (len(top) == 0 || !strings.Contains(top[0], text)) {
			err = fmt.Errorf("the menu reads %q, want %q first", top, text)
		}
		return err
	}))
}

// looks waits until the icon shows the picture of a state.
func (p *panel) looks(t *testing.T, state string) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(assets.Tray(state)))
	must(t, err)
	var want []byte
	for y := range 44 {
		for x := range 44 {
			r, g, b, a := img.At(x, y).RGBA()
			want = append(want, byte(a), byte(r), byte(g), byte(b))
		}
	}
	must(t, poll(patience, func() error {
		var pixels []struct {
			W, H int32
			Data []byte
		}
		err := p.get("IconPixmap", &pixels)
		if err == nil && (len(pixels) != 1 || pixels[0].W != 44 || !bytes.Equal(pixels[0].Data, want)) {
			err = fmt.Errorf("the icon has %d pictures, none for %q", len(pixels), state)
		}
		return err
	}))
}

// trayOf starts the tray of an agent's home.
func trayOf(t *testing.T, a *agent, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	tray := exec.Command(program, "--tray", "--home", a.home)
	tray.Env = append(append(os.Environ(), a.env...), env...)
	tray.Stderr = &said
	must(t, tray.Start())
	t.Cleanup(func() {
		_ = tray.Process.Kill() // unless it has ended
		_ = tray.Wait()
	})
	return tray, &said
}

// TestTray: the icon tells the state, its menu pauses, messages come when a person is
// needed, and quitting ends the agent.
func TestTray(t *testing.T) {
	t.Parallel()
	p, address := newPanel(t)
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	startAll(a, b)
	tray, said := trayOf(t, a, "DBUS_SESSION_BUS_ADDRESS="+address, "LC_ALL=C")
	p.tells(t, "No folders yet")
	p.looks(t, "idle")
	again, _ := trayOf(t, a, "DBUS_SESSION_BUS_ADDRESS="+address)
	must(t, again.Wait()) // a second one has nothing to do

	_, top, err := p.entries()
	must(t, err)
	if len(top) > 8 {
		t.Errorf("the menu has %d entries: %q", len(top), top)
	}
	p.clicks(t, "Pause for an hour")
	p.tells(t, "Paused for another")
	if a.status().Device.Paused == nil {
		t.Error("the agent is not paused")
	}
	p.looks(t, "paused")
	p.clicks(t, "Resume")
	p.tells(t, "No folders yet")
	p.looks(t, "idle")

	keep(a, b)
	link(a, b)
	share(a, b)
	b.put("report.txt", "from bert")
	settle(a, b)
	p.tells(t, "Up to date")
	must(t, poll(patience, func() error { return p.has("Last received/report.txt", "Devices/bert: local network") }))
	bothChange(t, a, b)
	p.tells(t, "1 file was changed on two devices")
	p.looks(t, "needs-you")
	must(t, poll(patience, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.toasts) != 1 || p.toasts[0] != "1 file was changed on two devices" {
			return fmt.Errorf("messages: %q", p.toasts)
		}
		return nil
	}))

	p.clicks(t, "Quit/Stop syncing")
	if err := tray.Wait(); err != nil {
		t.Errorf("the tray ended with %v: %s", err, said)
	}
	a.command("status").failed(t, 3, "no agent")
	<-a.exited
	a.buried()
}

func (p *panel) has(texts ...string) error {
	ids, _, err := p.entries()
	for _, text := range texts {
		if _, ok := ids[text]; !ok && err == nil {
			err = fmt.Errorf("there is no %q in %v", text, ids)
		}
	}
	return err
}

// bothChange makes both change one file while they do not see each other.
func bothChange(t *testing.T, a, b *agent) {
	t.Helper()
	b.stop()
	a.put("report.txt", "anna's")
	rescan(a)
	must(t, os.WriteFile(filepath.Join(b.root, "report.txt"), []byte("bert's own"), 0o600))
	b.start()
	a.eventually(patience, "the conflict is known", func() error {
		if f := a.folder(); f.State != status.NeedsYou || f.Conflicts != 1 {
			return fmt.Errorf("%s, %d conflicts", f.State, f.Conflicts)
		}
		return nil
	})
}

// TestTrayWithoutADesktop: with no bus, and with a bus that shows no icons, one line says
// so, and the agent is started all the same.
func TestTrayWithoutADesktop(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ bus, says string }{
		"no bus":   {"unix:path=/nowhere", "there is no D-Bus session"},
		"no panel": {ownBus(t), "nothing on this desktop shows status icons"},
	} {
		a := newAgent(t, "anna")
		a.command("config", "set", "listen", "127.0.0.1:0").done(t)
		a.command("config", "set", "mdns", "off").done(t)
		tray, said := trayOf(t, a, "DBUS_SESSION_BUS_ADDRESS="+c.bus)
		a.eventually(patience, "an agent runs", func() error { _, err := a.tryStatus(); return err })
		a.command("stop").done(t)
		must(t, tray.Process.Signal(os.Interrupt))
		if err := tray.Wait(); err != nil {
			t.Errorf("%s: the tray ended with %v", what, err)
		}
		if n := strings.Count(said.String(), c.says); n != 1 || strings.Contains(said.String(), "panic") {
			t.Errorf("%s: said %d times: %s", what, n, said)
		}
	}
}
