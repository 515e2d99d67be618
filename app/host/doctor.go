package host

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
)

// diagnose looks at everything that can be wrong on this device, or at one other device.
func (a *agent) diagnose(ctx context.Context, i api.Diagnose) (any, error) {
	d := &status.Diagnosis{}
	view := a.Status()
	if i.Device != "" {
		other, err := api.FindDevice(view, i.Device)
		if err != nil {
			return nil, err
		}
		a.checkDevice(d, other)
		a.checkVPN(d)
		a.checkRoutes(d, other, a.checkNAT(ctx, d))
		d.Judge()
		return d, nil
	}
	d.Add(status.Check{Name: "version", Verdict: status.Fine, Reason: fmt.Sprintf("shoal %s on %s/%s",
		a.opts.Version, runtime.GOOS, runtime.GOARCH)})
	a.checkListening(d)
	a.checkLAN(d, view)
	a.checkProxy(d)
	a.posts.check(d)
	a.checkVPN(d)
	a.checkNAT(ctx, d)
	a.checkMapping(d)
	a.checkClock(d, view)
	a.checkSpace(d, "home", "", a.home.Dir())
	for _, f := range view.Folders {
		if err := a.checkFolder(ctx, d, f); err != nil {
			return nil, err
		}
	}
	a.checkWatching(d)
	if p := view.Device.Paused; p != nil {
		d.Add(status.Check{Name: "paused", Verdict: status.Doubt, Reason: "everything is paused " + p.Reason,
			Remedy: "`shoal resume` goes on"})
	}
	for _, other := range view.Devices {
		a.checkDevice(d, other)
	}
	d.Judge()
	return d, nil
}

func (a *agent) checkListening(d *status.Diagnosis) {
	at := a.listener.Addr()
	c := status.Check{Name: "listening", Verdict: status.Fine, Reason: "other devices can call at " + at.String()}
	asked := firstOf(a.opts.Listen, a.settings.Load().Listen)
	switch want, err := parseListen(asked); {
	case at.Addr().IsLoopback():
		c.Verdict, c.Reason = status.Doubt, c.Reason+", which is this computer alone"
		c.Remedy = "`shoal config set listen " + config.DefaultListen + "` lets others in, after a restart"
	case err == nil && want.Port() != 0 && want.Port() != at.Port():
		c.Verdict = status.Doubt
		c.Reason = fmt.Sprintf("port %d was taken by another program, so others can call at %s", want.Port(), at)
		c.Remedy = "end the other program, or name a free port with `shoal config set listen`; devices that know " +
			"a fixed address of this one must be told"
	}
	d.Add(c)
}

// checkLAN says whether devices on the local network can be found. With a connected one
// that is on it there is nothing to look for.
func (a *agent) checkLAN(d *status.Diagnosis, view status.View) {
	c := status.Check{Name: "local network", Verdict: status.Doubt, Reason: a.lanReason()}
	switch {
	case slices.ContainsFunc(view.Devices, func(o status.Device) bool { return o.Connected && o.Route == status.LAN }):
		c.Verdict, c.Reason = status.Fine, "a device on the local network is connected"
	case a.finder == nil:
	case a.finder.Sight().OwnHeard && a.finder.Sight().Answering:
		c.Verdict = status.Unknown
	}
	d.Add(c)
}

func (a *agent) checkProxy(d *status.Diagnosis) {
	if p := a.proxy.Load().String(); p != "" {
		d.Add(status.Check{Name: "proxy", Verdict: status.Fine,
			Reason: "what leaves the local network goes through " + p})
	}
}

// Clocks that differ by more than doubtAfter give files times that mislead people; beyond
// wrongAfter they are no longer heeded in deciding which of two changes is newer.
const (
	doubtAfter = 5 * time.Second
	wrongAfter = 24 * time.Hour
)

// checkClock compares this device's clock with those of connected devices. Where most of
// them agree with one another and not with this one, it is this one that is off.
func (a *agent) checkClock(d *status.Diagnosis, view status.View) {
	var ahead []time.Duration
	var names []string
	for _, other := range view.Devices {
		l := a.links.to(other.ID)
		if l == nil || !l.clockTold.Load() {
			continue
		}
		half := time.Duration(float64(other.RTT) / 2 * float64(time.Millisecond))
		ahead = append(ahead, time.Duration(l.ahead.Load())*time.Millisecond+half)
		names = append(names, other.Name)
	}
	if len(ahead) == 0 {
		d.Add(status.Check{Name: "clock", Verdict: status.Unknown,
			Reason: "no device is connected whose clock could be compared with this one's"})
		return
	}
	sorted := slices.Sorted(slices.Values(ahead))
	median := sorted[len(sorted)/2]
	for i, by := range ahead {
		d.Add(clockCheck(names[i], by))
	}
	if len(ahead) > 1 && median.Abs() > doubtAfter {
		d.Add(status.Check{Name: "clock", Verdict: verdictOn(median), Reason: fmt.Sprintf(
			"most devices disagree with this computer's clock, by %s", status.Duration(median.Abs())),
			Remedy: "set this computer's clock, or let it be set from the network"})
	}
}

func clockCheck(name string, by time.Duration) status.Check {
	c := status.Check{Name: "clock", About: name, Verdict: verdictOn(by), Reason: "it agrees with this computer's"}
	if c.Verdict != status.Fine {
		way := "ahead of"
		if by < 0 {
			way = "behind"
		}
		c.Reason = fmt.Sprintf("it is %s %s this computer's", status.Duration(by.Abs()), way)
		c.Remedy = "set the clock that is wrong, or let it be set from the network"
	}
	return c
}

