package host

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// trashTold is how many files of the trash a member is told of, the newest.
	trashTold = 5000
	// trashWait is how long members are waited for. Who is silent longer is left out.
	trashWait = 3 * time.Second
	// trashPart is how many bytes of items go into one message.
	trashPart = 256 << 10
)

// trashed is a file that is held here or on a member.
type trashed struct {
	wire.TrashItem
	holder  ident.DeviceID
	kind    tree.Kind
	private string // where it lies, when it is held here
	stat    tree.Stat
	changed bool
}

// version names a content for people: enough digits that nobody meets two alike.
func (t *trashed) version() string {
	if t.Content.IsZero() {
		return fmt.Sprintf("t%x", uint64(t.Taken))
	}
	return hex.EncodeToString(t.Content[:6])
}

// tellTrash takes in a part of an answer, no more of it than is ever told.
func tellTrash(from ident.DeviceID, held wire.TrashHeld) func(*[]trashed) (last bool) {
	return func(found *[]trashed) bool {
		count := 0
		for _, t := range *found {
			if t.holder == from {
				count++
			}
		}
		for _, item := range held.Items {
			if count++; count > trashTold {
				break
			}
			*found = append(*found, trashed{TrashItem: item, holder: from, kind: tree.File})
		}
		return !held.More || count > trashTold
	}
}

// trashHere lists what this device holds, newest first.
func (r *folderRun) trashHere() ([]trashed, error) {
	all, err := r.disk.Trash()
	if err != nil {
		return nil, err
	}
	out := make([]trashed, len(all))
	for i, t := range all {
		out[len(all)-1-i] = trashed{
			holder: r.agent.id, kind: t.Stat.Kind, private: t.Private, stat: t.Stat, changed: t.Changed,
			TrashItem: wire.TrashItem{
				Path: t.Path, Content: t.Content, Size: uint64(t.Stat.Size), Mode: t.Stat.Mode & 0o777,
				Mtime: t.Stat.Mtime, Taken: t.Taken.UnixNano(), Deleted: t.Deleted, By: t.By,
			},
		}
	}
	return out, nil
}

// trashEverywhere lists what this device and the connected members hold, newest first.
func (r *folderRun) trashEverywhere(ctx context.Context) ([]trashed, error) {
	ticket, done := r.trash.begin()
	r.post(node.AskMembers{Ticket: ticket, Question: wire.AskTrash{Folder: r.id, Ticket: ticket}})
	all, err := r.trashHere()
	if err == nil {
		select {
		case <-done:
		case <-time.After(trashWait):
		case <-r.ctx.Done():
		case <-ctx.Done():
		}
	}
	all = append(all, r.trash.end(ticket)...)
	slices.SortStableFunc(all, func(a, b trashed) int { return cmp.Compare(b.Taken, a.Taken) })
	return all, err
}

// serveTrash tells a member what the trash holds: files whose content is known, which is
// what can be asked for.
func (s *server) serveTrash(r *folderRun, ticket uint64) {
	r.serving.RLock()
	var all []trashed
	var err error
	if r.ctx.Err() == nil {
		all, err = r.trashHere()
	}
	r.serving.RUnlock()
	if err != nil {
		s.agent.log.Warn("cannot tell a member what the trash holds", "reason", err)
	}
	all = slices.DeleteFunc(all, func(t trashed) bool {
		return t.changed || t.Content.IsZero() || t.kind != tree.File
	})
	all = all[:min(len(all), trashTold)]
	for {
		m := wire.TrashHeld{Folder: r.id, Ticket: ticket}
		size := 0
		for len(all) > 0 && size < trashPart && len(m.Items) < wire.TrashMax {
			size += wire.TrashItemSize(&all[0].TrashItem)
			m.Items = append(m.Items, all[0].TrashItem)
			all = all[1:]
		}
		m.More = len(all) > 0
		if err := s.link.Send(direct.Bulk, wire.Append(nil, m)); err != nil || !m.More {
			return // a link that has ended says so to its receiver
		}
	}
}

