package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// ban is an import that pure packages may not have, with all that lies below it, save
// what is named in but.
type ban struct {
	path   string
	but    []string
	reason string
}

// callBan is a set of functions that pure packages may not call. With only set, all
// others of that package are forbidden.
type callBan struct {
	path   string
	names  []string
	only   bool
	reason string
}

var bannedImports = []ban{
	{"os", nil, "files and processes belong to the edges"},
	{"io/ioutil", nil, "files belong to the edges"},
	{"syscall", nil, "the operating system belongs to the edges"},
	{"net", []string{"net/netip"}, "sockets belong to the edges; an address is netip.AddrPort"},
	{"context", nil, "a core never waits, so nothing can be cancelled in it"},
	{"sync", nil, "a core runs on one loop and shares nothing, so it needs no lock"},
	{"log", nil, "the loop traces events and effects in one place"},
	{"crypto/rand", nil, "secrets arrive inside events, so that a run can be repeated"},
	{"golang.org/x/sys", []string{"golang.org/x/sys/cpu"}, "the operating system belongs to the edges"},
}

var bannedCalls = []callBan{
	{"time", []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick",
		"NewTimer", "NewTicker"}, false,
		"now is handed to a core; a hidden clock makes a simulated world lie"},
	{"math/rand", []string{"New", "NewSource", "NewZipf", "Rand", "Source", "Source64", "Zipf"}, true,
		"chance is a seeded source given at construction"},
	{"math/rand/v2", []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG",
		"ChaCha8", "Zipf"}, true,
		"chance is a seeded source given at construction"},
}

// worldly are the files of floors 0 to 2 that may touch the world.
var worldly = []pardon{
	{"internal/step/loop.go", "it is the loop: the one place where a core meets time and threads"},
}

// naps are the tests that may sleep. There is none.
var naps = []pardon{}

var worldRules = []rule{
	{"floors 0 to 2 do not touch the world",
		"the same machines run on a laptop and in a simulated world of a thousand; " +
			"what they could touch there would not be simulated",
		worldUntouched},
	{"tests do not sleep",
		"a sleep is too short on a busy machine and too long on every other one; " +
			"wait for the event itself, or let testing/synctest move the clock",
		noNaps},
}

func pardoned(list []pardon, what string) bool {
	return slices.ContainsFunc(list, func(p pardon) bool { return p.what == what })
}

func worldUntouched(h *house, l *law) (out []finding) {
	touched := map[string]bool{}
	for _, s := range h.files {
		r, ok := l.room(s.dir)
		if !ok || r.floor > node || r.aid || s.test {
			continue
		}
		found := append(h.worldImports(s), h.worldSyntax(s)...)
		touched[s.path] = len(found) > 0
		if !pardoned(l.worldly, s.path) {
			out = append(out, found...)
		}
	}
	for _, p := range l.worldly {
		if !touched[p.what] {
			out = append(out, finding{p.what, "stale row in worldly: it does not touch the world"})
		}
	}
	return out
}

func (h *house) worldImports(s *source) (out []finding) {
	for _, from := range s.imported() {
		for _, b := range bannedImports {
			if under(from, b.path) && !slices.Contains(b.but, from) {
				out = append(out, finding{s.path, "imports " + from + ": " + b.reason})
			}
		}
	}
	return out
}

func (h *house) worldSyntax(s *source) (out []finding) {
	report := func(n ast.Node, what string) {
		out = append(out, finding{h.at(n), what})
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "starts a goroutine")
		case *ast.ChanType:
			report(n, "names a channel")
		case *ast.SendStmt:
			report(n, "sends on a channel")
		case *ast.SelectStmt:
			report(n, "selects among channels")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				report(n, "receives from a channel")
			}
		case *ast.SelectorExpr:
			from, name := s.call(n)
			for _, b := range bannedCalls {
				if from == b.path && slices.Contains(b.names, name) != b.only {
					report(n, fmt.Sprintf("uses %s.%s: %s", from, name, b.reason))
				}
			}
		}
		return true
	})
	return out
}

func noNaps(h *house, l *law) (out []finding) {
	sleeps := map[string]bool{}
	for _, s := range h.files {
		if !s.test && !strings.HasSuffix(s.dir, "test") {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if from, name := s.call(n); from == "time" && name == "Sleep" {
				sleeps[s.path] = true
				if !pardoned(l.naps, s.path) {
					out = append(out, finding{h.at(n), "calls time.Sleep"})
				}
			}
			return true
		})
	}
	for _, p := range l.naps {
		if !sleeps[p.what] {
			out = append(out, finding{p.what, "stale row in naps: it does not sleep"})
		}
	}
	return out
}
