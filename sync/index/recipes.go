package index

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Recipe is the encoded list of chunks of a content with more than one chunk.
type Recipe struct {
	Content ident.ContentID
	Body    []byte
}

// waitingMax is how many bytes of recipes may wait for the owner's next Commit: those of
// some 15 GiB of content. Beyond it PutRecipes writes them itself. It must not wait for
// the owner instead, who may be waiting for what comes after the recipes.
const waitingMax = 8 << 20

// waiting are recipes that were put and are not yet committed.
type waiting struct {
	mu     sync.Mutex
	bodies map[ident.ContentID][]byte
	size   int
	closed bool
}

func (w *waiting) put(recipes []Recipe) (full bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false, ErrClosed
	}
	if w.bodies == nil {
		w.bodies = map[ident.ContentID][]byte{}
	}
	for _, r := range recipes {
		w.size += len(r.Body) - len(w.bodies[r.Content])
		w.bodies[r.Content] = r.Body
	}
	return w.size > waitingMax, nil
}

func (w *waiting) get(content ident.ContentID) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	body, ok := w.bodies[content]
	return body, ok
}

func (w *waiting) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.bodies) == 0
}

func (w *waiting) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size > waitingMax
}

// list returns what waits now, in no order: they are put under a unique key.
func (w *waiting) list() []Recipe {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Recipe, 0, len(w.bodies))
	for content, body := range w.bodies {
		out = append(out, Recipe{content, body})
	}
	return out
}

// written forgets recipes that are committed. The id of a content is made from its recipe,
// so one that was put again meanwhile is the same.
func (w *waiting) written(recipes []Recipe) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range recipes {
		w.size -= len(w.bodies[r.Content])
		delete(w.bodies, r.Content)
	}
}

func (w *waiting) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed, w.bodies, w.size = true, nil, 0
}

// PutRecipes hands over recipes; the Store keeps their bytes. Every View finds them from
// now on, and they are durable with the next Commit at the latest. Any goroutine may call
// it. It fails only when so many wait that they must be written at once and cannot.
func (s *Store) PutRecipes(recipes []Recipe) error {
	full, err := s.waiting.put(recipes)
	if err != nil {
		return err
	}
	s.chunks.add(recipes)
	if !full {
		return nil
	}
	s.spilling.Lock()
	defer s.spilling.Unlock()
	if !s.waiting.full() { // somebody wrote them while we waited
		return nil
	}
	if err := s.spillRecipes(); err != nil {
		return fmt.Errorf("record recipes in index %q: %w", s.path, err)
	}
	return nil
}

// spillRecipes writes what waits on a connection of its own. The owner's transactions are
// short, so SQLite's lock is soon free.
func (s *Store) spillRecipes() error {
	c, err := dial(s.path, cacheReader)
	if err != nil {
		return err
	}
	recipes := s.waiting.list()
	if err = c.exec(begin); err == nil {
		if err = c.putRecipes(recipes); err == nil {
			err = c.exec(commit)
		}
	}
	if err != nil {
		return errors.Join(err, c.rollback(), c.close())
	}
	s.waiting.written(recipes)
	return c.close()
}

