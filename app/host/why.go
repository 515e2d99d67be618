package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// why carries out api.WhyAsk.
func (a *agent) why(ctx context.Context, i api.WhyAsk) (any, error) {
	view := a.Status()
	f, path, err := locate(view, i.Where)
	known := false
	knows := func(f status.Folder, path string) (bool, error) { return a.knows(ctx, f, path) }
	if err == nil {
		is, failed := knows(f, path)
		known = is || failed != nil // what went wrong is explained
	}
	if !known {
		f, path, err = meant(view, i.Where, knows)
	}
	if err != nil {
		if failure := api.AsError(err); failure.Kind == api.NotFound && i.Folder == "" {
			return api.Why{Path: i.Path, State: "no-folder", Lines: []string{failure.Text},
				Equal: []string{}, NotEqual: []string{}}, nil
		}
		return nil, err
	}
	w := &api.Why{Folder: f.ID, FolderName: f.Name, Path: path, Equal: []string{}, NotEqual: []string{}}
	for _, m := range f.Members {
		switch {
		case m.Connected && m.UpToDate:
			w.Equal = append(w.Equal, m.Name)
		case m.Connected:
			w.NotEqual = append(w.NotEqual, m.Name)
		case m.Linked:
			w.NotEqual = append(w.NotEqual, m.Name+" (not sharing now)")
		case m.Unsought:
			w.NotEqual = append(w.NotEqual, m.Name+" (not tried now)")
		default:
			w.NotEqual = append(w.NotEqual, m.Name+" (not connected)")
		}
	}
	a.explain(ctx, w, f)
	return *w, nil
}

// knows reports whether anything is known of a path of a folder.
func (a *agent) knows(ctx context.Context, f status.Folder, path string) (bool, error) {
	if path == "." || slices.ContainsFunc(f.Problems, func(p status.Problem) bool { return p.Path == path }) {
		return true, nil
	}
	r, err := a.keeping(f)
	if err != nil {
		return false, err
	}
	if _, there, err := r.disk.Look(path); err == nil && there {
		return true, nil
	}
	facts, err := r.factsOf(ctx, path)
	return facts.Known || facts.Held != "", err
}

// explain finds the first thing that settles the question.
func (a *agent) explain(ctx context.Context, w *api.Why, f status.Folder) {
	first, _, _ := strings.Cut(w.Path, "/")
	r, err := a.keeping(f)
	switch {
	case err != nil:
		w.State, w.Lines = "folder", []string{err.Error()}
	case w.Path == ".":
		w.State, w.Lines = string(f.State), status.FolderLines(words.Book{}, []status.Folder{f}, status.MomentOf(time.Now()))
	case strings.EqualFold(first, tree.PrivateDir):
		w.State = "private"
		w.Lines = []string{"this is Shoal's own directory on this device; it is not shared"}
	case a.explainIgnored(w, r):
	default:
		facts, err := r.factsOf(ctx, w.Path)
		if err != nil {
			w.State, w.Lines = "folder", []string{err.Error()}
			return
		}
		a.explainFacts(w, f, r, facts)
	}
}

func (a *agent) explainIgnored(w *api.Why, r *folderRun) bool {
	is, there, err := r.disk.Look(w.Path)
	dir := err == nil && there && is.Kind == tree.Dir
	v := r.patterns.Load().Match(w.Path, dir)
	if !v.Ignored() {
		return false
	}
	w.State, w.Pattern, w.PatternFile = "ignored", v.Pattern, folder.IgnoreFile
	if v.Source > 0 {
		w.PatternFile = tree.PrivateDir + "/" + localPatterns
	}
	w.Lines = []string{fmt.Sprintf("it is ignored: line %d of %s, %q, matches %s; it stays as it is on each device",
		v.Line, w.PatternFile, v.Pattern, v.Decided)}
	return true
}

// factsOf asks the folder's machine.
func (r *folderRun) factsOf(ctx context.Context, path string) (folder.PathFacts, error) {
	told, err := r.paths.ask(ctx, r, func(t step.Ticket) node.FolderEvent { return folder.PathAsked{Ticket: t, Path: path} })
	return told.Facts, err
}

