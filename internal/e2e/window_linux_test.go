package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The windows of the story stand side by side on one screen, each of the size at which it
// opens, drawn one to one.
const (
	windowWidth, windowHeight = 1120, 740
	screenSize                = "2260x780x24"
)

// display is an X server that nobody sees, on which people press keys and buttons.
type display struct {
	t      *testing.T
	name   string
	bus    string
	clicks int
}

// newDisplay starts one, or says loudly what is missing here.
func newDisplay(t *testing.T) *display {
	t.Helper()
	for _, needed := range []string{"Xvfb", "xdotool", "import"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("SKIPPED: %s is not installed; nobody looked at the real window (see internal/tools/setup)", needed)
		}
	}
	d := &display{t: t, bus: ownBus(t)}
	told, number, err := os.Pipe()
	must(t, err)
	server := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", screenSize, "-nolisten", "tcp")
	server.ExtraFiles = []*os.File{number}
	must(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill() // it ends by nothing else
		_ = server.Wait()
	})
	must(t, number.Close())
	text, err := io.ReadAll(told)
	must(t, err)
	d.name = ":" + strings.TrimSpace(string(text))
	return d
}

func (d *display) environ(more ...string) []string {
	env := append(os.Environ(), "DISPLAY="+d.name, "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS="+d.bus,
		"LIBGL_ALWAYS_SOFTWARE=1", "FYNE_SCALE=1", "LC_ALL=C", "NO_AT_BRIDGE=1")
	return append(env, more...)
}