func (c *conn) putRecipes(recipes []Recipe) error {
	if len(recipes) == 0 {
		return nil
	}
	s, err := c.stmt(recipePut)
	if err != nil {
		return err
	}
	now := time.Now().Unix()
	for i := range recipes {
		s.BindBytes(1, recipes[i].Content[:])
		s.BindInt64(2, now)
		s.BindBytes(3, recipes[i].Body)
		if err := run(s); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) recipe(content ident.ContentID) (body []byte, found bool, err error) {
	s, err := c.stmt(recipeGet)
	if err != nil {
		return nil, false, err
	}
	s.BindBytes(1, content[:])
	found, err = one(s, func(s *sqlite.Stmt) error {
		body = make([]byte, s.ColumnLen(0))
		s.ColumnBytes(0, body)
		return nil
	})
	return body, found, err
}

// recipeAgeMin keeps young recipes: the finding or the entry that a recipe belongs to may
// still be on its way from the scanner or a peer.
const recipeAgeMin = time.Hour

// sweep is how far the search for useless recipes has come. It looks at some recipes,
// keeps those that no base row holds as suspects, clears the suspects that some entry
// names, and deletes the rest. An entry that is recorded while it runs clears its suspect
// too.
type sweep struct {
	recipe   int64 // number of the last recipe looked at
	suspects map[ident.ContentID]bool
	entry    int64 // number of the last entry looked at
}

// CollectRecipes takes one step in removing recipes of contents that neither an entry nor
// the disk has any more, looking at up to limit rows. It reports whether more is to be
// done. The owner calls it while idle.
func (s *Store) CollectRecipes(limit int) (more bool, err error) {
	if s.failed != nil {
		return false, s.failed
	}
	if len(s.sweep.suspects) == 0 {
		more, err = s.suspect(limit)
	} else {
		more, err = s.acquit(limit)
	}
	if err != nil {
		return false, fmt.Errorf("collect recipes in index %q: %w", s.path, err)
	}
	return more, nil
}

func (s *Store) suspect(limit int) (more bool, err error) {
	type seen struct {
		content ident.ContentID
		came    int64
	}
	var page []seen
	st, err := s.c.stmt(recipesAfter)
	if err != nil {
		return false, err
	}
	st.BindInt64(1, s.sweep.recipe)
	st.BindInt64(2, int64(max(limit, 1)))
	err = each(st, func(st *sqlite.Stmt) error {
		s.sweep.recipe = st.ColumnInt64(0)
		r := seen{came: st.ColumnInt64(2)}
		st.ColumnBytes(1, r.content[:])
		page = append(page, r)
		return nil
	})
	if err != nil {
		return false, err
	}
	if len(page) == 0 {
		s.sweep = sweep{}
		return false, nil
	}
	s.sweep.suspects, s.sweep.entry = map[ident.ContentID]bool{}, 0
	for _, r := range page {
		held, err := s.held(r.content)
		if err != nil {
			return false, err
		}
		if !held && r.came < s.recipesBefore() {
			s.sweep.suspects[r.content] = true
		}
	}
	return true, nil
}

func (s *Store) acquit(limit int) (more bool, err error) {
	st, err := s.c.stmt(entriesAll)
	if err != nil {
		return false, err
	}
	st.BindInt64(1, s.sweep.entry)
	st.BindInt64(2, int64(max(limit, 1)))
	met := 0
	err = each(st, func(st *sqlite.Stmt) error {
		met++
		s.sweep.entry = st.ColumnInt64(4)
		var row tree.Row
		err := s.c.row(st, &row)
		delete(s.sweep.suspects, row.Entry.Content.ID)
		return err
	})
	if err != nil || met == max(limit, 1) || len(s.sweep.suspects) == 0 {
		return true, err
	}
	return true, s.deleteSuspects()
}

func (s *Store) deleteSuspects() error {
	if err := s.begin(); err != nil {
		return err
	}
	st, err := s.c.stmt(recipeDelete)
	if err != nil {
		return err
	}
	for content := range s.sweep.suspects {
		held, err := s.held(content)
		if err != nil {
			return err
		}
		if held {
			continue
		}
		st.BindBytes(1, content[:])
		st.BindInt64(2, s.recipesBefore())
		if err := run(st); err != nil {
			return err
		}
	}
	s.sweep.suspects = nil
	return s.Commit()
}

// held reports whether a file on disk holds the content, or its recipe was just put.
func (s *Store) held(content ident.ContentID) (bool, error) {
	if _, ok := s.waiting.get(content); ok {
		return true, nil
	}
	st, err := s.c.stmt(contentHeld)
	if err != nil {
		return false, err
	}
	bindContent(st, 1, content)
	return one(st, func(*sqlite.Stmt) error { return nil })
}

func (s *Store) recipesBefore() int64 {
	return time.Now().Add(-recipeAgeMin).Unix()
}
