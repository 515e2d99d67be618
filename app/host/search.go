package host

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// searchWait is how long members are waited for. Who is silent longer is left out.
	searchWait = 2 * time.Second
	// searchPart is how many bytes of items go into one message.
	searchPart = 256 << 10
)

// actQuestions carries out what concerns questions of people to other devices.
func (r *folderRun) actQuestions(effect node.FolderEffect) bool {
	switch f := effect.(type) {
	case node.Question:
		switch q := f.Effect.(type) {
		case peer.ServeTrash:
			j := job{run: r, trash: true}
			j.ask.Ticket = q.Ticket
			r.answer(f.Device, j)
		case peer.ServeNames:
			r.answer(f.Device, job{run: r, names: &q.Asked})
		case peer.TrashTold:
			r.trash.told(f.Device, q.Trash.Ticket, tellTrash(f.Device, q.Trash))
		case peer.NamesTold:
			r.searches.told(f.Device, q.Found.Ticket, tellNames(f.Device, q.Found))
		}
	case node.MembersAsked:
		switch f.Question.(type) {
		case wire.AskTrash:
			r.trash.asked(f)
		case wire.AskNames:
			r.searches.asked(f)
		}
	default:
		return false
	}
	return true
}

func (r *folderRun) answer(to ident.DeviceID, j job) {
	if l := r.agent.links.to(to); l != nil {
		l.serve.add([]job{j})
	}
}

// namesTold are names that members told, by who did.
type namesTold = map[ident.DeviceID][]wire.NameItem

// tellNames takes in a part of an answer, no more of it than may be told.
func tellNames(from ident.DeviceID, found wire.NamesFound) func(*namesTold) (last bool) {
	return func(told *namesTold) bool {
		if *told == nil {
			*told = namesTold{}
		}
		room := wire.NamesMax - len((*told)[from])
		items := found.Items[:min(len(found.Items), room)]
		(*told)[from] = append((*told)[from], items...)
		return !found.More || len(items) >= room
	}
}

// askNames asks the connected members, some excepted, and waits for them.
func (r *folderRun) askNames(
	ctx context.Context, words []string, limit int, except []ident.DeviceID,
) namesTold {
	ticket, done := r.searches.begin()
	asked := wire.AskNames{Folder: r.id, Ticket: ticket, Limit: uint64(limit), Words: words}
	r.post(node.AskMembers{Ticket: ticket, Question: asked, Except: except})
	wait := time.NewTimer(searchWait)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	case <-r.ctx.Done():
	case <-ctx.Done():
	}
	return r.searches.end(ticket)
}

// serveNames tells a member which names of what is on disk here have its words.
func (s *server) serveNames(r *folderRun, asked *wire.AskNames) {
	items := r.namesHere(asked)
	for {
		m := wire.NamesFound{Folder: r.id, Ticket: asked.Ticket}
		size := 0
		for len(items) > 0 && size < searchPart {
			size += wire.NameItemSize(&items[0])
			m.Items = append(m.Items, items[0])
			items = items[1:]
		}
		m.More = len(items) > 0
		if err := s.link.Send(direct.Bulk, wire.Append(nil, m)); err != nil || !m.More {
			return // a link that has ended says so to its receiver
		}
	}
}

func (r *folderRun) namesHere(asked *wire.AskNames) (items []wire.NameItem) {
	r.serving.RLock()
	defer r.serving.RUnlock()
	if r.ctx.Err() != nil {
		return nil
	}
	var found []index.Named
	err := r.look(func(v *index.View) (err error) {
		found, err = v.Search(asked.Words, int(asked.Limit))
		return err
	})
	if err != nil {
		r.log.Warn("cannot look for names that a member asks for", "reason", err)
	}
	for i := range found {
		if n := &found[i]; n.Here && len(n.Path) <= wire.NamePathMax {
			items = append(items, nameItem(n))
		}
	}
	return items
}

func nameItem(n *index.Named) wire.NameItem {
	e := &n.Row.Entry
	item := wire.NameItem{Path: n.Path, Kind: e.Kind, Mtime: e.Attrs.Mtime}
	if e.Kind != tree.Dir {
		item.Content, item.Size = e.Content.ID, uint64(e.Content.Size)
	}
	return item
}

