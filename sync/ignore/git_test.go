package ignore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// question is one path held against one text of patterns, in a folder of its own.
type question struct {
	folder string
	path   string
	dir    bool
}

// answer is what git says: which file and line decides, 0 for none.
type answer struct {
	file    string
	line    int
	pattern string
}

// repository is a real git repository.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("names of any bytes, and their case, are kept on Linux only")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("GIT IS NOT INSTALLED: nothing here was compared with it:", err)
	}
	r := repository{t, t.TempDir()}
	r.git(nil, "init", "-q", ".")
	return r
}

func (r repository) git(in []byte, args ...string) []byte {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "core.ignoreCase=false"}, args...)...)
	cmd.Dir = r.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	cmd.Stdin = bytes.NewReader(in)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	// git's check-ignore ends with 1 when it found nothing to ignore.
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1 && complaint.Len() == 0) {
		r.t.Fatalf("git %v: %v\n%s", args, err, complaint.Bytes())
	}
	return out
}

func (r repository) write(name string, text []byte) {
	r.t.Helper()
	name = filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o666); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) makeDir(name string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Join(r.dir, name), 0o777); err != nil {
		r.t.Fatal(err)
	}
}

// isDir is how git finds out. What is not there counts as a file.
func (r repository) isDir(name string) bool {
	info, err := os.Lstat(filepath.Join(r.dir, name))
	return err == nil && info.IsDir()
}

func (r repository) ask(questions []question) []answer {
	r.t.Helper()
	var in bytes.Buffer
	for _, q := range questions {
		in.WriteString(filepath.Join(q.folder, q.path) + "\x00")
	}
	out := r.git(in.Bytes(), "check-ignore", "-v", "-n", "-z", "--no-index", "--stdin")
	fields := bytes.Split(out, []byte{0})
	if len(fields) != 4*len(questions)+1 {
		r.t.Fatalf("%d questions, %d fields of answers", len(questions), len(fields))
	}
	answers := make([]answer, len(questions))
	for i, q := range questions {
		f := fields[4*i : 4*i+4]
		if want := filepath.Join(q.folder, q.path); string(f[3]) != want {
			r.t.Fatalf("asked about %q, git answered about %q", want, f[3])
		}
		answers[i] = answer{file: string(f[0]), pattern: string(f[2])}
		if len(f[1]) == 0 {
			continue
		}
		line, err := strconv.Atoi(string(f[1]))
		if err != nil {
			r.t.Fatal(err)
		}
		answers[i].line = line
	}
	return answers
}

// differs compares a verdict with git's.
func differs(v Verdict, want answer) bool {
	outcome := Ignored
	switch {
	case want.line == 0:
		outcome = NoMatch
	case strings.HasPrefix(want.pattern, "!"):
		outcome = Included
	}
	return v.Outcome != outcome || v.Line != want.line || v.Pattern != want.pattern
}

// makeFolder makes the directories of a folder and the questions about its paths.
func (r repository) makeFolder(folder string, all, dirs []string) (out []question) {
	r.makeDir(folder)
	for _, d := range dirs {
		r.makeDir(filepath.Join(folder, d))
	}
	for _, path := range all {
		out = append(out, question{folder, path, r.isDir(filepath.Join(folder, path))})
	}
	return out
}

// compareWithGit holds texts against the paths of folders. One run of git answers for all
// folders, each with a text as its .gitignore; then the folders get the next texts.
func compareWithGit(t *testing.T, r repository, texts [][]byte, folders [][]question) {
	t.Helper()
	counts := map[Outcome]int{}
	asked, wrong := 0, 0
	for len(texts) > 0 {
		n := min(len(texts), len(folders))
		var questions []question
		for i, text := range texts[:n] {
			r.write(filepath.Join(folders[i][0].folder, ".gitignore"), text)
			questions = append(questions, folders[i]...)
		}
		answers := r.ask(questions)
		asked += len(answers)
		for i, text := range texts[:n] {
			p, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			for j, q := range folders[i] {
				v, want := p.Match(q.path, q.dir), answers[j]
				counts[v.Outcome]++
				if !differs(v, want) {
					continue
				}
				t.Errorf("%q on %q (directory: %v): git says line %d, %q; we say %v",
					text, q.path, q.dir, want.line, want.pattern, v)
				if wrong++; wrong == 20 {
					t.Fatal("and so on")
				}
			}
			answers = answers[len(folders[i]):]
		}
		texts = texts[n:]
	}
	t.Logf("%d paths: %d ignored, %d taken back, %d not matched", asked,
		counts[Ignored], counts[Included], counts[NoMatch])
}

