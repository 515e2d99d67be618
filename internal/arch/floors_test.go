package arch

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var draw = flag.Bool("draw", false, "write the floors into ARCHITECTURE.md")

// TestDrawFloors runs before TestHouse, which then looks at what was drawn.
func TestDrawFloors(t *testing.T) {
	if !*draw {
		t.Skip("-draw was not given")
	}
	const name = "../../ARCHITECTURE.md"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```\n.*?```")
	place := block.FindIndex(page)
	if place == nil {
		t.Fatalf("%s has no block between ``` to draw the floors in", name)
	}
	text := string(page[:place[0]]) + "```\n" + drawFloors(ourLaw) + "```" + string(page[place[1]:])
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// room is one package and its floor. An aid serves tests and is imported by nothing else.
type room struct {
	dir   string
	floor int
	aid   bool
}

// passage lets one package import another one of its own floor.
type passage struct {
	from, to string
	reason   string
}

// The floors, lowest first. ARCHITECTURE.md shows them as drawFloors draws them.
var floorNames = []string{"ground", "cores", "node", "edges", "hosts", "main"}

const (
	ground = iota
	cores
	node
	edges
	hosts
	mains
)

// rooms places every package. A new package is placed here in the same change.
var rooms = []room{
	{dir: "assets", floor: ground},
	{dir: "chunker", floor: ground},
	{dir: "internal/ident", floor: ground},
	{dir: "internal/step", floor: ground},
	{dir: "internal/qr", floor: ground},
	{dir: "internal/pace", floor: ground},
	{dir: "internal/caller", floor: ground},
	{dir: "app/redact", floor: ground},
	{dir: "app/words", floor: ground},
	{dir: "app/release", floor: ground},
	{dir: "sync/tree", floor: ground},
	{dir: "sync/version", floor: ground},
	{dir: "sync/recipe", floor: ground},
	{dir: "sync/merge", floor: ground},
	{dir: "sync/summary", floor: ground},
	{dir: "sync/members", floor: ground},
	{dir: "sync/wire", floor: ground},
	{dir: "sync/ignore", floor: ground},
	{dir: "sync/names", floor: ground},
	{dir: "discovery/pake", floor: ground},
	{dir: "nat/natbox", floor: ground, aid: true},
	{dir: "discovery/post", floor: ground},

	{dir: "sync/folder", floor: cores},
	{dir: "sync/swarm", floor: cores},
	{dir: "sync/peer", floor: cores},
	{dir: "sync/settle", floor: cores},
	{dir: "sync/roster", floor: cores},
	{dir: "discovery/book", floor: cores},
	{dir: "discovery/circle", floor: cores},
	{dir: "discovery/pairing", floor: cores},
	{dir: "discovery/tracker", floor: cores},
	{dir: "nat/route", floor: cores},
	{dir: "nat/signal", floor: cores},

	{dir: "app/node", floor: node},
	{dir: "app/status", floor: node},
	{dir: "app/recording", floor: node},

	{dir: "sync/watch", floor: edges},
	{dir: "sync/scan", floor: edges},
	{dir: "sync/index", floor: edges},
	{dir: "sync/disk", floor: edges},
	{dir: "discovery/mdns", floor: edges},
	{dir: "discovery/rendezvous", floor: edges},
	{dir: "nat/direct", floor: edges},
	{dir: "nat/gate", floor: edges},
	{dir: "nat/proxy", floor: edges},
	{dir: "nat/webrtc", floor: edges},
	{dir: "nat/probe", floor: edges},
	{dir: "nat/portmap", floor: edges},
	{dir: "internal/filestat", floor: edges},
	{dir: "app/platform", floor: edges},
	{dir: "app/logbook", floor: edges},
	{dir: "app/update", floor: edges},
	{dir: "internal/volumetest", floor: edges, aid: true},
	{dir: "internal/fault", floor: edges},
	{dir: "internal/natlab", floor: edges, aid: true},
	{dir: "internal/powercut", floor: edges, aid: true},
	{dir: "nat/linktest", floor: edges, aid: true},
	{dir: "nat/proxy/proxytest", floor: edges, aid: true},
	{dir: "discovery/mdns/lantest", floor: edges, aid: true},
	{dir: "sync/index/indextest", floor: edges, aid: true},
	{dir: "sync/disk/disktest", floor: edges, aid: true},

	{dir: "app/config", floor: hosts},
	{dir: "app/api", floor: hosts},
	{dir: "app/host", floor: hosts},
	{dir: "app/control", floor: hosts},
	{dir: "app/desktop", floor: hosts},
	{dir: "app/tray", floor: hosts},
	{dir: "app/role", floor: hosts},
	{dir: "app/meet", floor: hosts},
	{dir: "app/web", floor: hosts},
	{dir: "app/desktop/kit", floor: hosts},
	{dir: "app/rendezvous", floor: hosts},
	{dir: "app/handover", floor: hosts},
	{dir: "internal/sim", floor: hosts},
	{dir: "internal/swarmsim", floor: hosts},
	{dir: "internal/arch", floor: hosts, aid: true},
	{dir: "internal/e2e", floor: hosts, aid: true},
	{dir: "internal/mutants", floor: hosts, aid: true},

	{dir: "app/shoal", floor: mains},
	{dir: "app/shoalsim", floor: mains},
	{dir: "internal/demo", floor: mains},
	{dir: "internal/seal", floor: mains},
}

// neighbours may import sideways. The ground floor needs no rows: its packages are
// vocabulary, and the compiler already forbids cycles.
var neighbours = []passage{
	{"sync/scan", "internal/filestat", "a look at a file by one edge is compared with a look by another"},
	{"sync/watch", "internal/filestat", "a look at a file by one edge is compared with a look by another"},
	{"sync/disk", "internal/filestat", "a look at a file by one edge is compared with a look by another"},
	{"sync/disk", "internal/fault", "the steps of an install are where a crash is tested"},
	{"sync/index", "internal/fault", "the steps of a commit are where a crash is tested"},
	{"nat/webrtc", "nat/direct", "a link is one thing whatever carries it: its queues, frames and endings are there"},
	{"nat/direct", "nat/gate", "strangers are held at the gate until they have proven who they are"},
	{"app/recording", "app/node", "what enters a node and leaves it is what a recording is made of"},
	{"internal/e2e", "internal/sim", "what real agents recorded is played by the player"},
	{"app/host", "app/config", "the host is built from the settings"},
	{"app/host", "app/control", "the host opens the local socket and answers what it hears there"},
	{"app/host", "app/api", "the host carries out what people ask for in the words of the local API"},
	{"app/meet", "app/api", "linking is asked for in the words of the local API"},
	{"app/web", "app/api", "the web page asks the agent in the words of the local API"},
	{"app/web", "app/meet", "the web page links devices as the window does"},
	{"app/tray", "app/api", "the tray asks the agent in the words of the local API"},
	{"app/role", "app/api", "sockets of roles lie beside the agent's, and are named the same way"},
	{"app/role", "app/config", "a role is locked as the home is"},
	{"app/desktop", "app/api", "the window asks the agent in the words of the local API"},
	{"app/desktop", "app/desktop/kit", "pages are put together from the window's own widgets"},
	{"app/control", "app/api", "the agent's socket speaks the words of the local API"},
}

// districts meet only above the edges.
var districts = []string{"sync", "discovery", "nat"}

// hallways hold packages and are none themselves.
var hallways = []string{"sync", "discovery", "nat", "app", "internal"}

var floorRules = []rule{
	{"every package is placed",
		"a package whose floor nobody decided will be imported from everywhere; " +
			"a row about a package that is gone misleads whoever reads the table",
		everyPackageIsPlaced},
	{"imports go down only",
		"what lies below can be read, tested and changed without what lies above; " +
			"a child that calls its parent emits an effect instead",
		importsGoDown},
	{"districts do not know each other",
		"sync, discovery and nat can each be replaced alone; they meet in app/node, " +
			"and an address crosses the border as netip.AddrPort",
		districtsApart},
	{"edges know neither cores nor each other",
		"an adapter only acts: what it needs of another comes as a function " +
			"from the host, so each runs alone in a test",
		edgesApart},
	{"nothing imports a host",
		"a host is where everything is joined; who needs a part of it " +
			"takes that part from a lower floor",
		hostsOnTop},
	{"test aids serve tests only",
		"a suite or a fake that reaches production code is shipped to people",
		aidsInTests},
	{"no Go file in a hallway",
		"a package named sync or app would hide the standard library's, or Fyne's",
		hallwaysEmpty},
	{"ARCHITECTURE.md shows these floors",
		"people read the page, the test reads the table; both must say the same",
		floorsDrawn},
}

func (l *law) room(dir string) (room, bool) {
	i := slices.IndexFunc(l.rooms, func(r room) bool { return r.dir == dir })
	if i < 0 {
		return room{}, false
	}
	return l.rooms[i], true
}

// passage returns the row of neighbours that lets one package import the other, or -1.
func (l *law) passage(from, to room) int {
	return slices.IndexFunc(l.neighbours, func(p passage) bool {
		return p.from == from.dir && p.to == to.dir
	})
}

// own returns the directory of a package of ours, and whether the import is one.
func own(from string) (dir string, ok bool) {
	return strings.CutPrefix(from, module+"/")
}

// visits calls visit for each import from one placed package of ours to another one.
func (h *house) visits(l *law, visit func(s *source, from, to room)) {
	for _, s := range h.files {
		from, ok := l.room(s.dir)
		if !ok {
			continue
		}
		for _, path := range s.imported() {
			dir, ours := own(path)
			to, placed := l.room(dir)
			if ours && placed && to.dir != from.dir {
				visit(s, from, to)
			}
		}
	}
}

func everyPackageIsPlaced(h *house, l *law) (out []finding) {
	dirs := h.dirs()
	for _, dir := range dirs {
		if _, ok := l.room(dir); !ok && dir != "." {
			out = append(out, finding{dir, "has no floor: place it in rooms, floors_test.go"})
		}
	}
	for _, r := range l.rooms {
		if !slices.Contains(dirs, r.dir) {
			out = append(out, finding{r.dir, "stale row in rooms: there is no such package"})
		}
	}
	return out
}

func importsGoDown(h *house, l *law) (out []finding) {
	used := map[passage]bool{}
	h.visits(l, func(s *source, from, to room) {
		i := l.passage(from, to)
		if i >= 0 {
			used[l.neighbours[i]] = true
		}
		switch {
		case to.floor > from.floor:
			out = append(out, finding{s.path, fmt.Sprintf("%s (floor %d) imports %s (floor %d)",
				from.dir, from.floor, to.dir, to.floor)})
		case to.floor == cores && from.floor == cores && i < 0,
			to.floor == node && from.floor == node && i < 0:
			out = append(out, finding{s.path, fmt.Sprintf("%s imports %s of its own floor %d: "+
				"they meet in app/node", from.dir, to.dir, from.floor)})
		}
	})
	for _, p := range l.neighbours {
		if !used[p] {
			out = append(out, finding{p.from, "stale row in neighbours: it does not import " + p.to})
		}
	}
	return out
}

func districtsApart(h *house, l *law) (out []finding) {
	h.visits(l, func(s *source, from, to room) {
		for _, a := range districts {
			for _, b := range districts {
				if a != b && under(from.dir, a) && under(to.dir, b) {
					out = append(out, finding{s.path, "imports " + to.dir + " of another district"})
				}
			}
		}
	})
	return out
}

func edgesApart(h *house, l *law) (out []finding) {
	h.visits(l, func(s *source, from, to room) {
		suite := from.aid && path.Dir(to.dir) == path.Dir(from.dir) ||
			from.aid && to.dir == path.Dir(from.dir)
		if from.floor == edges && to.floor >= cores && to.floor <= edges &&
			!to.aid && !suite && l.passage(from, to) < 0 {
			out = append(out, finding{s.path, "the edge " + from.dir + " imports " + to.dir})
		}
	})
	return out
}

func hostsOnTop(h *house, l *law) (out []finding) {
	h.visits(l, func(s *source, from, to room) {
		if to.floor >= hosts && from.floor <= to.floor && !to.aid && l.passage(from, to) < 0 {
			out = append(out, finding{s.path, from.dir + " imports " + to.dir})
		}
	})
	return out
}

func aidsInTests(h *house, l *law) (out []finding) {
	h.visits(l, func(s *source, from, to room) {
		if to.aid && !s.test && !from.aid {
			out = append(out, finding{s.path, "imports the test aid " + to.dir})
		}
	})
	return out
}

func hallwaysEmpty(h *house, _ *law) (out []finding) {
	for _, s := range h.files {
		if slices.Contains(hallways, s.dir) || s.dir == "." {
			out = append(out, finding{s.path, "move it into a package of its own below"})
		}
	}
	return out
}

func floorsDrawn(h *house, l *law) []finding {
	page, err := fs.ReadFile(h.disk, "ARCHITECTURE.md")
	if err != nil {
		return []finding{{"ARCHITECTURE.md", err.Error()}}
	}
	drawn := drawFloors(l)
	if strings.Contains(strings.ReplaceAll(string(page), "\r\n", "\n"), drawn) {
		return nil
	}
	return []finding{{"ARCHITECTURE.md", "does not show the floors: " +
		"run go test ./internal/arch -draw, or put this there:\n" + drawn}}
}

// drawFloors draws the table as people read it: the top floor first, packages of one
// parent in braces.
func drawFloors(l *law) string {
	const columns = 88
	var b strings.Builder
	for floor := len(floorNames) - 1; floor >= 0; floor-- {
		line := fmt.Sprintf(" %d  %-7s", floor, floorNames[floor])
		for _, group := range groups(l, floor) {
			if utf8.RuneCountInString(line)+2+len(group) > columns {
				b.WriteString(line + "\n")
				line = strings.Repeat(" ", 11)
			}
			line += "  " + group
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func groups(l *law, floor int) []string {
	byParent := map[string][]string{}
	var parents []string
	for _, r := range l.rooms {
		if r.floor != floor {
			continue
		}
		parent, name := path.Split(r.dir)
		if byParent[parent] == nil {
			parents = append(parents, parent)
		}
		byParent[parent] = append(byParent[parent], name)
	}
	var out []string
	for _, parent := range parents {
		names := byParent[parent]
		switch {
		case parent == "":
			out = append(out, names...)
		case len(names) == 1:
			out = append(out, parent+names[0])
		default:
			out = append(out, parent+"{"+strings.Join(names, ",")+"}")
		}
	}
	return out
}
