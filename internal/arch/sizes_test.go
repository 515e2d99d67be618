package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"slices"
)

// What must not grow. A thing that outgrows its limit is split where its ideas part.
const (
	functionLines    = 70  // one screen: its whole story can be seen at once
	fileLines        = 600 // one idea, readable in one sitting
	parameterCount   = 5   // more are a struct whose fields have names
	interfaceMethods = 7   // more cannot be given a second implementation that is right
	nodeLines        = 850 // two machines, six cores and the words of all; what is decided belongs in a core
)

const nodeDir = "app/node"

// growth is a thing that is larger than its limit: a decision table, or a codec. The list
// may only shrink: size is exact, so whoever makes it smaller lowers the row, and whoever
// makes it larger fails.
type growth struct {
	what   string // "file.go" or "file.go Function" or "file.go Type.Method"
	size   int
	reason string
}

var grown = []growth{}

// ports are the interfaces that a core may ask its host for.
var ports = []pardon{}

var sizeRules = []rule{
	{"functions, files and parameter lists stay small",
		"a reader holds about one screen in mind; every limit here once stopped " +
			"somebody from changing a thing they could not see whole",
		sizesKept},
	{"app/node stays small",
		"the node joins all cores, so everything would fit there; " +
			"its budget sends decisions back to the cores",
		nodeSmall},
	{"interfaces stay small, and cores declare none",
		"a core is handed values and answers with effects; an interface in it is " +
			"a hole through which the world comes in",
		interfacesSmall},
}

func lineCount(text []byte) int {
	n := bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		n++
	}
	return n
}

func sizesKept(h *house, l *law) (out []finding) {
	sizes := map[string]int{}
	measure := func(what, unit string, size, limit int) {
		if size <= limit {
			return
		}
		sizes[what] = size
		allowed := slices.ContainsFunc(l.grown, func(g growth) bool { return g.what == what })
		if !allowed {
			out = append(out, finding{what, fmt.Sprintf("has %d %s, the limit is %d", size, unit, limit)})
		}
	}
	for _, s := range h.files {
		measure(s.path, "lines", lineCount(s.text), fileLines)
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := s.path + " " + functionName(f)
			measure(name, "lines", h.lines(f), functionLines)
			measure(name+"()", "parameters", fields(f.Type.Params), parameterCount)
		}
	}
	for _, g := range l.grown {
		switch size := sizes[g.what]; {
		case size == 0:
			out = append(out, finding{g.what, "stale row in grown: it is within its limit, or gone"})
		case size != g.size:
			out = append(out, finding{g.what, fmt.Sprintf("is %d, its row in grown says %d: "+
				"larger is not allowed, smaller lowers the row", size, g.size)})
		}
	}
	return out
}

func (h *house) lines(n ast.Node) int {
	return h.fset.Position(n.End()).Line - h.fset.Position(n.Pos()).Line + 1
}

func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	return receiver(f.Recv.List[0].Type) + "." + f.Name.Name
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

func fields(list *ast.FieldList) (n int) {
	for _, f := range list.List {
		n += max(1, len(f.Names))
	}
	return n
}

func nodeSmall(h *house, _ *law) []finding {
	total := 0
	for _, s := range h.files {
		if s.dir == nodeDir && !s.test {
			total += lineCount(s.text)
		}
	}
	switch {
	case total == 0:
		return []finding{{nodeDir, "is gone: mend the name of the package this rule watches"}}
	case total > nodeLines:
		return []finding{{nodeDir, fmt.Sprintf("has %d lines, its budget is %d", total, nodeLines)}}
	}
	return nil
}

func interfacesSmall(h *house, l *law) (out []finding) {
	declared := map[string]bool{}
	for _, s := range h.files {
		r, _ := l.room(s.dir)
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			i, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				return true
			}
			name := s.dir + "." + spec.Name.Name
			declared[name] = true
			if size := fields(i.Methods); size > interfaceMethods {
				out = append(out, finding{h.at(spec), fmt.Sprintf("%s has %d methods, the limit is %d",
					name, size, interfaceMethods)})
			}
			if r.floor == cores && !s.test && !sealed(i) && !pardoned(l.ports, name) {
				out = append(out, finding{h.at(spec), "the core declares the interface " + name})
			}
			return true
		})
	}
	for _, p := range l.ports {
		if !declared[p.what] {
			out = append(out, finding{p.what, "stale row in ports: there is no such interface"})
		}
	}
	return out
}

// sealed reports interfaces that only list alternatives: type sets, and those whose
// methods no other package can implement (the events and effects of a core).
func sealed(i *ast.InterfaceType) bool {
	for _, m := range i.Methods.List {
		if _, method := m.Type.(*ast.FuncType); !method {
			if _, union := m.Type.(*ast.BinaryExpr); !union {
				continue
			}
			return true
		}
		for _, name := range m.Names {
			if !ast.IsExported(name.Name) {
				return true
			}
		}
	}
	return false
}
