package arch

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// door says which packages may import one module from outside. With several packages
// there is a reason why one is not enough.
type door struct {
	module string
	rooms  []string
	reason string
}

var doors = []door{
	{"github.com/fsnotify/fsnotify", []string{"sync/watch"},
		"the events of each system are strange in their own way; one place knows how"},
	{"fyne.io/fyne/v2/app", []string{"app/shoal"},
		"what needs a display and cgo is linked in one file behind a build tag; pages are tested without"},
	{"fyne.io/systray", []string{"app/tray"},
		"how each system takes an icon is asked in one place"},
	{"fyne.io/fyne/v2", []string{"app/desktop", "app/desktop/kit", "app/shoal"},
		"the window is one face of the program; the agent and the command line know nothing of it"},
	{"github.com/spf13/cobra", []string{"app/shoal"},
		"the command line is one face of the program, not its skeleton"},
	{"github.com/godbus/dbus", []string{"app/platform", "internal/e2e"},
		"what the desktop's services tell is asked in one place; a test plays such a service"},
	{"github.com/spf13/pflag", []string{"app/shoal"},
		"flags are read where the command line is"},
	{"github.com/hashicorp/mdns", []string{"discovery/mdns"},
		"what the local network is asked and told is decided in one place"},
	{"github.com/miekg/dns", []string{"discovery/mdns"},
		"nobody else reads or writes DNS messages"},
	{"github.com/boombuler/barcode", []string{"internal/qr"},
		"a picture of a link is the same on every screen"},
	{"github.com/makiuchi-d/gozxing", []string{"app/desktop"},
		"codes are read from pictures where people have pictures"},
	{"github.com/gtank/ristretto255", []string{"discovery/pake"},
		"nobody else computes in the group; what is proven with it is decided in one place"},
	{"github.com/pion", []string{"nat/webrtc", "nat/probe", "app/rendezvous", "internal/natlab"},
		"links across NATs are one adapter, the server of STUN and TURN another; a lab needs servers too" +
			"; the library is a family of modules"},
	{"github.com/huin/goupnp", []string{"nat/portmap"},
		"routers are asked for a port in one place"},
	{"github.com/quic-go/quic-go", []string{"nat/webrtc"},
		"QUIC is one of two ways in which links across NATs carry their bytes"},
	{"github.com/coder/websocket", []string{"internal/e2e", "discovery/rendezvous", "app/rendezvous"},
		"the two ends of one conversation"},
	{"golang.org/x/net", []string{"discovery/mdns", "nat/proxy"},
		"multicast, and SOCKS with the rules of NO_PROXY; the standard library has the rest"},
	{"golang.org/x/text", []string{"sync/names"},
		"which names are one is decided in one place, with one version of Unicode"},
	{"zombiezen.com/go/sqlite", []string{"sync/index"},
		"what is stored how is the index's secret; nobody else sees a row"},
	{"golang.org/x/sys/cpu", []string{"chunker"},
		"which instructions this processor has matters to the cut rule alone"},
	{"golang.org/x/sys", []string{"sync/disk", "sync/scan", "nat/direct", "internal/filestat",
		"app/api", "app/config", "app/control", "app/platform", "app/shoal",
		"app/host", // its tests exchange two names in one step
		"internal/powercut",
		"internal/natlab"}, // a road's two ends are interfaces, each in a network of its own
		"calls of one system that the standard library leaves out; a new room needs a reason " +
			"why the standard library does not do"},
}

var doorRules = []rule{
	{"one door per dependency",
		"a module that is imported in one place can be replaced in one place",
		oneDoor},
	{"doors lead somewhere",
		"the table must not promise what is gone, nor miss what has come",
		doorsUsed},
	{"docs/dependencies.md names every module we ask for",
		"each dependency has a reason and a licence, written down where people look",
		dependenciesTold},
}

// outside reports imports that are neither ours nor the standard library's: only their
// first element has a dot.
func outside(from string) bool {
	first, _, _ := strings.Cut(from, "/")
	return strings.Contains(first, ".") && !under(from, module)
}

func (l *law) door(from string) (door, bool) {
	for _, d := range l.doors {
		if under(from, d.module) {
			return d, true
		}
	}
	return door{}, false
}

func oneDoor(h *house, l *law) (out []finding) {
	for _, s := range h.files {
		for _, from := range s.imported() {
			if !outside(from) {
				continue
			}
			d, ok := l.door(from)
			if !ok {
				out = append(out, finding{s.path, "imports " + from + ", which has no door: " +
					"add a row to doors, doors_test.go, and to docs/dependencies.md"})
			} else if !slices.Contains(d.rooms, s.dir) {
				out = append(out, finding{s.path, fmt.Sprintf("imports %s, whose door is %s: %s",
					from, strings.Join(d.rooms, ", "), d.reason)})
			}
		}
	}
	return out
}

func doorsUsed(h *house, l *law) (out []finding) {
	for _, d := range l.doors {
		for _, dir := range d.rooms {
			used := slices.ContainsFunc(h.files, func(s *source) bool {
				return s.dir == dir && slices.ContainsFunc(s.imported(), func(from string) bool {
					return under(from, d.module)
				})
			})
			if !used {
				out = append(out, finding{dir, "stale row in doors: it does not import " + d.module})
			}
		}
	}
	return out
}

func dependenciesTold(h *house, _ *law) (out []finding) {
	mod, err := fs.ReadFile(h.disk, "go.mod")
	if err != nil {
		return []finding{{"go.mod", err.Error()}}
	}
	page, err := fs.ReadFile(h.disk, "docs/dependencies.md")
	if err != nil {
		return []finding{{"docs/dependencies.md", err.Error()}}
	}
	for _, want := range required(string(mod)) {
		told := slices.ContainsFunc(strings.Split(string(page), "\n"), func(line string) bool {
			return strings.Contains(line, "`"+want.name+"`") && strings.Contains(line, want.version)
		})
		if !told {
			out = append(out, finding{"docs/dependencies.md",
				"has no line with " + want.name + " and " + want.version})
		}
	}
	return out
}

type requirement struct{ name, version string }

// required lists the modules that go.mod asks for itself, without those that only come
// along.
func required(mod string) (out []requirement) {
	block := false
	for line := range strings.Lines(mod) {
		line, comment, _ := strings.Cut(strings.TrimSpace(line), "//")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "require" && fields[1] == "(":
			block = true
			continue
		case len(fields) == 1 && fields[0] == ")":
			block = false
		case len(fields) == 3 && fields[0] == "require":
			fields = fields[1:]
		case !block:
			continue
		}
		if len(fields) == 2 && strings.TrimSpace(comment) != "indirect" {
			out = append(out, requirement{fields[0], fields[1]})
		}
	}
	return out
}
