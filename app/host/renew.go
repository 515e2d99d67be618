package host

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A replica begins anew when its index cannot be believed: it is an old copy, or so old
// that the others have forgotten what was deleted meanwhile. The index is made again,
// from the files and from the other devices; nothing on disk is changed for that, and
// nothing is taken for deleted.

// renewalsApart is how soon a folder may begin anew again by what the same peer says. More
// often means that something is wrong that this does not mend: nothing is exchanged with
// that peer then, and the folder goes on with the others.
const renewalsApart = time.Hour

// renew ends this life of the folder and begins another one. The loop calls it.
func (r *folderRun) renew(f node.RenewReplica) {
	reason := renewed[f.Why]
	r.agent.start(func() {
		a := r.agent
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.folders[r.id] != r || r.ctx.Err() != nil {
			return // it ends for another reason
		}
		if !a.renewals[r.id].allows(f.Peer, time.Now()) {
			r.log.Warn("the folder would have to begin anew once more, and does not within an hour",
				"reason", reason, "peer", f.Peer.Short())
			a.events.add(status.Event{Kind: status.Trouble, Folder: r.id, Device: f.Peer,
				Detail: tooSoonText(f.Why, nameOf(&a.config, f.Peer))})
			return
		}
		r.log.Warn("the folder begins anew", "reason", reason, "peer", f.Peer.Short())
		a.stopFolder(r.id)
		a.noteRenewal(r.id, reason, f.Peer)
		dir, err := a.home.IndexDir()
		if err == nil {
			err = removeIndex(dir, r.id)
		}
		if err != nil {
			r.log.Error("cannot make the index anew", "error", err)
		}
		for _, again := range a.config.Folders {
			if again.ID == r.id {
				a.startFolder(again)
			}
		}
	})
}

// renewal is why a folder last began anew, and when each peer last made it do so.
type renewal struct {
	reason string
	by     map[ident.DeviceID]time.Time
}

// allows reports whether a peer may make the folder begin anew.
func (r renewal) allows(peer ident.DeviceID, now time.Time) bool {
	last, did := r.by[peer]
	return !did || now.Sub(last) >= renewalsApart
}

var renewed = map[node.RenewReason]string{
	node.IndexOld: "the index of this folder was older than what this device had already told others, as " +
		"after a backup was put back",
	node.AwayTooLong: "this device was away for so long that the others have forgotten what was deleted meanwhile",
	node.RemembersAlone: "this device had been told of changes that their author and all other writers have " +
		"forgotten since, as after an index was lost",
}

// tooSoonText tells why a folder that began anew lately does not do so again. Who alone
// remembers something goes on with everybody; with a device that says that our index cannot
// be believed nothing is exchanged meanwhile.
func tooSoonText(why node.RenewReason, peer string) string {
	if why == node.RemembersAlone {
		return renewed[why] + " (" + peer + " is one of them). This folder began anew less than an hour ago, and does so " +
			"once more when that hour is over; until then it may not get equal. No file is touched for that"
	}
	return "this folder began anew less than an hour ago, and " + peer + " says once more that " + renewed[why] +
		"; until then nothing is exchanged with it. Look whether two computers run with the same identity"
}

const copiedIndex = "the index of this folder was not the one that kept it last: it was copied from " +
	"another device, or put back from a backup"

// noteRenewal lets people know. The agent's lock is held.
func (a *agent) noteRenewal(id ident.FolderID, reason string, by ident.DeviceID) {
	last := a.renewals[id]
	if last.by == nil {
		last.by = map[ident.DeviceID]time.Time{}
	}
	last.reason, last.by[by] = reason, time.Now()
	a.renewals[id] = last
	a.events.add(status.Event{Kind: status.Trouble, Folder: id, Detail: renewalText(reason)})
}

func renewalText(reason string) string {
	return reason + ": it began anew, and no file was deleted or replaced for that. Versions that " +
		"differed are kept side by side, and files that were deleted elsewhere may be back"
}

// renewalProblem is shown until the agent is started again.
func (a *agent) renewalProblem(id ident.FolderID) (status.Problem, bool) {
	last, ok := a.renewals[id]
	return status.Problem{Kind: "renewed", Reason: renewalText(last.reason)}, ok
}

// openKept opens the index and makes sure that it is the one that kept this folder last.
// One that is not is made anew. The agent's lock is held.
func (r *folderRun) openKept(file string) (tree.State, error) {
	store, state, err := index.Open(file)
	r.store = store
	if err != nil {
		return state, err
	}
	keeper, err := r.disk.Keeper()
	if err != nil {
		return state, err
	}
	if keeper.Outlived(state) || r.isForeign(state) {
		r.log.Warn("the folder begins anew", "reason", copiedIndex)
		err := r.store.Close()
		r.store = nil
		if err == nil {
			err = removeIndexFile(file)
		}
		if err != nil {
			return state, fmt.Errorf("make the index anew: %w", err)
		}
		r.agent.noteRenewal(r.id, copiedIndex, r.agent.id)
		if r.store, state, err = index.Open(file); err != nil {
			return state, err
		}
	}
	return state, nil
}

// isForeign reports whether an index is another device's: its replica is not ours.
func (r *folderRun) isForeign(state tree.State) bool {
	for _, replica := range r.store.Replicas() {
		if replica.ID == state.Replica {
			return replica.Device != r.agent.id
		}
	}
	return false
}

// beginLife counts this start in the index and then in the folder, so that an old copy of
// the index is known by counting less. What is parked and this index knows nothing of is
// put back: a new index knows of nothing, an old copy of what was parked by then.
func (r *folderRun) beginLife(state tree.State) (tree.State, error) {
	orders, err := folder.ParkedByOrders(r.store.Intents())
	if err != nil {
		return state, err
	}
	err = r.disk.Unpark(func(name string) bool {
		return orders[name] || len(r.store.BaseAt(tree.Parking, name)) > 0
	})
	if err != nil {
		return state, err
	}
	var own []tree.Replica
	if state.Replica == 0 {
		state = tree.State{Replica: ident.ReplicaID(random64()), Log: ident.LogID(random64())}
		own = append(own, tree.Replica{ID: state.Replica, Device: r.agent.id, Name: r.agent.ownName()})
	}
	state.Life++
	state.Lives = state.Lives.Begin(random64(), state.Head)
	r.store.Apply(tree.Batch{State: &state, Replicas: own})
	if err := r.store.Commit(); err != nil {
		return state, err
	}
	return state, r.disk.SetKeeper(tree.Keeper{Log: state.Log, Life: state.Life})
}

// removeIndexFile deletes a database with what SQLite keeps beside it.
func removeIndexFile(file string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
