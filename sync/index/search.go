package index

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Names are found by trigrams: any three characters that follow one another. What is kept of
// a name is what names.Sought makes of it, after two marks, so that the trigrams with marks
// in them tell how a name begins. The index only proposes; whether a name has the words is
// looked at in its row, so that not every trigram of a word need be asked for.

// soughtMark stands twice before each name. Sought names have no control characters.
const soughtMark = "\x02"

func soughtText(name string) string { return soughtMark + soughtMark + names.Sought(name) }

// putSought has an entry found by its name from now on, and no more by the one it had.
func (s *Store) putSought(number int64, was, now string) error {
	if was == now {
		return nil
	}
	for _, step := range []struct {
		query query
		name  string
	}{{soughtDrop, was}, {soughtPut, now}} {
		if step.name == "" {
			continue
		}
		st, err := s.c.stmt(step.query)
		if err != nil {
			return err
		}
		st.BindInt64(1, number)
		st.BindText(2, soughtText(step.name))
		if err := run(st); err != nil {
			return err
		}
	}
	return nil
}

// fillSought has every name found of an index that was made before names could be.
func (c *conn) fillSought() error {
	type named struct {
		number int64
		name   string
	}
	for last, page := int64(0), []named{}; ; {
		st, err := c.stmt(namesAfter)
		if err != nil {
			return err
		}
		st.BindInt64(1, last)
		st.BindInt64(2, pageRows)
		page = page[:0]
		err = each(st, func(st *sqlite.Stmt) error {
			last = st.ColumnInt64(0)
			page = append(page, named{last, string(c.bytes(st, 1))})
			return nil
		})
		for i := 0; i < len(page) && err == nil; i++ {
			if st, err = c.stmt(soughtPut); err == nil {
				st.BindInt64(1, page[i].number)
				st.BindText(2, soughtText(page[i].name))
				err = run(st)
			}
		}
		if err != nil || len(page) < pageRows {
			return err
		}
	}
}

// Named is an entry that was found by its name.
type Named struct {
	// Path is where it is on disk, or will be, relative to the folder, with slashes.
	Path string
	Row  tree.Row
	// Here is set when what the entry should be is on disk.
	Here bool
}

const (
	// SearchWordsMax is how many words are looked for at once.
	SearchWordsMax = 16
	// lookedAtMax bounds how many names are looked at for one way of asking. Words that more
	// names have in common are answered by some of them.
	lookedAtMax = 1000
)

// Search finds up to limit live entries. One of the words is in the name of the entry, the
// others there or in its path, without regard to case and accents; words of one or two
// characters begin the name where nothing longer is asked for. Names that begin with the
// first word come first, then those that have all words, then the others; more words, not
// a larger limit, is how to find one among very many.
func (v *View) Search(words []string, limit int) ([]Named, error) {
	q := &nameQuery{v: v, limit: limit, met: map[int64]bool{}, dirs: map[ident.EntryID]dirPath{}}
	for _, w := range words {
		if w = names.Sought(w); w != "" && !slices.Contains(q.words, w) {
			q.words = append(q.words, w)
		}
	}
	if len(q.words) == 0 || limit <= 0 {
		return nil, nil
	}
	if len(q.words) > SearchWordsMax {
		return nil, fmt.Errorf("%d words are looked for at once, no more", SearchWordsMax)
	}
	if err := v.together(q.run); err != nil {
		return nil, err
	}
	return q.found, nil
}

// nameQuery is a search that runs.
type nameQuery struct {
	v     *View
	words []string // folded
	limit int
	found []Named
	met   map[int64]bool // numbers of entries that were looked at
	dirs  map[ident.EntryID]dirPath
}

func (q *nameQuery) run() error {
	all := make([][]string, len(q.words)) // the trigrams of each word, none for short ones
	var together []string
	for i, w := range q.words {
		all[i] = trigrams(w)
		together = append(together, all[i]...)
	}
	asks := [][]string{append(beginsWith(q.words[0]), together...)}
	if len(together) > 0 {
		asks = append(asks, together)
	}
	if len(q.words) > 1 {
		for i := range q.words {
			if len(all[i]) > 0 {
				asks = append(asks, all[i])
			}
		}
	}
	for _, tokens := range asks {
		if err := q.ask(tokens); err != nil || len(q.found) >= q.limit {
			return err
		}
	}
	return nil
}

// trigrams returns some trigrams of a word, which together cover it; none of a word that is
// shorter.
func trigrams(word string) (out []string) {
	runes := []rune(word)
	for at := 0; at+3 <= len(runes); at += 3 {
		out = append(out, string(runes[at:at+3]))
	}
	if rest := len(runes) % 3; rest > 0 && len(runes) > 3 {
		out = append(out, string(runes[len(runes)-3:]))
	}
	return out
}

// beginsWith returns what the names have that begin with a word.
func beginsWith(word string) []string {
	first, size := utf8.DecodeRuneInString(word)
	out := []string{soughtMark + soughtMark + string(first)}
	if second, _ := utf8.DecodeRuneInString(word[size:]); size < len(word) {
		out[0] = soughtMark + string(first) + string(second)
	}
	return out
}

