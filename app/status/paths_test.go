package status

import (
	"encoding/json"
	"testing"
)

// TestPathsThatAreNoText: two names that differ in such a byte are two names in the JSON.
func TestPathsThatAreNoText(t *testing.T) {
	view := View{Folders: []Folder{{
		Problems: []Problem{{Path: "a\xff"}, {Path: "a\xfe"}, {Path: `back\slash é`}},
		Progress: &Progress{Current: "b\xff"},
	}}}
	text, err := json.Marshal(view)
	if err != nil {
		t.Fatal(err)
	}
	var back View
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	f := back.Folders[0]
	for i, want := range []string{`a\xff`, `a\xfe`, `back\slash é`} {
		if got := f.Problems[i].Path; got != want {
			t.Errorf("path %d is %q, want %q", i, got, want)
		}
	}
	if f.Progress.Current != `b\xff` {
		t.Errorf("the current path is %q", f.Progress.Current)
	}
	event, err := json.Marshal(Event{Path: "c\xff"})
	if err != nil {
		t.Fatal(err)
	}
	var again Event
	if err := json.Unmarshal(event, &again); err != nil || again.Path != `c\xff` {
		t.Errorf("the path of an event is %q, %v", again.Path, err)
	}
}
