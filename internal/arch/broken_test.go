package arch

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// smallHouse is a tree that keeps every rule; the test below breaks one at a time.
var smallHouse = map[string]string{
	"go.mod": "module " + module + "\n\nrequire (\n\texample.org/sql v1.2.3\n" +
		"\texample.org/below v1.0.0 // indirect\n)\n",
	"docs/dependencies.md": "| `example.org/sql` | v1.2.3 |\n",
	"internal/step/loop.go": "// Package step is the loop.\npackage step\n\n" +
		"func Run() { go Run() }\n",
	"sync/tree/name.go": "// Package tree knows names.\npackage tree\n",
	"sync/folder/machine.go": "// Package folder is a core.\npackage folder\n\n" +
		"import _ \"" + module + "/sync/tree\"\n\n" +
		"// Event is sealed.\ntype Event interface{ isEvent() }\n\n" +
		"// Reader is a port.\ntype Reader interface{ Row() int }\n",
	"sync/swarm/rarest.go":  "// Package swarm is a core.\npackage swarm\n",
	"nat/route/machine.go":  "// Package route is a core.\npackage route\n",
	"app/status/view.go":    "// Package status is a view.\npackage status\n\n// Base is spoken.\ntype Base int\n",
	"app/node/table.go":     "// Package node routes.\npackage node\n\nimport _ \"" + module + "/app/status\"\n",
	"sync/index/store.go":   "// Package index stores.\npackage index\n\nimport _ \"example.org/sql\"\n",
	"sync/disk/stage.go":    "// Package disk stages.\npackage disk\n",
	"nat/linktest/suite.go": "// Package linktest is a suite.\npackage linktest\n",
	"app/host/pool.go":      "// Package host runs.\npackage host\n",
	"app/api/words.go":      "// Package api speaks.\npackage api\n",
	"app/shoal/main.go":     "// Command shoal is the program.\npackage main\n\nfunc main() {" + strings.Repeat("\n\tprintln()", 71) + "\n}\n",
	"sync/tree/name_test.go": "package tree\n\nimport \"time\"\n\n" +
		"func nap() { time.Sleep(1) }\n",
}

var smallLaw = &law{
	rooms: []room{
		{dir: "internal/step", floor: ground},
		{dir: "sync/tree", floor: ground},
		{dir: "sync/folder", floor: cores},
		{dir: "sync/swarm", floor: cores},
		{dir: "nat/route", floor: cores},
		{dir: "app/node", floor: node},
		{dir: "app/status", floor: node},
		{dir: "sync/index", floor: edges},
		{dir: "sync/disk", floor: edges},
		{dir: "nat/linktest", floor: edges, aid: true},
		{dir: "app/host", floor: hosts},
		{dir: "app/api", floor: hosts},
		{dir: "app/shoal", floor: mains},
	},
	neighbours: []passage{{"app/node", "app/status", "because"}},
	doors:      []door{{"example.org/sql", []string{"sync/index"}, "because"}},
	worldly:    []pardon{{"internal/step/loop.go", "because"}},
	ports:      []pardon{{"sync/folder.Reader", "because"}},
	naps:       []pardon{{"sync/tree/name_test.go", "because"}},
	spoken:     []pardon{{"app/status.Base", "because"}},
	grown:      []growth{{"app/shoal/main.go main", 73, "because"}},
}

