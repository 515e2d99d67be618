package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// banishedText is what no file may say: paths of the machine somebody worked on, the
// names of programs that write text for people, and hosts that only one place can reach.
// The expressions are put together from parts, so that this file does not break its own
// rule.
var banishedText = []pardon{
	{`(^|[\s"'=(:` + "`" + `])/(wo` + `rk|ro` + `ot|fa` + `rm)/`,
		"a path of one machine means nothing on another"},
	{`\.\./sha` + `red\b`, "what lies beside the checkout is not part of it"},
	{`(?i)\b(cla` + `ude|anth` + `ropic|open` + `ai|chat` + `gpt|cod` + `ex|copi` + `lot)\b`,
		"the files are about the program, not about what they were written with"},
	{`(?i)\b(pro` + `xy|su` + `m)\.golang\.org\b`, "where modules come from is the reader's choice"},
	{`(?i)\b(ghcr|dock` + `er)\.io\b|\bregis` + `try\.[a-z-]+\.`, "where images come from is the reader's choice"},
}

// textMax is the largest file that is read for words: text is smaller, and pictures and
// recorded streams are not text.
const textMax = 1 << 20

var textRules = []rule{
	{"log messages are constants",
		"reports keep the messages of the log and hide what stands beside them: a name in a " +
			"message would be told to strangers",
		messagesConstant},
	{"no file speaks of one machine",
		"everything here must make sense to somebody who has only this tree",
		textClean},
}

// messagesConstant looks at calls of Debug, Info, Warn and Error of something called log.
func messagesConstant(h *house, _ *law) (out []finding) {
	for _, s := range h.files {
		if s.test {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, method.Sel.Name) {
				return true
			}
			var on string
			switch x := method.X.(type) {
			case *ast.Ident:
				on = x.Name
			case *ast.SelectorExpr:
				on = x.Sel.Name
			}
			if !strings.EqualFold(on, "log") {
				return true
			}
			if !spelledOut(call.Args[0]) {
				out = append(out, finding{h.at(n), "logs a message that is no constant: put what varies beside it"})
			}
			return true
		})
	}
	return out
}

// spelledOut reports whether a text stands in the source as it is.
func spelledOut(text ast.Expr) bool {
	switch text := text.(type) {
	case *ast.BasicLit:
		return text.Kind == token.STRING
	case *ast.BinaryExpr:
		return spelledOut(text.X) && spelledOut(text.Y)
	}
	return false
}

func textClean(h *house, _ *law) (out []finding) {
	var expressions []*regexp.Regexp
	for _, b := range banishedText {
		expressions = append(expressions, regexp.MustCompile(b.what))
	}
	err := fs.WalkDir(h.disk, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "bin" || name == ".git" || name == ".cache"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := readText(h.disk, name)
		if err != nil {
			return err
		}
		for i, expression := range expressions {
			if at := expression.FindIndex(text); at != nil {
				line := 1 + bytes.Count(text[:at[0]], []byte("\n"))
				out = append(out, finding{fmt.Sprintf("%s:%d", name, line),
					fmt.Sprintf("says %q: %s", strings.TrimSpace(string(text[at[0]:at[1]])),
						banishedText[i].reason)})
			}
		}
		return nil
	})
	if err != nil {
		out = append(out, finding{"the tree", err.Error()})
	}
	return out
}

// readText returns nothing for files that are no text.
func readText(disk fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(disk, name)
	if err != nil || info.Size() > textMax || path.Ext(name) == ".sum" {
		return nil, err
	}
	text, err := fs.ReadFile(disk, name)
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, err
	}
	return text, err
}
