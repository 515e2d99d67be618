package host

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// pauseMax bounds how long a pause with an end may last: longer ones are mistakes, and
// the wall clock could not count much further.
const pauseMax = 10 * 365 * 24 * time.Hour

// pause lets a folder, a device or everything rest.
func (a *agent) pause(i api.Pause) (any, error) {
	if i.ForMillis < 0 || i.ForMillis > pauseMax.Milliseconds() {
		return nil, api.Errorf(api.Usage, "a pause of %d ms: want more than 0, and at most 10 years",
			i.ForMillis)
	}
	p, name, err := a.pausable(i.What)
	if err != nil {
		return nil, err
	}
	if i.ForMillis > 0 {
		p.Until = time.Now().Add(time.Duration(i.ForMillis) * time.Millisecond).UTC().Round(0)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.change(func(c *config.Config) error { c.PutPause(p); return nil }); err != nil {
		return nil, err
	}
	a.events.add(status.Event{Kind: status.PauseBegun, Folder: p.Folder, Device: p.Device, Detail: name})
	a.pausesChanged()
	return a.pauses(), nil
}

// resume ends a rest, or all of them.
func (a *agent) resume(i api.Resume) (any, error) {
	p, name, err := a.pausable(i.What)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err = a.change(func(c *config.Config) error {
		switch {
		case i.What == "":
			c.Paused = nil
		case !c.EndPause(p):
			return api.Errorf(api.NotFound, "%q is not paused by itself; `shoal resume` alone ends every pause", i.What)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.events.add(status.Event{Kind: status.PauseEnded, Folder: p.Folder, Device: p.Device, Detail: name})
	a.pausesChanged()
	return a.pauses(), nil
}

// pausable finds the folder or the device that a person named; nothing is everything.
func (a *agent) pausable(what string) (p config.Pause, name string, err error) {
	if what == "" {
		return p, "everything", nil
	}
	view := a.Status()
	f, noFolder := api.FindFolder(view, what)
	d, noDevice := api.FindDevice(view, what)
	switch {
	case noFolder == nil && noDevice == nil:
		return p, "", api.Errorf(api.Failed, "a folder and a device are named %q: use an id, %s or %s",
			what, f.ID, d.ID)
	case noFolder == nil:
		return config.Pause{Folder: f.ID}, "folder " + f.Name, nil
	case noDevice == nil:
		return config.Pause{Device: d.ID}, "device " + d.Name, nil
	case api.AsError(noFolder).Kind != api.NotFound:
		return p, "", noFolder
	case api.AsError(noDevice).Kind != api.NotFound:
		return p, "", noDevice
	}
	return p, "", api.Errorf(api.NotFound, "no folder or device has the id or name %q", what)
}

// pauses lists the rests for whoever asked. The agent's lock is held.
func (a *agent) pauses() api.Pauses {
	out := api.Pauses{Paused: []api.Paused{}}
	if a.systemRest != "" {
		out.Paused = append(out.Paused, api.Paused{Reason: a.systemRest})
	}
	for _, p := range a.config.Paused {
		shown := api.Paused{Folder: p.Folder, Device: p.Device, Until: status.MomentOf(p.Until)}
		switch {
		case !p.Folder.IsZero():
			shown.Name = a.folderName(p.Folder)
		case !p.Device.IsZero():
			shown.Name = nameOf(&a.config, p.Device)
		}
		out.Paused = append(out.Paused, shown)
	}
	return out
}

// folderName returns what a folder is called here. The agent's lock is held.
func (a *agent) folderName(id ident.FolderID) string {
	for _, f := range a.config.Folders {
		if f.ID == id {
			return f.Name
		}
	}
	return id.String()
}

// pausesChanged lets every folder know with whom it rests now, and the watcher of their
// ends that there may be another. The agent's lock is held.
func (a *agent) pausesChanged() {
	for _, r := range a.folders {
		r.rest(a.restOf(r.id))
	}
	a.news.tell()
	select {
	case a.rested <- struct{}{}:
	default: // it is about to look anyway
	}
}

// restOf returns with whom a folder rests. The agent's lock is held.
func (a *agent) restOf(id ident.FolderID) (rest node.PauseChanged) {
	now := time.Now()
	rest.All = a.systemRest != ""
	for _, p := range a.config.Paused {
		switch {
		case p.Over(now):
		case !p.Device.IsZero():
			rest.Devices = append(rest.Devices, p.Device)
		case p.Folder.IsZero() || p.Folder == id:
			rest.All = true
		}
	}
	return rest
}

// rest tells the folder's machine, and those who send content for it, with whom it rests.
func (r *folderRun) rest(with node.PauseChanged) {
	r.resting.Store(&with)
	r.post(with)
}

// restsWith reports whether nothing is to be sent to a device now.
func (r *folderRun) restsWith(d ident.DeviceID) bool {
	rest := r.resting.Load()
	return rest != nil && rest.Covers(d)
}

// watchPauses ends the rests whose time is over, until the agent ends.
func (a *agent) watchPauses() {
	for {
		var due <-chan time.Time
		if wait, some := a.endPauses(); some {
			due = time.After(wait)
		}
		select {
		case <-a.ctx.Done():
			return
		case <-a.rested:
		case <-due:
		}
	}
}

// pauseLook is the longest wait for the end of a pause: wall clocks are set, and a timer
// does not count while the computer sleeps.
const pauseLook = 30 * time.Second

// endPauses forgets the rests whose time is over, and returns how long until it is worth
// looking again; false when no rest has an end.
func (a *agent) endPauses() (wait time.Duration, some bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if slices.ContainsFunc(a.config.Paused, func(p config.Pause) bool { return p.Over(now) }) {
		over := a.config.Clone().Paused
		err := a.change(func(c *config.Config) error { c.DropOver(now); return nil })
		if err != nil {
			a.log.Warn("cannot save that a pause is over; it will be over again", "error", err)
		}
		for _, p := range over {
			if p.Over(now) {
				a.events.add(status.Event{Kind: status.PauseEnded, Folder: p.Folder, Device: p.Device})
			}
		}
		for _, r := range a.folders {
			r.rest(a.restOf(r.id))
		}
		a.news.tell()
	}
	wait = pauseLook
	for _, p := range a.config.Paused {
		if !p.Until.IsZero() {
			wait, some = max(min(wait, p.Until.Sub(now)), 0), true
		}
	}
	return wait, some
}

// restOfAll is how a rest of everything is shown, nil when there is none. The agent's lock
// is not held.
func (a *agent) restOfAll(settings *config.Config) *status.Rest {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.systemRest != "" {
		return &status.Rest{Reason: a.systemRest}
	}
	return restShown(settings, config.Pause{})
}

// restShown is how a rest of something is shown, nil when there is none.
func restShown(settings *config.Config, of config.Pause) *status.Rest {
	now := time.Now()
	for _, p := range settings.Paused {
		if p.Of(of) && !p.Over(now) {
			return &status.Rest{Until: status.MomentOf(p.Until)}
		}
	}
	return nil
}
