package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/meet"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/qr"
)

// rowsMax is how many conflicts, held groups and files of the trash are shown: a page of
// thousands helps nobody, and the command line lists them all.
const rowsMax = 100

// paper is the page in one language.
type paper struct {
	book words.Book
	tree *template.Template
}

func newPapers() map[words.Language]*paper {
	out := map[words.Language]*paper{}
	for _, l := range words.Languages() {
		b := words.In(l.Language)
		out[l.Language] = &paper{b, template.Must(template.New("").Funcs(sayings(b)).ParseFS(files, "page/*.html"))}
	}
	return out
}

// sayings are the functions of the page.
func sayings(b words.Book) template.FuncMap {
	return template.FuncMap{
		"say":   b.Say,
		"many":  func(n int, one, several string) string { return b.Many(int64(n), one, several) },
		"bytes": func(n any) string { return b.Bytes(whole(n)) },
		"files": func(n any) string { return b.Files(whole(n)) },
		"state": func(s status.State) string { return s.Words(b) },
		"route": func(r status.Route) string { return r.Words(b) },
		"role":  func(r status.Role) string { return r.Words(b) },
		"ago": func(m status.Moment) string {
			if m.IsZero() {
				return b.Say("at an unknown time")
			}
			return b.Ago(time.Since(m.Time()))
		},
		"until": func(m status.Moment) string { return b.Duration(time.Until(m.Time()).Round(time.Minute)) },
		"eta":   func(s status.Measured) string { return b.Duration(time.Duration(float64(s) * float64(time.Second))) },
		"plain": status.Plain,
		"count": func(n int) string { return b.Count(int64(n)) },
		// What is on its way, piece by piece.
		"coming": coming,
		"filled": filled,
		// A browser changes the ends of lines in what a form carries; names may have them.
		"exact": url.PathEscape,
		"share": func(done, total int64) int {
			if total <= 0 {
				return 0
			}
			return int(min(max(float64(done)/float64(total)*100, 0), 99))
		},
	}
}

func whole(n any) int64 {
	switch n := n.(type) {
	case int64:
		return n
	case uint64:
		return int64(min(n, 1<<62))
	case int:
		return int64(n)
	}
	panic(fmt.Sprintf("bug: %T is no number of the page", n))
}

// scene is everything the page shows.
type scene struct {
	Form      string
	Problem   string // what went wrong with the last form
	Missing   string // why there is no agent
	View      status.View
	Conflicts []api.Conflict
	Held      []api.Held
	Nearby    api.Nearby
	Meeting   meet.State
	Squares   template.HTML
	Trash     []api.Trashed
	More      int // rows that are not shown
	Key       string
	Language  words.Language
}

func (s *Server) paper(r *http.Request) *paper {
	l := s.options.Language
	if l == "" {
		var wanted []string
		for one := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
			tag, _, _ := strings.Cut(one, ";")
			wanted = append(wanted, strings.TrimSpace(tag))
		}
		l = words.Choose(wanted...)
	}
	return s.papers[l]
}

// look asks the agent for what the page shows.
func (s *Server) look(ctx context.Context, g guest) scene {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	page := scene{Form: g.Form, Meeting: s.table.State()}
	var err error
	if page.View, err = s.agent.Status(ctx); err != nil {
		page.Missing = err.Error()
		return page
	}
	conflicts, held := 0, 0
	for _, f := range page.View.Folders {
		conflicts, held = conflicts+f.Conflicts, held+f.Held
	}
	if conflicts > 0 {
		err = s.ask(ctx, api.ConflictList{}, &page.Conflicts)
	}
	if err == nil && held > 0 {
		err = s.ask(ctx, api.HeldList{}, &page.Held)
	}
	if err == nil && page.Meeting.Stage != meet.Nothing {
		err = s.ask(ctx, api.NearbyList{}, &page.Nearby)
	}
	if err != nil {
		page.Problem = err.Error()
	}
	if n := len(page.Conflicts) - rowsMax; n > 0 {
		page.Conflicts, page.More = page.Conflicts[:rowsMax], n
	}
	page.Held = page.Held[:min(len(page.Held), rowsMax)]
	if page.Meeting.Link != "" {
		// Capital letters make a smaller picture.
		if rows, err := qr.Squares(strings.ToUpper(page.Meeting.Link)); err == nil {
			page.Squares = drawn(rows)
		}
	}
	return page
}

// drawn is a QR code as a picture, always dark on light: cameras expect that.
func drawn(rows [][]bool) template.HTML {
	var path strings.Builder
	for y, row := range rows {
		for x, dark := range row {
			if dark {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+qr.Quiet, y+qr.Quiet)
			}
		}
	}
	size := len(rows) + 2*qr.Quiet
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+
		`<rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="%s"/></svg>`, size, size, size, size, path.String()))
}

func (s *Server) showPage(w http.ResponseWriter, r *http.Request, g guest) { s.drawPage(w, r, g, "") }

func (s *Server) drawPage(w http.ResponseWriter, r *http.Request, g guest, problem string) {
	page := s.look(r.Context(), g)
	if problem != "" {
		page.Problem = problem
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	s.draw(w, s.paper(r), "page", page)
}

func (s *Server) showTrash(w http.ResponseWriter, r *http.Request, g guest) {
	page := scene{Form: g.Form}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	if err := s.ask(ctx, api.TrashList{}, &page.Trash); err != nil {
		page.Problem = err.Error()
	}
	slices.SortFunc(page.Trash, func(a, b api.Trashed) int { return int(b.Taken.Sub(a.Taken)) })
	if n := len(page.Trash) - rowsMax; n > 0 {
		page.Trash, page.More = page.Trash[:rowsMax], n
	}
	s.draw(w, s.paper(r), "trash", page)
}

func (s *Server) drawDoor(w http.ResponseWriter, r *http.Request, code int, key string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	s.draw(w, s.paper(r), "door", scene{Key: key})
}

// living draws the part of the page that is kept fresh.
func (s *Server) living(ctx context.Context, r *http.Request, g guest) (string, error) {
	var b bytes.Buffer
	err := s.paper(r).tree.ExecuteTemplate(&b, "living", s.look(ctx, g))
	return b.String(), err
}

func (s *Server) draw(w http.ResponseWriter, p *paper, name string, page scene) {
	page.Language = p.book.Language()
	var b bytes.Buffer
	if err := p.tree.ExecuteTemplate(&b, name, page); err != nil {
		s.options.Log.Error("the web page could not be drawn", "reason", err)
		http.Error(w, "The page could not be drawn; shoal logs says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	s.write(w, b.Bytes())
}

// sendEvent writes a text as one server-sent event: each line behind a word. A carriage
// return would end a line too, and what follows it would be lost.
func sendEvent(w io.Writer, text string) error {
	text = strings.ReplaceAll(text, "\r", "&#13;")
	_, err := io.WriteString(w, "data: "+strings.ReplaceAll(text, "\n", "\ndata: ")+"\n\n")
	return err
}

// order lets the agent do something whose result is seen in the next view.
func (s *Server) order(ctx context.Context, intent api.Intent) error {
	_, err := s.agent.Do(ctx, intent)
	return err
}

func (s *Server) ask(ctx context.Context, intent api.Intent, into any) error {
	raw, err := s.agent.Do(ctx, intent)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	return err
}
