package host

import (
	"fmt"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
)

// brakeOf returns a folder's brake; what cannot be read was refused when it was loaded.
func brakeOf(f config.Folder) folder.Brake {
	off, files, percent, err := config.BrakeOf(f.Brake)
	if err != nil {
		return folder.Brake{}
	}
	return folder.Brake{Off: off, Files: files, Percent: percent}
}

func setFolderBrake(_ *agent, f *config.Folder, value string) error {
	if _, _, _, err := config.BrakeOf(value); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	if f.Brake = value; value == "on" {
		f.Brake = ""
	}
	return nil
}

func (a *agent) applyBrake(f config.Folder) {
	if r := a.folders[f.ID]; r != nil {
		r.brakeOff.Store(brakeOf(f).Off)
		r.post(folder.BrakeSet{Brake: brakeOf(f)})
	}
}

// listHeld lists the deletes that wait for a person, in all folders or in one.
func (a *agent) listHeld(i api.HeldList) (any, error) {
	folders, err := foldersMeant(a.Status(), i.Folder)
	if err != nil {
		return nil, err
	}
	out := []api.Held{}
	for _, f := range folders {
		out = append(out, a.heldIn(f.ID, f.Name)...)
		if r, err := a.keeping(f); err == nil {
			out = append(out, r.heldPatternsIn(f.Name)...)
		}
	}
	return out, nil
}

func (a *agent) heldIn(id ident.FolderID, name string) (out []api.Held) {
	a.view.mu.Lock()
	var held []folder.HeldBatch
	if s := a.view.folders[id]; s != nil {
		held = s.Held
	}
	a.view.mu.Unlock()
	for _, b := range held {
		by := b.By
		if by.IsZero() {
			by = a.id
		}
		out = append(out, api.Held{
			Folder: id, FolderName: name, ID: b.ID, Since: status.MomentOf(time.UnixMilli(b.At)), Files: b.Files,
			Bytes: b.Bytes, Names: b.Names, Paths: append([]string{}, b.Paths...), Approved: b.Approved, Lost: b.Lost,
			Device: by, DeviceName: a.personName(by), Kind: api.HeldDeletes,
		})
	}
	return out
}

// answerHeld carries out what a person decided about held deletes.
func (a *agent) answerHeld(i api.HeldAnswer) (any, error) {
	f, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	out := []api.Held{}
	for _, h := range append(a.heldIn(f.ID, f.Name), r.heldPatternsIn(f.Name)...) {
		if i.ID == "" || i.ID == h.ID {
			h.Approved = i.Approve
			out = append(out, h)
		}
	}
	if len(out) == 0 {
		if i.ID != "" {
			return nil, api.Errorf(api.NotFound, "nothing held of folder %q has the id %q; see `shoal held list`",
				f.Name, i.ID)
		}
		return nil, api.Errorf(api.NotFound, "nothing of folder %q is held", f.Name)
	}
	if err := r.answerPatterns(out, i.Approve); err != nil {
		return nil, err
	}
	r.post(folder.HeldAnswered{ID: i.ID, Approve: i.Approve, Wall: time.Now().UnixMilli()})
	r.barrier()
	said := "rejected: the files come back"
	if i.Approve {
		said = "approved"
	}
	for _, h := range out {
		a.events.add(status.Event{Kind: status.HeldDeletes, Folder: f.ID,
			Detail: fmt.Sprintf("batch %s was %s", h.ID, said)})
	}
	return out, nil
}

// heldCount is how many files the deletes that wait for a person would take.
func heldCount(s *node.Snapshot) (n int) {
	for _, b := range s.Held {
		n += max(int(b.Files), 1) // a batch of empty directories is one matter, too
	}
	return n
}

// heldElsewhere says why a member does not become equal.
func heldElsewhere(settings *config.Config, m node.Member) string {
	name := nameOf(settings, m.Device)
	return fmt.Sprintf("%s holds deletes (%d names) until a person has answered there: shoal held list on %s "+
		"shows them", name, m.Holds, name)
}

func heldText(f status.Folder) string {
	return fmt.Sprintf("%s: what would become of %s waits for your answer: shoal held list",
		f.Name, status.Files(int64(f.Held)))
}
