package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// drawnHere draws a part of the page in English.
func drawnHere(t *testing.T, name string, page scene) string {
	t.Helper()
	var b bytes.Buffer
	if err := newPapers()[words.English].tree.ExecuteTemplate(&b, name, page); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHeldPatternsAreNotAnsweredAsDeletes(t *testing.T) {
	page := scene{Held: []api.Held{{Kind: api.HeldPatterns, Files: 200, Names: 200}}}
	text := drawnHere(t, "living", page)
	if strings.Contains(text, "Delete them") || !strings.Contains(text, "Ignore them") ||
		!strings.Contains(text, "Keep the old patterns") {
		t.Errorf("the buttons below new patterns: %s", text)
	}
	page.Held[0].Kind = "deletes"
	if text = drawnHere(t, "living", page); !strings.Contains(text, "Delete them everywhere") {
		t.Errorf("the buttons below deletes: %s", text)
	}
	page.Held[0].Approved = true
	if text = drawnHere(t, "living", page); strings.Contains(text, "/do/held") {
		t.Errorf("what was answered is asked again: %s", text)
	}
}

// The page shows which pieces of the largest files on their way are here, and nothing of
// files that are not cut yet.
func TestPiecesOfWhatIsComing(t *testing.T) {
	moving := &status.Moving{Items: []status.Item{
		{Name: "film<1>", Pieces: 1600, Have: 400, Map: []int{100, 60, 10, 0}},
		{Name: "not cut", Size: 5},
	}}
	for i := range 2 * comingMax {
		moving.Items = append(moving.Items, status.Item{Name: fmt.Sprint("more ", i), Pieces: 2, Map: []int{0}})
	}
	text := drawnHere(t, "living", scene{View: status.View{Folders: []status.Folder{{Name: "f", Moving: moving}}}})
	for _, want := range []string{
		"film&lt;1&gt; · 400 of 1,600 pieces", `<i class="all"></i><i class="most"></i><i class="some"></i><i class=""></i>`, "more 2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q: %s", want, text)
		}
	}
	for _, no := range []string{"not cut", "more 3"} {
		if strings.Contains(text, no) {
			t.Errorf("the page shows %q", no)
		}
	}
}

// asked is an agent that remembers the last intent.
type asked struct {
	Agent
	last api.Intent
}

func (a *asked) Do(_ context.Context, i api.Intent) (json.RawMessage, error) {
	a.last = i
	return nil, nil
}

func TestAnyNameSurvivesTheForm(t *testing.T) {
	const name = "a\r\"><b>\nc%2F d+é.txt"
	hidden := regexp.MustCompile(`name="path" value="([^"]*)"`)
	for part, page := range map[string]scene{
		"living": {Conflicts: []api.Conflict{{Path: name}}},
		"trash":  {Trash: []api.Trashed{{Path: name}}},
	} {
		found := hidden.FindStringSubmatch(drawnHere(t, part, page))
		if found == nil || strings.ContainsAny(found[1], "\r\n") {
			t.Fatalf("%s: the path is in no form, or a browser would change it: %q", part, found)
		}
		agent := &asked{}
		form := url.Values{"path": {html.UnescapeString(found[1])}}
		act := map[string]act{"living": acts["resolve"], "trash": acts["restore"]}[part]
		if err := act(t.Context(), &Server{agent: agent}, form); err != nil {
			t.Fatal(err)
		}
		var got string
		switch i := agent.last.(type) {
		case api.ConflictResolve:
			got = i.Path
		case api.TrashRestore:
			got = i.Path
		}
		if got != name {
			t.Errorf("%s: %q came back as %q", part, name, got)
		}
	}
}

func TestAnEventIsWhatWasDrawn(t *testing.T) {
	w := httptest.NewRecorder()
	if err := sendEvent(w, "one\rtwo\nthree"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for lines := bufio.NewScanner(strings.NewReader(strings.ReplaceAll(w.Body.String(), "\r", "\n"))); lines.Scan(); {
		if line, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			got = append(got, line)
		}
	}
	if text := html.UnescapeString(strings.Join(got, "\n")); text != "one\rtwo\nthree" {
		t.Errorf("a browser reads %q", text)
	}
}