// breaks holds, for each rule, trees that break it: one more file (empty text removes the
// file), and what the finding must name.
var breaks = []struct{ rule, file, text, names string }{
	{"every package is placed", "sync/new/new.go", "package new\n", "sync/new"},
	{"every package is placed", "sync/swarm/rarest.go", "", "sync/swarm"},
	{"imports go down only", "sync/tree/up.go", importing("tree", "sync/swarm"), "sync/tree/up.go"},
	{"imports go down only", "sync/folder/side.go", importing("folder", "sync/swarm"), "side.go"},
	{"imports go down only", "sync/tree/up_test.go", importing("tree", "app/host"), "up_test.go"},
	{"imports go down only", "app/node/table.go", "// Package node routes.\npackage node\n", "app/node"},
	{"districts do not know each other", "nat/route/x.go", importing("route", "sync/tree"), "nat/route/x.go"},
	{"edges know neither cores nor each other", "sync/index/x.go", importing("index", "sync/disk"), "index/x.go"},
	{"edges know neither cores nor each other", "sync/index/x.go", importing("index", "sync/folder"), "index/x.go"},
	{"nothing imports a host", "app/api/x.go", importing("api", "app/host"), "app/api/x.go"},
	{"test aids serve tests only", "app/host/x.go", importing("host", "nat/linktest"), "app/host/x.go"},
	{"test aids serve tests only", "app/host/x_test.go", importing("host", "nat/linktest"), ""},
	{"no Go file in a hallway", "sync/x.go", "package sync\n", "sync/x.go"},
	{"ARCHITECTURE.md shows these floors", "ARCHITECTURE.md", "# nothing\n", "ARCHITECTURE.md"},
	{"one door per dependency", "sync/disk/x.go", "package disk\n\nimport _ \"example.org/sql/x\"\n", "disk/x.go"},
	{"one door per dependency", "sync/disk/x.go", "package disk\n\nimport _ \"example.org/other\"\n", "disk/x.go"},
	{"doors lead somewhere", "sync/index/store.go", "// Package index stores.\npackage index\n", "sync/index"},
	{"docs/dependencies.md names every module we ask for", "go.mod", "require example.org/new v1.0.0\n", "docs/dependencies.md"},
	{"floors 0 to 2 do not touch the world", "nat/route/x.go", "package route\n\nimport _ \"net/http\"\n", "route/x.go"},
	{"floors 0 to 2 do not touch the world", "nat/route/x.go", "package route\n\nimport _ \"net/netip\"\n", ""},
	{"floors 0 to 2 do not touch the world", "nat/route/x.go", "package route\n\nfunc f(c chan int) {}\n", "route/x.go:3"},
	{"floors 0 to 2 do not touch the world", "nat/route/x.go", "package route\n\nfunc f() { go f() }\n", "route/x.go:3"},
	{"floors 0 to 2 do not touch the world", "nat/route/x.go", "package route\n\nimport t \"time\"\n\nvar n = t.Now()\n", "route/x.go:5"},
	{"floors 0 to 2 do not touch the world", "nat/route/x.go", "package route\n\nimport \"time\"\n\nvar n = time.Second\n", ""},
	{"floors 0 to 2 do not touch the world", "nat/route/x.go", "package route\n\nimport \"math/rand/v2\"\n\nvar n = rand.Int()\n", "route/x.go:5"},
	{"floors 0 to 2 do not touch the world", "nat/route/x.go", "package route\n\nimport \"math/rand/v2\"\n\nvar n = rand.NewPCG(1, 2)\n", ""},
	{"floors 0 to 2 do not touch the world", "nat/route/x_test.go", "package route\n\nimport _ \"os\"\n", ""},
	{"floors 0 to 2 do not touch the world", "internal/step/loop.go", "// Package step is pure now.\npackage step\n", "loop.go"},
	{"tests do not sleep", "sync/disk/x_test.go", "package disk\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n", "x_test.go:5"},
	{"tests do not sleep", "sync/tree/name_test.go", "", "name_test.go"},
	{"functions, files and parameter lists stay small", "sync/disk/x.go", "package disk\n" + strings.Repeat("\n", 600), "disk/x.go"},
	{"functions, files and parameter lists stay small", "sync/disk/x.go", "package disk\n\nfunc f() {" + strings.Repeat("\n", 70) + "}\n", "x.go f"},
	{"functions, files and parameter lists stay small", "sync/disk/x.go", "package disk\n\nfunc f(a, b, c, d, e, f int) {}\n", "x.go f()"},
	{"functions, files and parameter lists stay small", "sync/disk/x.go", "package disk\n\nfunc f(a, b, c, d, e int) {}\n", ""},
	{"functions, files and parameter lists stay small", "app/shoal/main.go", "// Command shoal.\npackage main\n\nfunc main() {}\n", "main.go main"},
	{"functions, files and parameter lists stay small", "app/shoal/main.go", "// Command shoal.\npackage main\n\nfunc main() {" + strings.Repeat("\n", 74) + "}\n", "main.go main"},
	{"app/node stays small", "app/node/x.go", "package node\n" + strings.Repeat("\n", nodeLines), "app/node"},
	{"interfaces stay small, and cores declare none", "sync/folder/x.go", "package folder\n\ntype I interface{ Do() }\n", "folder/x.go:3"},
	{"interfaces stay small, and cores declare none", "sync/disk/x.go", "package disk\n\ntype I interface {\n\tA()\n\tB()\n\tC()\n\tD()\n\tE()\n\tF()\n\tG()\n\tH()\n}\n", "disk/x.go:3"},
	{"interfaces stay small, and cores declare none", "sync/folder/machine.go", "// Package folder is a core.\npackage folder\n", "sync/folder.Reader"},
	{"one comment says what each package is", "sync/disk/x.go", "// Package disk is told twice.\npackage disk\n", "sync/disk"},
	{"one comment says what each package is", "sync/disk/stage.go", "package disk\n", "sync/disk"},
	{"names say the idea", "sync/disk/x.go", "package disk\n\ntype fileManager int\n", "disk/x.go:3"},
	{"names say the idea", "sync/disk/utils.go", "package disk\n", "disk/utils.go"},
	{"names say the idea", "sync/disk/x.go", "package disk\n\ntype Database int\n", ""},
	{"comments can be read", "sync/disk/x.go", "package disk\n\n// " + strings.Repeat("long ", 20) + ".\n", "disk/x.go:3"},
	{"comments can be read", "sync/disk/x.go", "package disk\n\n// TO" + "DO: later.\n", "disk/x.go:3"},
	{"files are formatted", "sync/disk/x.go", "package disk\nvar  x  int\n", "disk/x.go"},
	{"no dead files", "sync/disk/x_test.go", "package disk\n\nimport \"os\"\n", "x_test.go"},
	{"no dead files", "sync/disk/x.go", "//go:build never\n\npackage disk\n", "disk/x.go:1"},
	{"log messages are constants", "sync/disk/x.go", "package disk\n\nfunc f(d *dir, name string) { d.log.Warn(\"no \" + name) }\n", "disk/x.go:3"},
	{"log messages are constants", "sync/disk/x.go", "package disk\n\nfunc f(d *dir, name string) { d.log.Warn(\"no such\", \"name\", name) }\n", ""},
	{"no file speaks of one machine", "docs/x.md", "see /ro" + "ot/notes\n", "docs/x.md:1"},
	{"no file speaks of one machine", "docs/x.md", "see notes/work/today\n", ""},
}

