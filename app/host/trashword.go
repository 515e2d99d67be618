package host

import (
	"context"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/tree"
)

// What a reader says its trash holds is its own word: it could name any content as the
// newest version of any file, and whoever restores that file would write it for everybody.
// So, when a person does not name the version, a reader's word counts only where a record of
// this device says that the content was in the folder under that name, or a writer says the
// same.

// believed leaves out of what members hold what only readers say. Version, when a person
// named one, is a choice among what was listed with its holder.
func (r *folderRun) believed(all []trashed, version string) ([]trashed, error) {
	who := r.who.Load()
	reads := func(t *trashed) bool { return who.Role(t.holder) == members.Reader }
	if version != "" {
		return all, nil
	}
	doubted := map[ident.ContentID]bool{}
	for i := range all {
		if reads(&all[i]) {
			doubted[all[i].Content] = true
		}
	}
	if len(doubted) == 0 {
		return all, nil
	}
	known := map[called]bool{}
	for i := range all {
		if t := &all[i]; !reads(t) {
			known[called{t.Content, last(t.Path)}] = true
		}
	}
	err := r.look(func(v *index.View) error {
		return v.EachEntry(func(row *tree.Row) error {
			noteKept(known, doubted, &row.Entry)
			return nil
		})
	})
	return slices.DeleteFunc(all, func(t trashed) bool {
		return reads(&t) && !known[called{t.Content, last(t.Path)}]
	}), err
}

// called is a content under the last name of its path.
type called struct {
	content ident.ContentID
	name    string
}

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// noteKept notes which of some contents an entry held, under the names it is known to have
// had.
func noteKept(known map[called]bool, contents map[ident.ContentID]bool, e *tree.Entry) {
	if e.Kind != tree.File {
		return
	}
	for _, content := range append(e.Content.Ancestors[:len(e.Content.Ancestors):len(e.Content.Ancestors)], e.Content.ID) {
		if contents[content] {
			known[called{content, e.Place.Name}] = true
			known[called{content, e.Place.WasName}] = true
		}
	}
}

// trashToRestore lists what a person may mean who restores something.
func (r *folderRun) trashToRestore(ctx context.Context, version string) ([]trashed, error) {
	all, err := r.trashEverywhere(ctx)
	if err != nil {
		return nil, err
	}
	return r.believed(all, version)
}