// The parts that texts and paths are made of: few, so that they meet often. Parts that
// stand twice are to be met more often.
var (
	patternParts = strings.Split("a a a b b ab * * * ** ** ? / / / / **/ /** /**/ [ab] [!a] [^b] "+
		"[a-c] [b-] [-a] []a] [!]] [a\\]] [\\--b] [a-\\c] [[:alpha:]] [![:alpha:]b] [[:nope:]] [[:a] "+
		"[ [a [! [] [/] [a/b] ] ! # \\ \\a \\* \\/ \\[ \\! \\# \\\\ - . .a \xff é \t \r", " ")
	ordinary   = strings.Split("x x x/ *x *x *x/ *xx x* /x /x/ x/x x/*x x/**/x **/x x/** x/* /* * x?", " ")
	denseParts = strings.Split("a a b * * ? / / [ab] [!a] **/ /** /**/ ** a*", " ")
	nameParts  = strings.Split("a a a b b ab c . .a * ? [ ] ! # \\ - \xff é \t \r", " ")
)

func randomLine(r *rand.Rand) string {
	var b strings.Builder
	if r.IntN(4) == 0 {
		b.WriteByte('!')
	}
	switch r.IntN(4) {
	case 0:
		line := ordinary[r.IntN(len(ordinary))]
		for strings.Contains(line, "x") {
			line = strings.Replace(line, "x", []string{"a", "b", "ab", ".a"}[r.IntN(4)], 1)
		}
		return b.String() + line
	case 1:
		for range 3 + r.IntN(10) {
			b.WriteString(denseParts[r.IntN(len(denseParts))])
		}
		return b.String()
	}
	for range 1 + r.IntN(5) {
		switch r.IntN(12) {
		case 0:
			b.WriteString([]string{" ", "\\ ", "  "}[r.IntN(3)])
		default:
			b.WriteString(patternParts[r.IntN(len(patternParts))])
		}
	}
	if r.IntN(5) == 0 {
		b.WriteByte('/')
	}
	return b.String()
}

func randomText(r *rand.Rand) []byte {
	var b bytes.Buffer
	if r.IntN(20) == 0 {
		b.Write(byteOrderMark)
	}
	for range 1 + r.IntN(8) {
		b.WriteString(randomLine(r))
		b.WriteString([]string{"\n", "\n", "\n", "\r\n", " \n", " \r\n", "\n\n"}[r.IntN(7)])
	}
	if r.IntN(4) == 0 {
		b.WriteString(randomLine(r))
	}
	return b.Bytes()
}

func randomPath(r *rand.Rand) string {
	var names []string
	if r.IntN(4) == 0 {
		for range 1 + r.IntN(6) {
			names = append(names, "aababba"[r.IntN(5):][:1+r.IntN(3)])
		}
		return strings.Join(names, "/")
	}
	for range 1 + r.IntN(4) {
		name := ""
		for range 1 + r.IntN(2) {
			name += nameParts[r.IntN(len(nameParts))]
		}
		switch {
		case r.IntN(30) == 0:
			name += " "
		case name == "." || name == "..":
			name = "a"
		}
		names = append(names, name)
	}
	return strings.Join(names, "/")
}

// randomPaths makes paths and says which of them are directories.
func randomPaths(r *rand.Rand) (all, dirs []string) {
	for i := range 32 {
		all = append(all, randomPath(r))
		if i%3 == 0 {
			dirs = append(dirs, all[i])
		}
	}
	return all, dirs
}

