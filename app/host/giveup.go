package host

import (
	"context"
	"fmt"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
)

// giveUp lets a person do without a content that no connected device has.
func (a *agent) giveUp(ctx context.Context, i api.GiveUp) (any, error) {
	f, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	if who := r.who.Load(); who.Own == members.Reader {
		return nil, fmt.Errorf("this device may only read %q: give the content up on a device that writes to it", f.Name)
	}
	done, err := r.givenUps.ask(ctx, r, func(t step.Ticket) node.FolderEvent {
		return folder.GiveUpAsked{Ticket: t, Path: i.Path, Wall: time.Now().UnixMilli()}
	})
	if err != nil {
		return nil, err
	}
	if done.Kept+done.Deleted == 0 {
		return nil, api.Errorf(api.NotFound, "%q in folder %q is no file whose content no connected device has; "+
			"see `shoal why %s`", i.Path, f.Name, i.Path)
	}
	r.barrier()
	said := "deleted"
	if done.Kept > 0 {
		said = "back to the version that is here"
	}
	a.events.add(status.Event{Kind: status.LocalChange, Folder: f.ID, Path: i.Path,
		Detail: "given up, for nobody had its content: " + said})
	return api.GivenUp{Folder: f.ID, Path: i.Path, Kept: done.Kept, Deleted: done.Deleted}, nil
}