// listTrash carries out api.TrashList.
func (a *agent) listTrash(ctx context.Context, i api.TrashList) (any, error) {
	folders, err := foldersMeant(a.Status(), i.Folder)
	if err != nil {
		return nil, err
	}
	out := []api.Trashed{}
	for _, f := range folders {
		r, err := a.keeping(f)
		if err != nil && i.Folder == "" {
			continue // its status says why
		}
		if err != nil {
			return nil, err
		}
		all, err := r.trashEverywhere(ctx)
		if err != nil {
			return nil, err
		}
		for j := range all {
			out = append(out, a.showTrashed(f, &all[j]))
		}
	}
	return out, nil
}

func (a *agent) showTrashed(f status.Folder, t *trashed) api.Trashed {
	out := api.Trashed{
		Folder: f.ID, FolderName: f.Name, Path: t.Path, Version: t.version(), Size: int64(t.Size),
		Taken: status.MomentOf(time.Unix(0, t.Taken)), Why: "replaced", Holder: t.holder,
		HolderName: a.personName(t.holder),
	}
	switch {
	case t.changed:
		out.Why = "changed"
	case t.Deleted:
		out.Why = "deleted"
	}
	if !t.By.IsZero() {
		out.By, out.ByName = t.By, a.personName(t.By)
	}
	return out
}

// personName is what a device, this one included, is called here.
func (a *agent) personName(d ident.DeviceID) string {
	if d == a.id {
		return a.ownName()
	}
	return a.deviceName(d)
}

// emptyTrash carries out api.TrashEmpty.
func (a *agent) emptyTrash(i api.TrashEmpty) (any, error) {
	folders, err := foldersMeant(a.Status(), i.Folder)
	if err != nil {
		return nil, err
	}
	var out api.Emptied
	for _, f := range folders {
		r, err := a.keeping(f)
		if err != nil && i.Folder == "" {
			continue
		}
		if err != nil {
			return nil, err
		}
		files, bytes, err := r.disk.EmptyTrash()
		out.Files, out.Bytes = out.Files+files, out.Bytes+bytes
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func trashRules(f config.Folder) disk.TrashRules {
	t, err := config.TrashOf(f.Trash)
	if err != nil {
		return disk.TrashRules{} // refused when it was loaded
	}
	return disk.TrashRules(t)
}

func setFolderTrash(_ *agent, f *config.Folder, value string) error {
	if _, err := config.TrashOf(value); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	if f.Trash = value; value == "on" {
		f.Trash = ""
	}
	return nil
}

// applyTrash has the trash kept as it is configured now; the next sweep drops what that
// does not keep.
func (a *agent) applyTrash(f config.Folder) {
	r := a.folders[f.ID]
	if r == nil || r.disk == nil {
		return
	}
	r.disk.SetTrash(trashRules(f))
	r.sweepSoon()
}

// matching picks what a person means: of the path, or of every path in a directory that
// is not there, the newest version, or the one named. Held here goes before held elsewhere.
func matching(all []trashed, path, version string) []trashed {
	var exact []trashed
	inside := map[string]trashed{}
	var order []string
	for _, t := range all {
		if version != "" && !strings.HasPrefix(t.version(), version) {
			continue
		}
		if t.Path == path {
			exact = append(exact, t)
		}
		if t.Deleted && (path == "." || strings.HasPrefix(t.Path, path+"/")) {
			if _, known := inside[t.Path]; !known {
				order = append(order, t.Path)
				inside[t.Path] = t
			}
		}
	}
	if len(exact) > 0 {
		best := exact[0]
		for _, t := range exact[1:] {
			if best.private == "" && t.private != "" && t.Content == best.Content {
				best = t
			}
		}
		return []trashed{best}
	}
	var out []trashed
	slices.Sort(order)
	for _, p := range order {
		best := inside[p]
		for _, t := range all {
			if best.private == "" && t.private != "" && t.Path == p && t.Content == best.Content {
				best = t
			}
		}
		out = append(out, best)
	}
	return out
}