// The rules that people read in the table of TestRules are what git does.
func TestRulesAreSameAsGit(t *testing.T) {
	r := newRepository(t)
	for i, c := range rulesOfGit {
		var files, dirs []string
		for path := range c.lines {
			if dir, ok := strings.CutSuffix(path, "/"); ok {
				dirs = append(dirs, dir)
			} else {
				files = append(files, path)
			}
		}
		folders := [][]question{r.makeFolder(fmt.Sprintf("files%d", i), files, nil)}
		if len(dirs) > 0 {
			folders = append(folders, r.makeFolder(fmt.Sprintf("dirs%d", i), dirs, dirs))
		}
		text := []byte(c.text)
		compareWithGit(t, r, [][]byte{text, text}[:len(folders)], folders)
	}
}

// Thousands of random texts, some ordinary, some dense with stars, each held against random
// paths, end with the verdict of git and the same deciding line. The environment may ask
// for more texts, or for those of another seed.
func TestSameAsGitOnRandomPatterns(t *testing.T) {
	r := newRepository(t)
	texts, seed := fromEnvironment("SHOAL_IGNORE_TEXTS", 2000), fromEnvironment("SHOAL_IGNORE_SEED", 1)
	if testing.Short() {
		texts = min(texts, 500)
	}
	chance := rand.New(rand.NewPCG(uint64(seed), 0))
	all := make([][]byte, texts)
	for i := range all {
		all[i] = randomText(chance)
	}
	folders := make([][]question, 60)
	for i := range folders {
		paths, dirs := randomPaths(chance)
		folders[i] = r.makeFolder(fmt.Sprintf("t%02d", i), paths, dirs)
	}
	compareWithGit(t, r, all, folders)
}

func fromEnvironment(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// Two texts combined are what git makes of two files of which one wins.
func TestCombinedIsSameAsGit(t *testing.T) {
	r := newRepository(t)
	chance := rand.New(rand.NewPCG(2, 0))
	paths, dirs := randomPaths(chance)
	questions := r.makeFolder("", paths, dirs)
	const first, second = ".git/info/exclude", ".gitignore"
	for range 60 {
		a, b := randomText(chance), randomText(chance)
		r.write(first, a)
		r.write(second, b)
		parsedA, errA := Parse(a)
		parsedB, errB := Parse(b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		both := Combine(parsedA, parsedB)
		for i, want := range r.ask(questions) {
			v := both.Match(questions[i].path, questions[i].dir)
			source := map[string]int{"": 0, first: 0, second: 1}[want.file]
			if differs(v, want) || v.Source != source {
				t.Errorf("%q, then %q, on %q (directory: %v): git says %s:%d, %q; we say %v", a, b,
					questions[i].path, questions[i].dir, want.file, want.line, want.pattern, v)
			}
		}
	}
}

// Every set is held against every byte that a name may contain.
func TestSetsAreSameAsGit(t *testing.T) {
	r := newRepository(t)
	var texts [][]byte
	for class := range classes {
		texts = append(texts, []byte("x[[:"+class+":]]y"), []byte("x[![:"+class+":]]y"))
	}
	for _, set := range []string{"[a-z]", "[z-a]", "[a-]", "[--/]", "[+--]", "[!-a]", "[^^]", "[]-a]",
		"[\\]]", "[\\\\]", "[a-c-e]", "[[:digit:]-a]", "[a-[:digit:]]", "[[:]", "[[:x]", "[[::]]", "[[:ab:]",
		"[[.a.]]", "[\x80-\xff]", "[é]", "[\t-\r]", "[\x01-\x1f]", "?", "*", "[*]", "[?]", "[[]", "[!!]", "[a\\-z]",
		"[[:alpha:][:digit:]_]", "[[:alpha:]", "[ ]", "\\ ", "\\?", "[a-b-c-d]", "[\\a-\\c]", "[-]", "[--]", "[---]"} {
		texts = append(texts, []byte("x"+set+"y"), []byte("/x"+set+"y"))
	}
	var paths []string
	for b := 1; b < 256; b++ {
		if b != '/' {
			paths = append(paths, "x"+string([]byte{byte(b)})+"y")
		}
	}
	paths = append(paths, "xy")
	var folders [][]question
	for i := range 10 {
		folders = append(folders, r.makeFolder(fmt.Sprintf("t%d", i), paths, nil))
	}
	compareWithGit(t, r, texts, folders)
}
