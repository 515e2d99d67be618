package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path every import of our own packages begins with.
const module = "github.com/shoal-sync/shoal"

// house is every Go file of one source tree, parsed, whatever its build constraints.
type house struct {
	disk  fs.FS
	fset  *token.FileSet
	files []*source
}

// source is one parsed Go file.
type source struct {
	path    string // from the top of the tree, with forward slashes
	dir     string
	test    bool
	text    []byte
	syntax  *ast.File
	imports map[string]string // name used in this file, to import path
}

// finding is one broken rule: where, and what.
type finding struct {
	where string
	what  string
}

// rule is one row of the house's law.
type rule struct {
	name   string
	reason string
	check  func(*house, *law) []finding
}

// law is what the rules are checked against, so that the tests of the rules themselves
// can bring a small one of their own.
type law struct {
	rooms      []room
	neighbours []passage
	doors      []door
	worldly    []pardon
	ports      []pardon
	naps       []pardon
	spoken     []pardon
	grown      []growth
}

// pardon lets one named thing break one rule, with the reason.
type pardon struct {
	what   string
	reason string
}

var rules = slices.Concat(
	floorRules, doorRules, worldRules, sizeRules, nameRules, textRules)

var ourLaw = &law{
	rooms:      rooms,
	neighbours: neighbours,
	doors:      doors,
	worldly:    worldly,
	ports:      ports,
	naps:       naps,
	spoken:     spoken,
	grown:      grown,
}

func TestHouse(t *testing.T) {
	h := load(t, os.DirFS("../.."))
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			found := r.check(h, ourLaw)
			for _, f := range found {
				t.Errorf("%s: %s", f.where, f.what)
			}
			if len(found) > 0 {
				t.Logf("why this rule: %s", r.reason)
			}
		})
	}
}

// load parses every Go file below the top of disk, nested modules left out: they have
// laws of their own.
func load(t *testing.T, disk fs.FS) *house {
	t.Helper()
	h := &house{disk: disk, fset: token.NewFileSet()}
	err := fs.WalkDir(disk, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (aside(d.Name()) || nested(disk, name)):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		return h.add(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) add(name string) error {
	text, err := fs.ReadFile(h.disk, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(h.fset, name, text, parser.ParseComments)
	if err != nil {
		return err
	}
	s := &source{
		path:    name,
		dir:     path.Dir(name),
		test:    strings.HasSuffix(name, "_test.go"),
		text:    text,
		syntax:  syntax,
		imports: map[string]string{},
	}
	for _, spec := range syntax.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		local := defaultName(from)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "_" || local == "." || s.imports[local] != "" {
			local = from // unique, and never the name of a selector
		}
		s.imports[local] = from
	}
	h.files = append(h.files, s)
	return nil
}

// at names the line of a node, for messages.
func (h *house) at(n ast.Node) string {
	p := h.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// dirs lists the directories that hold Go files, each once, sorted.
func (h *house) dirs() []string {
	var out []string
	for _, s := range h.files {
		out = append(out, s.dir)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// imported lists what a file imports, sorted, so that findings come in one order.
func (s *source) imported() []string {
	var out []string
	for _, from := range s.imports {
		out = append(out, from)
	}
	slices.Sort(out)
	return out
}

// call returns the import path and the name when n is a selector on an imported package.
func (s *source) call(n ast.Node) (from, name string) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return s.imports[x.Name], sel.Sel.Name
}

// defaultName guesses the name of a package from its import path: the last element that
// is not a major version.
func defaultName(from string) string {
	name := path.Base(from)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(from))
	}
	return strings.TrimPrefix(name, "go-")
}

// aside reports directories that hold no source of ours: version control, caches, and
// what the build leaves behind.
func aside(name string) bool {
	return name == "bin" || name == "testdata" || strings.HasPrefix(name, ".")
}

func nested(disk fs.FS, dir string) bool {
	_, err := fs.Stat(disk, path.Join(dir, "go.mod"))
	return err == nil
}

// under reports whether p is prefix itself or lies below it.
func under(p, prefix string) bool {
	return p == prefix || strings.HasPrefix(p, prefix+"/")
}
