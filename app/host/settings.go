package host

import (
	"log/slog"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/post"
)

// listSettings returns every setting, and what the command line says instead.
func (a *agent) listSettings(api.SettingList) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, err := a.home.ListSettings()
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Override = a.overrides()[all[i].Key]
	}
	return all, nil
}

// overrides are the settings that flags of this run stand in for.
func (a *agent) overrides() map[string]string {
	out := map[string]string{"name": a.opts.Name, "listen": a.opts.Listen, "log_format": a.opts.LogFormat,
		"stun":       a.opts.STUN,
		"rendezvous": a.opts.Rendezvous}
	if a.opts.NoMDNS {
		out["mdns"] = "off"
	}
	return out
}

// setSetting changes a setting, and what can follow at once does.
func (a *agent) setSetting(i api.SettingSet) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := FollowSetting(a.home.Dir(), i.Key, i.Value); err != nil {
		return nil, err
	}
	fresh, err := a.home.SetSetting(i.Key, i.Value)
	if err != nil {
		return nil, api.Errorf(api.Usage, "%v", err)
	}
	now, err := a.home.GetSetting(i.Key)
	if err != nil {
		return nil, err
	}
	a.useSettings(fresh)
	now.Override = a.overrides()[i.Key]
	change := api.SettingChange{Setting: now, Effect: "now"}
	if config.NeedsRestart(i.Key) || now.Override != "" {
		change.Effect = "after restart"
	}
	return change, nil
}

// useSettings makes what can change while the agent runs as the settings say. The agent's
// lock is held, or the agent has not started.
func (a *agent) useSettings(s config.Settings) {
	if old := a.settings.Swap(&s); old == nil || old.Proxy != s.Proxy {
		a.useProxy(s.Proxy)
	}
	a.applyOwnLimits(time.Now()) // who is told "now" must not find it a second later
	a.askSystem()
	if a.posts != nil {
		a.posts.use(a.rendezvous())
	}
	if a.opts.Level != nil {
		a.opts.Level.Set(levels[s.LogLevel])
	}
	a.news.tell()
}

// rendezvous are the servers of this run.
func (a *agent) rendezvous() []post.Place {
	if a.opts.Rendezvous != "" {
		if told, err := config.ParseRendezvous(a.opts.Rendezvous); err == nil {
			return told
		}
	}
	return a.settings.Load().Rendezvous
}

var levels = map[string]slog.Level{
	"warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug,
}

// ownName is what other devices show for this one. Those that are linked hear of a new
// one when they link the next time.
func (a *agent) ownName() string { return firstOf(a.opts.Name, a.settings.Load().Name) }

// self is how this device is shown.
func (a *agent) self(settings *config.Config) status.Self {
	return status.Self{
		ID: a.id, Name: a.ownName(), Listen: []string{a.listener.Addr().String()},
		Paused: a.restOfAll(settings), Limits: a.limitsShown(),
		Rendezvous: a.posts.view(), Update: a.newerVersion(),
	}
}
