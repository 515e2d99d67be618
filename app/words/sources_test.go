package words

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// speakers are the packages whose sentences people read.
var speakers = []string{"words", "status", "shoal", "desktop", "tray", "web", "platform"}

// sentences collects what the source says, in the order in which it stands there.
func sentences(t *testing.T) []entry {
	t.Helper()
	var out []entry
	seen := map[string]bool{}
	add := func(where string, e entry) {
		if !strings.ContainsFunc(verb.ReplaceAllString(e.key(), ""), unicode.IsLetter) {
			return // a form without words
		}
		if was, ok := plurals[e.key()]; ok && was != e.id {
			t.Errorf("%s: %q stands for both %q and %q", where, e.key(), was, e.id)
		}
		plurals[e.key()] = e.id
		if !seen[e.key()] {
			seen[e.key()] = true
			out = append(out, e)
		}
	}
	for _, room := range speakers {
		err := filepath.WalkDir("../"+room, func(path string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) || d != nil && d.IsDir() && d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			switch filepath.Ext(path) {
			case ".go":
				return ofSource(path, text, add)
			case ".html":
				return ofPage(path, text, add)
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return out
}

var plurals = map[string]string{}

// ofSource finds the calls of Say, Many and Mark, and of what people in a package named
// after them.
func ofSource(path string, text []byte, add func(string, entry)) error {
	files := token.NewFileSet()
	syntax, err := parser.ParseFile(files, path, text, 0)
	if err != nil {
		return err
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			if f.Name == "Mark" || syntax.Name.Name == "desktop" && (f.Name == "say" || f.Name == "many") {
				name = f.Name
			}
		}
		where := files.Position(call.Pos()).String()
		switch name {
		case "Say", "Mark", "say":
			if text, ok := literal(call.Args, 0); ok {
				add(where, entry{id: text})
			}
		case "Many", "many":
			one, first := literal(call.Args, 1)
			several, second := literal(call.Args, 2)
			if first && second {
				add(where, entry{id: one, plural: several})
			}
		}
		return true
	})
	return nil
}

func literal(args []ast.Expr, i int) (string, bool) {
	if i >= len(args) {
		return "", false
	}
	switch e := args[i].(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := literal([]ast.Expr{e.X}, 0)
		right, also := literal([]ast.Expr{e.Y}, 0)
		return left + right, ok && also
	}
	return "", false
}

var (
	saysInPage = regexp.MustCompile(`[{( ]say ("(?:[^"\\]|\\.)*")`)
	manyInPage = regexp.MustCompile(`[{( ]many \S+ ("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*")`)
)

func ofPage(path string, text []byte, add func(string, entry)) error {
	for _, m := range saysInPage.FindAllSubmatch(text, -1) {
		id, err := strconv.Unquote(string(m[1]))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		add(path, entry{id: id})
	}
	for _, m := range manyInPage.FindAllSubmatch(text, -1) {
		one, first := strconv.Unquote(string(m[1]))
		several, second := strconv.Unquote(string(m[2]))
		if first != nil || second != nil {
			return fmt.Errorf("%s: %s is no string", path, m[0])
		}
		add(path, entry{id: one, plural: several})
	}
	return nil
}

// written draws a catalogue: the sentences of the source with what is known of them.
func written(l Language, list []entry, known map[string][]string) []byte {
	var b bytes.Buffer
	rule := "nplurals=2; plural=(n != 1);"
	switch {
	case l == French:
		rule = "nplurals=2; plural=(n > 1);"
	case l.count() == 1:
		rule = "nplurals=1; plural=0;"
	}
	fmt.Fprintf(&b, "msgid \"\"\nmsgstr \"\"\n\"Language: %s\\n\"\n\"Content-Type: text/plain; charset=UTF-8\\n\"\n"+
		"\"Plural-Forms: %s\\n\"\n", l, rule)
	for _, e := range list {
		forms := known[e.key()]
		fmt.Fprintf(&b, "\nmsgid %s\n", quoted(e.id))
		if e.plural == "" {
			text := ""
			if len(forms) > 0 {
				text = forms[0]
			}
			fmt.Fprintf(&b, "msgstr %s\n", quoted(text))
			continue
		}
		fmt.Fprintf(&b, "msgid_plural %s\n", quoted(e.plural))
		for i := range l.count() {
			text := ""
			if i < len(forms) {
				text = forms[i]
			}
			fmt.Fprintf(&b, "msgstr[%d] %s\n", i, quoted(text))
		}
	}
	return b.Bytes()
}

// quoted writes a string so that both Go and gettext read it.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(text) + `"`
}
