package host

import (
	"cmp"
	"context"
	"os"
	"reflect"

	"github.com/shoal-sync/shoal/app/api"
)

// deed carries out one kind of intent.
type deed struct {
	intent reflect.Type
	do     func(*agent, context.Context, api.Intent) (any, error)
}

// long is a deed that may have to wait, at most for as long as who asked for it.
func long[I api.Intent](do func(*agent, context.Context, I) (any, error)) deed {
	return deed{reflect.TypeFor[I](), func(a *agent, ctx context.Context, i api.Intent) (any, error) {
		return do(a, ctx, i.(I))
	}}
}

// brief is a deed that waits for nobody.
func brief[I api.Intent](do func(*agent, I) (any, error)) deed {
	return long(func(a *agent, _ context.Context, i I) (any, error) { return do(a, i) })
}

// deeds are what the agent can do for people, by the kind of their intent.
var deeds = func(all ...deed) map[reflect.Type]deed {
	out := map[reflect.Type]deed{}
	for _, d := range all {
		out[d.intent] = d
	}
	return out
}(
	brief((*agent).addFolder), brief((*agent).acceptFolder), brief((*agent).declineFolder),
	brief((*agent).removeFolder), long((*agent).rescanFolder), brief((*agent).setFolder),
	long((*agent).shareFolder), long((*agent).unshareFolder), long((*agent).revertFolder),
	long((*agent).verifyFolder), brief((*agent).readIgnore), brief((*agent).writeIgnore),
	long((*agent).previewIgnore), brief((*agent).addDevice), long((*agent).removeDevice),
	brief((*agent).renameDevice), long((*agent).listNearby), brief((*agent).answerLink),
	brief((*agent).listHeld), brief((*agent).answerHeld), long((*agent).giveUp),
	brief((*agent).listConflicts), brief((*agent).resolveConflict), long((*agent).why),
	long((*agent).listTrash), long((*agent).restoreTrash), brief((*agent).emptyTrash),
	long((*agent).search), long((*agent).fetch), long((*agent).showSwarm),
	brief((*agent).listTransfers), brief((*agent).listSpeeds), brief((*agent).pause), brief((*agent).resume),
	brief((*agent).listSettings), brief((*agent).setSetting), long((*agent).diagnose),
	brief((*agent).about), brief((*agent).restart), brief((*agent).endAll), long((*agent).findUpdate),
)

// Do implements control.Agent.
func (a *agent) Do(ctx context.Context, intent api.Intent) (any, error) {
	d, known := deeds[reflect.TypeOf(intent)]
	if !known {
		return nil, api.Errorf(api.Usage, "this agent cannot do %T", intent)
	}
	return d.do(a, ctx, intent)
}

func (a *agent) endAll(api.Stop) (any, error) {
	a.log.Info("the agent was told to stop")
	a.ending() // the server answers before it ends
	return api.Nothing{}, nil
}

func (a *agent) restart(api.Restart) (any, error) {
	a.log.Info("the agent was told to start anew")
	a.again.Store(true)
	a.ending() // the server answers before it ends
	return api.Nothing{}, nil
}

func (a *agent) about(api.About) (any, error) {
	managed := cmp.Or(os.Getenv("NOTIFY_SOCKET"), os.Getenv("INVOCATION_ID")) != ""
	return api.Running{Version: a.opts.Version, Program: a.opts.Program, Args: os.Args[1:], PID: os.Getpid(),
		Managed: managed}, nil
}

func (a *agent) findUpdate(ctx context.Context, i api.UpdateFind) (any, error) {
	return a.releases.find(ctx, i)
}