func verdictOn(by time.Duration) status.Verdict {
	switch by = by.Abs(); {
	case by > wrongAfter:
		return status.Wrong
	case by > doubtAfter:
		return status.Doubt
	}
	return status.Fine
}

// A volume with less than spaceWrong left cannot take a file of usual size; below
// spaceDoubt, and a twentieth of the volume, trash and versions are purged early.
const (
	spaceWrong = 100 << 20
	spaceDoubt = 2 << 30
)

func (a *agent) checkSpace(d *status.Diagnosis, name, about, path string) {
	free, size, err := disk.Space(path)
	c := status.Check{Name: name + " space", About: about, Verdict: status.Fine,
		Reason: fmt.Sprintf("%s of %s are free", status.Bytes(free), status.Bytes(size))}
	switch {
	case err != nil:
		c.Verdict, c.Reason = status.Unknown, err.Error()
	case free < spaceWrong:
		c.Verdict = status.Wrong
	case free < spaceDoubt && free < size/20:
		c.Verdict = status.Doubt
	}
	if c.Verdict == status.Wrong || c.Verdict == status.Doubt {
		c.Remedy = "free some space on the volume of " + path + "; `shoal trash empty` drops what was replaced and deleted"
	}
	d.Add(c)
}

// checkFolder looks at a folder's root, its space and its index.
func (a *agent) checkFolder(ctx context.Context, d *status.Diagnosis, f status.Folder) error {
	a.mu.Lock()
	r := a.folders[f.ID]
	a.mu.Unlock()
	if r == nil {
		return nil // it has just been removed
	}
	root := status.Check{Name: "folder", About: f.Name, Verdict: status.Fine, Reason: "it is kept at " + f.Path}
	if p := r.broken.Load(); p != nil {
		root.Verdict, root.Reason = status.Wrong, p.Reason
		root.Remedy = "if you moved it: `shoal folder set FOLDER path PATH`; `shoal why` and `shoal status` say more"
	} else if n := len(f.Problems); n > 0 {
		root.Verdict, root.Reason = status.Doubt, fmt.Sprintf("problems: %d, the first: %s", n, f.Problems[0].Reason)
		root.Remedy = "`shoal status` lists them"
	}
	d.Add(root)
	if root.Verdict == status.Wrong {
		return nil
	}
	a.checkSpace(d, "folder", f.Name, f.Path)
	return r.checkIndex(ctx, d, f.Name)
}

// checkIndex reads the whole index of a folder.
func (r *folderRun) checkIndex(ctx context.Context, d *status.Diagnosis, name string) error {
	if err := ctx.Err(); err != nil {
		return err // whoever asked has gone
	}
	var entries int64
	err := r.look(func(v *index.View) (err error) {
		entries, err = v.Check()
		return err
	})
	c := status.Check{Name: "index", About: name, Verdict: status.Fine,
		Reason: fmt.Sprintf("all %s entries were read and are in order", status.Count(entries))}
	if err != nil {
		c.Verdict, c.Reason = status.Wrong, err.Error()
		c.Remedy = "start the agent anew; if that does not help, stop it and delete the index of this folder: " +
			"it is rebuilt from the files and the other devices"
		if !errors.Is(err, index.ErrDamaged) {
			c.Verdict = status.Unknown
		}
	}
	d.Add(c)
	return nil
}

// checkWatching says whether changes are heard at once, and how to hear them if not.
func (a *agent) checkWatching(d *status.Diagnosis) {
	var deaf []string
	a.eachFolder(func(r *folderRun) {
		if text := r.deaf.Load(); text != nil {
			deaf = append(deaf, *text)
		}
	})
	limits, remedy := watchLimits()
	c := status.Check{Name: "watching", Verdict: status.Fine, Reason: "changes are heard at once" + limits}
	if len(deaf) > 0 {
		c.Verdict, c.Remedy = status.Doubt, remedy
		c.Reason = "not all changes are heard at once; what is not heard is looked for every minute: " +
			strings.Join(deaf, "; ") + limits
	}
	d.Add(c)
}

// checkDevice says how another device is reached, or why not.
func (a *agent) checkDevice(d *status.Diagnosis, other status.Device) {
	c := status.Check{Name: "device", About: other.Name, Verdict: status.Fine}
	switch {
	case other.Connected:
		c.Reason = "connected, " + string(other.Route)
		if l := a.links.to(other.ID); l != nil {
			c.Reason += ", at " + l.RemoteAddr().String()
		}
		if other.RTT > 0 {
			c.Reason += fmt.Sprintf(", round trip %.1f ms", float64(other.RTT))
		}
	case other.Unsought:
		c.Reason = "not connected; " + other.LastProblem
	case other.LastProblem != "":
		c.Verdict, c.Reason = status.Doubt, "not connected: "+other.LastProblem
		c.Remedy = "is it on, is its agent running, and does it trust this device?"
	default:
		c.Verdict, c.Reason = status.Doubt, "not connected, and nobody has tried yet"
	}
	if !other.Connected && len(other.Addresses) > 0 {
		c.Reason += "; told addresses: " + strings.Join(other.Addresses, ", ")
	}
	d.Add(c)
}