// search carries out api.Search.
func (a *agent) search(ctx context.Context, i api.Search) (any, error) {
	if err := checkSearch(&i); err != nil {
		return nil, err
	}
	view := a.Status()
	folders, err := foldersMeant(view, i.Folder)
	if err != nil {
		return nil, err
	}
	found := make([][]api.Match, len(folders))
	failed := make([]error, len(folders))
	var all sync.WaitGroup
	for n := range folders {
		r, err := a.keeping(folders[n])
		if err != nil {
			if i.Folder != "" {
				return nil, err
			}
			continue // its status says why
		}
		all.Go(func() { found[n], failed[n] = r.search(ctx, view, folders[n], &i) })
	}
	all.Wait()
	out := []api.Match{}
	for at := 0; len(out) < i.Limit; at++ { // the best of each folder first
		more := false
		for n := range folders {
			if failed[n] != nil {
				return nil, failed[n]
			}
			if at < len(found[n]) && len(out) < i.Limit {
				out = append(out, found[n][at])
				more = true
			}
		}
		if !more {
			break
		}
	}
	return out, nil
}

func checkSearch(i *api.Search) error {
	// A window may send what is typed as it is.
	i.Words = strings.Fields(strings.Join(i.Words, " "))
	switch {
	case len(i.Words) == 0:
		return api.Errorf(api.Usage, "say which words to look for")
	case len(i.Words) > wire.SearchWordsMax:
		return api.Errorf(api.Usage, "%d words are looked for at once, no more", wire.SearchWordsMax)
	case i.Limit < 0 || i.Limit > api.SearchLimitMax:
		return api.Errorf(api.Usage, "a search has 1 to %d results, not %d", api.SearchLimitMax, i.Limit)
	case slices.ContainsFunc(i.Words, func(w string) bool { return len(w) > wire.SearchWordMax }):
		return api.Errorf(api.Usage, "a word has at most %d bytes", wire.SearchWordMax)
	case i.Limit == 0:
		i.Limit = api.SearchLimitUsual
	}
	return nil
}

// search looks in one folder: first in the index, which knows all names that members have
// told, then, unless only this device is asked, at those who may hold something else.
func (r *folderRun) search(ctx context.Context, view status.View, f status.Folder, i *api.Search) (
	[]api.Match, error,
) {
	var found []index.Named
	err := r.look(func(v *index.View) (err error) {
		found, err = v.Search(i.Words, i.Limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	var equal []ident.DeviceID // they hold what is here, and nothing else
	for _, m := range f.Members {
		if m.Connected && m.UpToDate {
			equal = append(equal, m.Device)
		}
	}
	g := gathered{run: r, view: view, folder: f, at: map[matchKey]int{}}
	for n := range found {
		g.add(nameItem(&found[n]), nil)
		if !found[n].Here {
			continue
		}
		g.add(nameItem(&found[n]), &r.agent.id)
		for d := range equal {
			g.add(nameItem(&found[n]), &equal[d])
		}
	}
	if !i.Here {
		told := r.askNames(ctx, i.Words, i.Limit, equal)
		for _, m := range f.Members { // in their order, not in that of a map
			for _, item := range told[m.Device] {
				g.add(item, &m.Device)
			}
		}
	}
	return g.out[:min(len(g.out), i.Limit)], ctx.Err()
}

// gathered puts together what several devices say of one folder.
type gathered struct {
	run    *folderRun
	view   status.View
	folder status.Folder
	out    []api.Match
	at     map[matchKey]int
}

type matchKey struct {
	path    string
	kind    tree.Kind
	content ident.ContentID
}

// add takes in that a name is known, and that a device holds it, if one does.
func (g *gathered) add(item wire.NameItem, holder *ident.DeviceID) {
	key := matchKey{item.Path, item.Kind, item.Content}
	at, known := g.at[key]
	if !known {
		at = len(g.out)
		g.at[key] = at
		g.out = append(g.out, api.Match{
			Result: api.ResultOf(g.view, g.folder, item.Path), Folder: g.folder.ID, FolderName: g.folder.Name,
			Path: item.Path, Kind: item.Kind.String(), Size: int64(item.Size),
			Modified: status.MomentOf(time.Unix(0, item.Mtime)), Devices: []api.Device{},
		})
	}
	if holder == nil || slices.ContainsFunc(g.out[at].Devices, func(d api.Device) bool { return d.ID == *holder }) {
		return
	}
	g.out[at].Devices = append(g.out[at].Devices, api.Device{ID: *holder, Name: g.run.agent.personName(*holder)})
}