func (d *display) xdo(args ...string) (string, error) {
	do := exec.Command("xdotool", args...)
	do.Env = d.environ()
	out, err := do.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("xdotool %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// picture is the screen as it is now.
func (d *display) picture() (image.Image, error) {
	look := exec.Command("import", "-window", "root", "png:-")
	look.Env = d.environ()
	out, err := look.Output()
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(out))
}

// keep writes the screen to SHOAL_PICTURES, for somebody to look at.
func (d *display) keep(name string) {
	dir := os.Getenv("SHOAL_PICTURES")
	if dir == "" {
		return
	}
	img, err := d.picture()
	must(d.t, err)
	file, err := os.Create(filepath.Join(dir, "story-"+name+".png"))
	must(d.t, err)
	defer file.Close()
	must(d.t, png.Encode(file, img))
}

// person sits before one window.
type person struct {
	d      *display
	run    *exec.Cmd
	window string
	left   int
	said   *bytes.Buffer
}

// opens starts the program as a click on its icon does, and waits for its window.
func (d *display) opens(a *agent, program string, left int) *person {
	d.t.Helper()
	run := exec.Command(program, "--home", a.home)
	p := &person{d: d, run: run, left: left, said: &bytes.Buffer{}}
	run.Env = d.environ(a.env...)
	run.Stdout, run.Stderr = p.said, p.said
	must(d.t, run.Start())
	d.t.Cleanup(func() {
		p.closes()
		for _, sign := range []string{"Error in Fyne call thread", "panic", "goroutine "} {
			if strings.Contains(p.said.String(), sign) {
				d.t.Errorf("the window of %s says %q:\n%s", a.name, sign, p.said)
			}
		}
		if d.t.Failed() {
			d.t.Logf("the window of %s said: %s", a.name, p.said)
		}
	})
	must(d.t, poll(patience, func() (err error) {
		found, err := d.xdo("search", "--onlyvisible", "--pid", strconv.Itoa(run.Process.Pid))
		p.window, _, _ = strings.Cut(found, "\n")
		return err
	}))
	_, err := d.xdo("windowmove", "--sync", p.window, strconv.Itoa(left), "0")
	if left > 0 {
		must(d.t, err)
	}
	return p
}

// closes ends the window, as the end of a person's session does.
func (p *person) closes() {
	_ = p.run.Process.Signal(os.Interrupt)
	_ = p.run.Wait()
}

// isLarge waits until the window has a size.
func (p *person) isLarge(width, height int) {
	p.d.t.Helper()
	must(p.d.t, poll(patience, func() error {
		said, err := p.d.xdo("getwindowgeometry", "--shell", p.window)
		if want := fmt.Sprintf("WIDTH=%d\nHEIGHT=%d\n", width, height); err == nil && !strings.Contains(said, want) {
			err = fmt.Errorf("the window is %q, want %q", said, want)
		}
		return err
	}))
}

// ink tells a colour by which things are known again, whatever they say.
type ink func(r, g, b uint32) bool

func black(r, g, b uint32) bool  { return r < 20 && g < 20 && b < 20 }
func white(r, g, b uint32) bool  { return r == 255 && g == 255 && b == 255 }
func accent(r, g, b uint32) bool { return r < 40 && g > 80 && g < 140 && b > 100 && b < 160 }

// sees waits until so many dots of an ink are at a place of the window, and returns where
// the lowest row is of which that ink fills a fifth, and the middle of it there: that of a
// button.
func (p *person) sees(what string, at image.Rectangle, is ink, least int) (low image.Point) {
	p.d.t.Helper()
	err := poll(patience, func() error {
		img, err := p.d.picture()
		if err != nil {
			return err
		}
		n := 0
		for y := at.Min.Y; y < at.Max.Y; y++ {
			row, sum := 0, 0
			for x := at.Min.X; x < at.Max.X; x++ {
				r, g, b, _ := img.At(p.left+x, y).RGBA()
				if is(r>>8, g>>8, b>>8) {
					row, sum = row+1, sum+x
				}
			}
			if n += row; row > 60 {
				low = image.Pt(sum/row, y)
			}
		}
		if n < least {
			return fmt.Errorf("%d dots of it are at %v, want %d", n, at, least)
		}
		return nil
	})
	if err != nil {
		p.d.keep("failed")
		p.d.t.Fatalf("%s is not seen: %v", what, err)
	}
	return low
}

// clicks presses the left button once.
func (p *person) clicks(x, y int) {
	p.d.t.Helper()
	p.d.clicks++
	_, err := p.d.xdo("windowfocus", "--sync", p.window, "mousemove", "--sync", strconv.Itoa(p.left+x), strconv.Itoa(y), "click", "1")
	must(p.d.t, err)
}

func (p *person) keys(keys ...string) {
	p.d.t.Helper()
	_, err := p.d.xdo(append([]string{"windowfocus", "--sync", p.window, "key"}, keys...)...)
	must(p.d.t, err)
}

func (p *person) types(text string) {
	p.d.t.Helper()
	_, err := p.d.xdo("windowfocus", "--sync", p.window, "type", "--delay", "5", text)
	must(p.d.t, err)
}

// hasFirst waits until a device keeps one folder that holds the first file.
func (a *agent) hasFirst() {
	a.t.Helper()
	a.eventually(patience, "the first file arrives", func() error {
		v, err := a.tryStatus()
		if err != nil || len(v.Folders) != 1 {
			return fmt.Errorf("folders: %v, %w", v.Folders, err)
		}
		text, err := os.ReadFile(filepath.Join(v.Folders[0].Path, "first.txt"))
		if err == nil && string(text) != "hello" {
			err = fmt.Errorf("it holds %q", text)
		}
		return err
	})
}

// TestFirstRunStory: two people who open Shoal for the first time have the first file on
// both devices within a minute and with six clicks, at a real window.
func TestFirstRunStory(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the window")
	}
	d := newDisplay(t)
	desktop := filepath.Join(t.TempDir(), "shoal")
	if err := build(desktop, "CGO_ENABLED=1", "-tags", "desktop"); err != nil {
		t.Skipf("SKIPPED: the window cannot be compiled here (see internal/tools/setup window): %v", err)
	}
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	for _, one := range []*agent{a, b} {
		home := filepath.Join(filepath.Dir(one.home), "person")
		must(t, os.Mkdir(home, 0o755))
		one.env = []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home + "/.config"}
		one.command("config", "set", "appearance", "light").done(t)
	}
	startAll(a, b)
	a.put("first.txt", "hello")

	begun, owed := time.Now(), debt(t, a, b)
	anna, bert := d.opens(a, desktop, 0), d.opens(b, desktop, windowWidth+10)
	const cards = 430 // how far down the two ways to begin are
	for _, p := range []*person{anna, bert} {
		p.sees("the first page", image.Rect(250, 360, 870, 500), white, 40_000)
	}
	t.Logf("two windows can be used after %v", time.Since(begun))
	d.keep("1-first")
	anna.clicks(723, cards) // Add a folder
	sheet := image.Rect(240, 60, 880, 700)
	anna.sees("the sheet for a folder", sheet, accent, 1000)
	anna.types(a.root)
	anna.keys("Return")
	a.eventually(patience, "the folder is kept", func() error {
		if v, err := a.tryStatus(); err != nil || len(v.Folders) != 1 {
			return fmt.Errorf("folders: %v, %w", v.Folders, err)
		}
		return nil
	})
	add := anna.sees("the page of folders", image.Rect(960, 25, 1100, 70), accent, 2000)
	anna.clicks(add.X-140, add.Y-15) // Link a device, beside Add folder
	// It is as high as this once it says why nobody is nearby; then all stays in place.
	anna.sees("the reason why nobody is nearby", image.Rect(250, 0, 251, windowHeight), white, 530)
	picture := anna.sees("the QR code", image.Rect(280, 60, 435, 500), black, 4000)
	anna.clicks(543, picture.Y-20) // Copy the link
	bert.clicks(396, cards)        // Link a device
	bert.sees("the QR code", image.Rect(280, 60, 435, 500), black, 4000)
	d.keep("2-link")
	bert.keys("ctrl+v", "Return")
	yes := bert.sees("the question", sheet, accent, 2500)
	d.keep("3-question")
	bert.clicks(yes.X, yes.Y-15) // Yes, link
	b.hasFirst()
	took := time.Since(begun)
	for _, p := range []*person{anna, bert} {
		p.sees("the page of folders", image.Rect(960, 25, 1100, 70), accent, 2000)
	}
	d.keep("4-arrived")
	t.Logf("the first file arrived after %v and %d clicks", took, d.clicks)
	if took > time.Minute+owed() || d.clicks > 6 {
		t.Errorf("it took %v and %d clicks, allowed are a minute and six", took, d.clicks)
	}

	// The window comes back as large as it was.
	_, err := d.xdo("windowsize", "--sync", anna.window, "900", "640")
	must(t, err)
	anna.isLarge(900, 640)
	anna.sees("the page of folders in a small window", image.Rect(740, 25, 880, 70), accent, 2000)
	anna.closes()
	d.opens(a, desktop, 0).isLarge(900, 640)
}
