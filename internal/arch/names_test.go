package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/format"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// emptyWords say that nobody decided what a thing is.
var emptyWords = []string{"util", "utils", "helper", "helpers", "common", "manager", "misc",
	"base", "data", "handler"}

// emptyFiles are file names that say the kind of what is in them, not the idea. The word
// base is not among them: in a file name it may be the base tree.
var emptyFiles = []string{"types", "util", "utils", "helper", "helpers", "common", "misc",
	"manager", "handler", "handlers", "interfaces", "structs", "constants"}

// spoken are types whose name may use an empty word, because the glossary gives it a
// meaning.
var spoken = []pardon{
	{"sync/tree.Base", "the base is one of a folder's three trees: as last agreed here"},
}

// knownTags are the build tags we use beside the names of systems and processors. A file
// behind any other tag is never built, and nobody notices when it breaks.
var knownTags = []string{"desktop", "faults", "race", "unix", "linux", "darwin", "windows", "freebsd",
	"amd64", "arm64", "cgo"}

// commentColumns is how far a comment may reach, its marker "// " not counted.
const commentColumns = 90

var todo = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
var todoWithIssue = regexp.MustCompile(`\bTODO\(#\d+\)`)

var nameRules = []rule{
	{"one comment says what each package is",
		"the first question of every reader: what it knows, what it leaves to others, " +
			"and who calls it; two answers are as bad as none",
		packageComments},
	{"names say the idea",
		"a package or type named for nothing in particular collects everything",
		namesMean},
	{"comments can be read",
		"long lines are not read, and an unfinished thing without an issue is forgotten",
		commentsRead},
	{"files are formatted",
		"one form for all, so that a change shows only what changed",
		formatted},
	{"no dead files",
		"a file that is never built, or holds nothing, looks like work that was done",
		filesLive},
}

func packageComments(h *house, _ *law) (out []finding) {
	comments := map[string][]string{}
	names := map[string]string{}
	for _, s := range h.files {
		if s.test {
			continue
		}
		names[s.dir] = s.syntax.Name.Name
		if s.syntax.Doc != nil {
			comments[s.dir] = append(comments[s.dir], s.syntax.Doc.Text())
		}
	}
	for _, dir := range h.dirs() {
		name, ok := names[dir]
		if !ok {
			continue
		}
		begin := "Package " + name + " "
		if name == "main" {
			begin = "Command " + path.Base(dir) + " "
		}
		switch c := comments[dir]; {
		case len(c) != 1:
			out = append(out, finding{dir, fmt.Sprintf("has %d package comments", len(c))})
		case !strings.HasPrefix(strings.ReplaceAll(c[0], "\n", " "), begin):
			out = append(out, finding{dir, fmt.Sprintf("its package comment does not begin with %q", begin)})
		}
	}
	return out
}

func namesMean(h *house, l *law) (out []finding) {
	met := map[string]bool{}
	for _, s := range h.files {
		file := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
		if slices.Contains(emptyFiles, file) {
			out = append(out, finding{s.path, "the file's name says the kind, not the idea"})
		}
		if slices.Contains(emptyWords, strings.TrimSuffix(s.syntax.Name.Name, "_test")) {
			out = append(out, finding{s.path, "the package's name says nothing"})
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			name := s.dir + "." + spec.Name.Name
			for _, word := range words(spec.Name.Name) {
				met[name] = met[name] || slices.Contains(emptyWords, word)
				if slices.Contains(emptyWords, word) && !pardoned(l.spoken, name) {
					out = append(out, finding{h.at(spec), fmt.Sprintf("the word %q in %s says nothing",
						word, spec.Name.Name)})
				}
			}
			return true
		})
	}
	for _, p := range l.spoken {
		if !met[p.what] {
			out = append(out, finding{p.what, "stale row in spoken: there is no such type"})
		}
	}
	return out
}

// words splits a Go name where its words begin, in lower case.
func words(name string) (out []string) {
	start := 0
	runes := []rune(name)
	for i := 1; i <= len(runes); i++ {
		if i == len(runes) || runes[i] == '_' ||
			unicode.IsUpper(runes[i]) && !unicode.IsUpper(runes[i-1]) {
			out = append(out, strings.ToLower(strings.Trim(string(runes[start:i]), "_")))
			start = i
		}
	}
	return out
}

func commentsRead(h *house, _ *law) (out []finding) {
	for _, s := range h.files {
		lines := bytes.Split(s.text, []byte("\n"))
		for _, group := range s.syntax.Comments {
			for _, c := range group.List {
				if todo.MatchString(c.Text) && !todoWithIssue.MatchString(c.Text) {
					out = append(out, finding{h.at(c), "name the issue: TODO(#12), or do it now"})
				}
				first, last := h.fset.Position(c.Pos()).Line, h.fset.Position(c.End()).Line
				for n := first; n <= last; n++ {
					line := strings.TrimRight(string(lines[n-1]), "\r")
					if columns(line)-len("// ") > commentColumns && aloneOnLine(line) {
						out = append(out, finding{fmt.Sprintf("%s:%d", s.path, n),
							fmt.Sprintf("the comment is longer than %d columns", commentColumns)})
					}
				}
			}
		}
	}
	return out
}

// aloneOnLine leaves out comments behind code, whose width is the code's matter, and
// lines with an address or a tool's directive, which cannot be broken.
func aloneOnLine(line string) bool {
	trimmed := strings.TrimSpace(line)
	return strings.HasPrefix(trimmed, "// ") && !strings.Contains(trimmed, "://")
}

func columns(line string) int {
	return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
}

func formatted(h *house, _ *law) (out []finding) {
	for _, s := range h.files {
		text := bytes.ReplaceAll(s.text, []byte("\r\n"), []byte("\n"))
		tidy, err := format.Source(text)
		if err != nil {
			out = append(out, finding{s.path, err.Error()})
		} else if !bytes.Equal(text, tidy) {
			out = append(out, finding{s.path, "run gofmt -w on it"})
		}
	}
	return out
}

func filesLive(h *house, _ *law) (out []finding) {
	for _, s := range h.files {
		if s.test && !slices.ContainsFunc(s.syntax.Decls, isNotImport) {
			out = append(out, finding{s.path, "holds no test"})
		}
		for _, group := range s.syntax.Comments {
			for _, c := range group.List {
				expr, err := constraint.Parse(c.Text)
				if !constraint.IsGoBuild(c.Text) || err != nil {
					continue
				}
				expr.Eval(func(tag string) bool {
					if !slices.Contains(knownTags, tag) {
						out = append(out, finding{h.at(c), "unknown build tag " + tag})
					}
					return true
				})
			}
		}
	}
	return out
}

func isNotImport(d ast.Decl) bool {
	g, ok := d.(*ast.GenDecl)
	return !ok || len(g.Specs) > 0 && !isImport(g.Specs[0])
}

func isImport(s ast.Spec) bool {
	_, ok := s.(*ast.ImportSpec)
	return ok
}
