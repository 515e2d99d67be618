package host

import (
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// recall says how orders ended that an earlier run had given when it was cut off: as far
// as the disk shows it. Nothing is changed.
func (r *folderRun) recall(orders []tree.Order) {
	outcomes := make([]tree.Outcome, len(orders))
	for i := range orders {
		outcomes[i] = r.recallOne(&orders[i])
	}
	r.post(folder.OutcomesReported{Outcomes: outcomes})
}

func (r *folderRun) recallOne(o *tree.Order) tree.Outcome {
	out := tree.Outcome{Ticket: o.Ticket, Recalled: true}
	path := o.Path
	if o.Op == tree.Move {
		path = o.To
	}
	stat, there, err := r.disk.Look(path)
	if err != nil {
		out.Refusal, out.Detail = tree.OtherFailure, err.Error()
		return out
	}
	if tree.LooksDone(o, stat, there) {
		if there {
			out.Stat = stat
		}
		return out
	}
	out.Refusal, out.Detail = tree.Changed, "the agent was stopped before this was done"
	_, still, err := r.disk.Look(o.Path)
	switch {
	case err != nil:
	case tree.LeftParking(o, still):
		out.Refusal, out.Detail, out.Stat = tree.Done, "", *o.Victim
	case o.Op == tree.Move && !there && !still:
		out.Refusal = tree.Missing
	}
	return out
}