func importing(name, dir string) string {
	return "package " + name + "\n\nimport _ \"" + module + "/" + dir + "\"\n"
}

func TestSmallHouseIsSound(t *testing.T) {
	h := load(t, tree(nil))
	for _, r := range rules {
		for _, f := range r.check(h, smallLaw) {
			t.Errorf("%s: %s: %s", r.name, f.where, f.what)
		}
	}
}

func TestEveryRuleCanBeBroken(t *testing.T) {
	broken := map[string]bool{}
	for _, b := range breaks {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.name == b.rule })
		if i < 0 {
			t.Fatalf("no rule is named %q", b.rule)
		}
		h := load(t, tree(map[string]string{b.file: b.text}))
		found := rules[i].check(h, smallLaw)
		switch {
		case b.names == "" && len(found) > 0:
			t.Errorf("%s: %s was allowed before, now: %v", b.rule, b.file, found)
		case b.names == "":
			continue
		case len(found) != 1 || !strings.Contains(found[0].where, b.names):
			t.Errorf("%s: broken in %s, found: %v", b.rule, b.names, found)
		}
		broken[b.rule] = true
	}
	for _, r := range rules {
		if !broken[r.name] {
			t.Errorf("nothing here breaks the rule %q", r.name)
		}
		if r.reason == "" {
			t.Errorf("the rule %q has no reason", r.name)
		}
	}
}

// tree is the small house with some files changed; an empty text takes the file away.
func tree(changes map[string]string) fstest.MapFS {
	texts := maps.Clone(smallHouse)
	texts["ARCHITECTURE.md"] = drawFloors(smallLaw)
	maps.Copy(texts, changes)
	disk := fstest.MapFS{}
	for name, text := range texts {
		if text != "" {
			disk[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return disk
}