// explainFacts puts what the machine knows into words, what matters most first.
func (a *agent) explainFacts(w *api.Why, f status.Folder, r *folderRun, facts folder.PathFacts) {
	say := func(state, format string, args ...any) {
		if w.State == "" {
			w.State = state
		}
		w.Lines = append(w.Lines, fmt.Sprintf(format, args...))
	}
	if facts.Held != "" {
		say("held", "it was deleted here together with many others: the deletes wait for your yes "+
			"(shoal held approve %s %s) or no (shoal held reject %s %s)", f.Name, facts.Held, f.Name, facts.Held)
	}
	if t := facts.Trouble; t != nil {
		w.Problem, w.NextTry = string(t.Kind), a.momentOf(t.NextTry)
		w.Since = a.momentOf(t.Since)
		say("problem", "%s", t.Reason)
	}
	for _, p := range f.Problems {
		if p.Path == w.Path && (facts.Trouble == nil || p.Reason != facts.Trouble.Reason) {
			w.Problem, w.NextTry = p.Kind, p.NextTry
			say("problem", "%s", p.Reason)
		}
	}
	if f.Paused != nil && facts.Need {
		say("paused", "the folder is paused; `shoal resume` goes on")
	}
	a.explainWork(w, f, facts, say)
	a.explainRivals(w, f, say)
	switch {
	case facts.Conflict:
		say("conflict", "it is the version that lost a conflict; `shoal conflicts resolve` ends it")
	case !facts.Known:
		a.explainUnknown(w, f, r, say)
	case !facts.Live && !facts.OnDisk:
		say("deleted", "it was deleted; `shoal trash list` shows what can be brought back")
	}
	if w.State != "" {
		return
	}
	if len(w.Equal) == 0 {
		say("waiting", "it is as it should be here, and no connected member is verified equal; %s", others(w.NotEqual))
		return
	}
	say("up-to-date", "it is the same here and on %s", strings.Join(w.Equal, ", "))
	if len(w.NotEqual) > 0 {
		say("", "%s", others(w.NotEqual))
	}
}

func others(names []string) string {
	if len(names) == 0 {
		return "the folder is shared with nobody"
	}
	return "not verified on " + strings.Join(names, ", ")
}

// explainRivals says which other versions of the file a conflict left beside it.
func (a *agent) explainRivals(w *api.Why, f status.Folder, say func(state, format string, args ...any)) {
	if f.Conflicts == 0 {
		return
	}
	all, _, err := a.conflictsOf(f)
	if err != nil {
		say("folder", "whether it is in conflict is not known: %v", err)
		return
	}
	for _, c := range all {
		if c.Path == w.Path {
			say("conflict", "it was changed on two devices at once; the other version is %s; "+
				"`shoal conflicts resolve` ends it", status.Plain(c.Copy))
		}
	}
}

// explainWork says what is being done, or what has to be done first.
func (a *agent) explainWork(w *api.Why, f status.Folder, facts folder.PathFacts, say func(state, format string, args ...any)) {
	if f.State == status.Scanning || facts.Vanished {
		say("scanning", "the folder is being looked at; what it is like is known when that is done")
	}
	switch {
	case facts.Fetching && f.State == status.Waiting:
		say("waiting", "its content (%s) is to come, and no member is connected", status.Bytes(facts.Size))
	case facts.Fetching:
		say("syncing", "its content (%s) is being fetched", status.Bytes(facts.Size))
	case facts.Ordered:
		say("syncing", "it is being put in place")
	case facts.Need && facts.WaitsFor != "":
		say("syncing", "it waits for %s, which has to be done first", facts.WaitsFor)
	case facts.Need && facts.Gated:
		say("syncing", "it waits for %s, which comes before everything else", folder.IgnoreFile)
	case facts.Need && facts.Trouble == nil:
		say("syncing", "it waits for its turn")
	}
}

// explainUnknown is about a path that no record speaks of.
func (a *agent) explainUnknown(w *api.Why, _ status.Folder, r *folderRun, say func(state, format string, args ...any)) {
	is, there, err := r.disk.Look(w.Path)
	switch {
	case err != nil:
		w.Problem = "unreadable"
		say("problem", "it cannot be looked at: %v", err)
	case !there:
		say("unknown", "nothing of this name is in the folder, here or on a member as far as is known")
	case is.Kind != tree.File && is.Kind != tree.Dir && is.Kind != tree.Link:
		say("problem", "it is neither a file, a directory nor a link, and cannot be shared")
	default:
		say("scanning", "it has not been looked at yet; `shoal folder rescan` looks at once")
	}
}
