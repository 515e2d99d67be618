package host

import (
	"context"
	"errors"
	"time"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
)

// rootRetry is how often a folder that is not there is looked for: a disk that is mounted
// later, or put back, goes on by itself.
const rootRetry = 30 * time.Second

// problemRoot is the kind of the problem that a folder is not where it should be.
const problemRoot = "root"

// watchRoots looks for folders that are not there, until the agent ends.
func (a *agent) watchRoots() {
	ticker := time.NewTicker(rootRetry)
	defer ticker.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-ticker.C:
		}
		a.mu.Lock()
		folders := a.config.Clone().Folders
		for _, f := range folders {
			a.seekRoot(f)
		}
		a.mu.Unlock()
	}
}

// seekRoot begins to keep a folder again when it is back. The agent's lock is held.
func (a *agent) seekRoot(f config.Folder) {
	r := a.folders[f.ID]
	if r == nil {
		return
	}
	p := r.broken.Load()
	if p != nil && r.full.Load() {
		a.seekRoom(f, r, *p)
		return
	}
	if p == nil && !r.lost.Load() || p != nil && p.Kind != problemRoot {
		return
	}
	err := rootIsThere(f)
	if err == nil {
		a.log.Info("the folder is back", "folder", f.Name)
		a.restartFolder(f)
		return
	}
	if p != nil {
		again := status.Problem{Kind: problemRoot, Reason: err.Error(), NextTry: status.MomentOf(time.Now().Add(rootRetry))}
		r.broken.Store(&again)
		a.news.tell()
	}
}

// roomLeast is how much of the volume of an index must be free before a folder that stopped
// because it was full is kept again: some transactions of a busy folder.
const roomLeast = 4 << 20

// seekRoom begins to keep a folder again when there is room for its index. The agent's lock
// is held.
func (a *agent) seekRoom(f config.Folder, r *folderRun, p status.Problem) {
	if free, _, err := disk.Space(a.home.Dir()); err == nil && free >= roomLeast {
		a.log.Info("there is room again for what is recorded of the folder", "folder", f.Name)
		a.restartFolder(f)
		return
	}
	p.NextTry = status.MomentOf(time.Now().Add(rootRetry))
	r.broken.Store(&p)
	a.news.tell()
}

// rootIsThere reports why a folder cannot be opened. One that this agent has open is there,
// and not to be opened again.
func rootIsThere(f config.Folder) error {
	token, err := disk.ParseToken(f.Token)
	if err != nil {
		return err
	}
	there, err := disk.Open(f.Path, token, disk.Limits{})
	if err != nil {
		return err
	}
	return there.Close()
}

// seekFolder looks for one folder at once, because a person asks.
func (a *agent) seekFolder(id ident.FolderID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.config.Clone().Folders {
		if f.ID == id {
			a.seekRoot(f)
		}
	}
}

// noteRoot remembers whether the last look found the folder in its place.
func (r *folderRun) noteRoot(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	r.lost.Store(errors.Is(err, disk.ErrRootGone) || errors.Is(err, disk.ErrRootReplaced))
}