// ask looks at the names that have all tokens and takes those that have the words, short
// names first.
func (q *nameQuery) ask(tokens []string) error {
	for i, t := range tokens {
		tokens[i] = `"` + strings.ReplaceAll(t, `"`, `""`) + `"`
	}
	st, err := q.v.c.stmt(soughtFind)
	if err != nil {
		return err
	}
	st.BindText(1, strings.Join(tokens, " "))
	st.BindInt64(2, lookedAtMax)
	var numbers []int64
	err = each(st, func(st *sqlite.Stmt) error {
		if n := st.ColumnInt64(0); !q.met[n] {
			q.met[n] = true
			numbers = append(numbers, n)
		}
		return nil
	})
	var rows []tree.Row
	for i := 0; i < len(numbers) && err == nil; i++ {
		rows, err = q.look(numbers[i], rows)
	}
	slices.SortFunc(rows, func(a, b tree.Row) int {
		one, other := a.Entry.Place.Name, b.Entry.Place.Name
		return cmp.Or(cmp.Compare(utf8.RuneCountInString(one), utf8.RuneCountInString(other)),
			cmp.Compare(one, other), compareIDs(a.Entry.ID, b.Entry.ID))
	})
	for i := 0; i < len(rows) && err == nil && len(q.found) < q.limit; i++ {
		n := Named{Row: rows[i]}
		if n.Path, n.Here, err = q.where(&n.Row.Entry); err == nil && n.Path != "" {
			q.found = append(q.found, n)
		}
	}
	return err
}

// look adds an entry that has the words to rows.
func (q *nameQuery) look(number int64, rows []tree.Row) ([]tree.Row, error) {
	st, err := q.v.c.stmt(entryNumbered)
	if err != nil {
		return rows, err
	}
	var row tree.Row
	st.BindInt64(1, number)
	there, err := one(st, func(st *sqlite.Stmt) error { return q.v.c.row(st, &row) })
	// A word of a name that is gone stays when another table of letters took it apart.
	if err != nil || !there {
		return rows, err
	}
	missing, inName := missingIn(names.Sought(row.Entry.Place.Name), q.words)
	if !inName {
		return rows, nil
	}
	if len(missing) > 0 {
		dir, err := q.placedDir(row.Entry.Place.Parent, 0)
		if err != nil {
			return rows, err
		}
		if missing, _ = missingIn(dir.folded, missing); len(missing) > 0 {
			return rows, nil
		}
	}
	return append(rows, row), nil
}

// missingIn returns the words that a folded text lacks, and whether it has any.
func missingIn(text string, words []string) (missing []string, any bool) {
	for _, w := range words {
		if strings.Contains(text, w) {
			any = true
		} else {
			missing = append(missing, w)
		}
	}
	return missing, any
}

// where returns the path of an entry, "" when a directory above is deleted, and whether
// what it should be is on disk.
func (q *nameQuery) where(e *tree.Entry) (path string, here bool, err error) {
	b, onDisk, err := q.v.c.base(e.ID)
	if err != nil {
		return "", false, err
	}
	if onDisk && b.Parent != tree.Parking {
		dir, err := q.diskDir(b.Parent)
		if err != nil {
			return "", false, err
		}
		if dir.here {
			return below(dir.path, b.Name), e.Kind == tree.Dir || b.Content == e.Content.ID, nil
		}
	}
	dir, err := q.placedDir(e.Place.Parent, 0)
	if err != nil || !dir.here {
		return "", false, err
	}
	return below(dir.path, e.Place.Name), false, nil
}

func (q *nameQuery) diskDir(id ident.EntryID) (dirPath, error) {
	if d, known := q.dirs[id]; known {
		return d, nil
	}
	path, ok, err := q.v.c.path(id)
	d := dirPath{path: path, here: ok && !strings.HasPrefix(path, tree.ParkingDir)}
	if err == nil && d.here {
		d.folded = names.Sought(path)
		q.dirs[id] = d
	}
	return d, err
}

// placedDir is diskDir for directories that may not be on disk yet. As they were placed,
// directories may lie in one another without end; then they are shown elsewhere.
func (q *nameQuery) placedDir(id ident.EntryID, depth int) (dirPath, error) {
	if depth > depthMax {
		return dirPath{}, nil
	}
	if d, err := q.diskDir(id); err != nil || d.here {
		return d, err
	}
	row, found, err := q.v.c.entry(id)
	if err != nil || !found || !row.Entry.Live() || row.Entry.Place.Name == "" {
		return dirPath{}, err
	}
	d, err := q.placedDir(row.Entry.Place.Parent, depth+1)
	if err == nil && d.here {
		d.path = below(d.path, row.Entry.Place.Name)
		d.folded = names.Sought(d.path)
		q.dirs[id] = d
	}
	return d, err
}
