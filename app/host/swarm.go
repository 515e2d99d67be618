package host

import (
	"context"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/swarm"
)

// showSwarm carries out api.SwarmAsk.
func (a *agent) showSwarm(ctx context.Context, i api.SwarmAsk) (any, error) {
	f, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	told, err := r.swarms.ask(ctx, r, func(t step.Ticket) node.FolderEvent { return swarm.StandingAsked{Ticket: t} })
	if err != nil {
		return nil, err
	}
	out := api.Swarm{
		ID: f.ID, Name: f.Name, More: told.More,
		Peers: make([]api.SwarmPeer, 0, len(told.Peers)), Items: make([]api.SwarmItem, 0, len(told.Contents)),
	}
	for _, p := range told.Peers {
		state := "ok"
		if p.Paused {
			state = "paused"
		}
		if p.Banned {
			state = "banned"
		}
		out.Peers = append(out.Peers, api.SwarmPeer{
			Device: p.Peer, Name: a.personName(p.Peer), Near: p.Near, State: state, Reason: p.Reason, RateIn: p.Rate,
			AnswersMS: p.Latency.Milliseconds(), Asked: p.Asked, BytesIn: p.Came, Waiting: p.Waiting,
			BytesOut: p.Went,
		})
	}
	for _, c := range told.Contents {
		item := api.SwarmItem{
			Content: c.Content.String(), Name: c.Name, Size: c.Size, Pieces: c.Pieces, Have: c.Have, Asked: c.Asked,
			Holders: c.Holders, Rarest: c.Rarest, Map: c.Cells,
		}
		if item.Map == nil {
			item.Map = []int{}
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

func (r *folderRun) standingTold(f swarm.StandingTold) {
	if f.Ticket == movingTicket {
		r.movingTold(f)
		return
	}
	r.swarms.answer(f.Ticket, f)
}
