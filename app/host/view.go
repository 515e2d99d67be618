package host

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/wire"
)

// views keeps the latest snapshot of every machine, put here by their loops, so that
// status is ready whenever it is asked for.
type views struct {
	mu      sync.Mutex
	links   map[ident.DeviceID]route.Status
	places  map[ident.DeviceID][]netip.AddrPort // known at first hand
	folders map[ident.FolderID]*node.Snapshot
	equal   map[ident.FolderID]status.Equal
	seen    map[ident.DeviceID]status.Moment
	rates   map[ident.FolderID]rate
}

// rate is how fast a folder's content comes in, averaged over some seconds.
type rate struct {
	last int64   // bytes that had come when it was last measured
	bps  float64 // bytes per second
}

func newViews() *views {
	return &views{
		folders: map[ident.FolderID]*node.Snapshot{}, equal: map[ident.FolderID]status.Equal{},
		seen: map[ident.DeviceID]status.Moment{}, rates: map[ident.FolderID]rate{},
	}
}

func (v *views) setLinks(machine *node.Device) {
	all := machine.Links()
	links := make(map[ident.DeviceID]route.Status, len(all))
	places := make(map[ident.DeviceID][]netip.AddrPort, len(all))
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range all {
		links[s.Device] = s
		places[s.Device] = machine.Firsthand(s.Device)
		if s.Connected || v.links[s.Device].Connected {
			v.seen[s.Device] = status.MomentOf(time.Now())
		}
	}
	v.links = links
	v.places = places
}

// addresses returns where a device is, as far as this one knows at first hand.
func (v *views) addresses(d ident.DeviceID) []netip.AddrPort {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.places[d]
}

// allAddresses returns the same of every device. The map is not to be changed.
func (v *views) allAddresses() map[ident.DeviceID][]netip.AddrPort {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.places
}

// unsought reports whether a device is left alone: others who share its folders are enough.
func (v *views) unsought(d ident.DeviceID) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.links[d].Unsought
}

// setFolder keeps the snapshot of a folder; nil forgets it.
func (v *views) setFolder(id ident.FolderID, s *node.Snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s == nil {
		delete(v.folders, id)
		delete(v.rates, id)
		return
	}
	v.folders[id] = s
	for _, m := range s.Members {
		if m.Equal && s.Folder.Totals.Needs == 0 && !s.Folder.Scanning {
			v.equal[id] = status.Equal{Device: m.Device, When: status.MomentOf(time.Now())}
		}
	}
}

// publish makes the folder's present snapshot the one people see.
func (r *folderRun) publish() {
	s := r.machine.Snapshot()
	r.agent.view.setFolder(r.id, &s)
	lacks := slices.ContainsFunc(s.Troubles, func(t folder.Trouble) bool { return t.Kind == folder.ContentMissing })
	if r.lacks.Swap(lacks) != lacks {
		r.agent.circleChanged()
	}
	r.agent.news.tell()
}

// measure keeps the rates, once a second, until the agent ends.
func (a *agent) measure() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-ticker.C:
		}
		a.applyLimits(time.Now())
		a.speeds.note(time.Now(), a.links.total())
		a.eachFolder(func(r *folderRun) {
			now := r.bytesIn.Load()
			a.view.mu.Lock()
			defer a.view.mu.Unlock()
			old, known := a.view.rates[r.id]
			fresh := rate{last: now}
			if known {
				const weight = 0.3 // of the newest second: steady within some five seconds
				fresh.bps = old.bps*(1-weight) + float64(now-old.last)*weight
			}
			a.view.rates[r.id] = fresh
		})
		a.eachFolder((*folderRun).askMoving)
	}
}

// Status implements control.Agent.
func (a *agent) Status() status.View {
	a.mu.Lock()
	settings := a.config.Clone()
	var through map[ident.DeviceID]*acquaintance
	settings.Devices, through = a.known()
	runs := make(map[ident.FolderID]*folderRun, len(a.folders))
	for id, r := range a.folders {
		runs[id] = r
	}
	a.mu.Unlock()
	out := status.View{Device: a.self(&settings), Asking: a.linking.view(), Offers: a.offered.view()}
	a.view.mu.Lock()
	defer a.view.mu.Unlock()
	for _, d := range settings.Devices {
		shown := a.deviceView(d)
		if k := through[d.ID]; k != nil {
			shown.Through = k.folders
		}
		shown.Paused = restShown(&settings, config.Pause{Device: d.ID})
		out.Devices = append(out.Devices, shown)
	}
	for _, f := range settings.Folders {
		shown := a.folderView(&settings, f, runs[f.ID])
		s := a.view.folders[f.ID]
		if rest := out.Device.Paused; rest != nil && s != nil && s.Folder.Broken == "" {
			shown.State, shown.Paused, shown.Progress = status.Paused, rest, nil
			shown.Moving = nil
		}
		out.Folders = append(out.Folders, shown)
	}
	return out
}

var routes = map[route.Kind]status.Route{
	route.Lan: status.LAN, route.Direct: status.Direct, route.Punched: status.Punched, route.Relayed: status.Relayed,
}

// deviceView describes a device. The lock of views is held.
func (a *agent) deviceView(d config.Device) status.Device {
	out := status.Device{ID: d.ID, Name: d.Name, Addresses: d.Addresses, LastSeen: a.view.seen[d.ID]}
	t := a.links.counted(d.ID)
	out.BytesIn, out.BytesOut = t.in, t.out
	s, known := a.view.links[d.ID]
	if !known {
		return out
	}
	out.Connected = s.Connected
	if s.Connected {
		out.Route = routes[s.Kind]
		out.RTT = status.Measured(float64(s.RTT) / float64(time.Millisecond))
		return out
	}
	out.Unsought = s.Unsought
	out.LastProblem, out.NextTry = s.Reason, a.momentOf(s.NextTry)
	if len(d.Addresses) == 0 && out.LastProblem == "" {
		out.LastProblem = "no address of it is known: it can still connect to this device"
	}
	return out
}

// folderView describes a folder. The lock of views is held.
func (a *agent) folderView(settings *config.Config, f config.Folder, r *folderRun) status.Folder {
	out := status.Folder{ID: f.ID, Name: f.Name, Path: f.Path, State: status.Scanning,
		Set: status.FolderSet{Brake: f.Brake, Trash: f.Trash, Limits: f.Limits, Traits: f.Traits}}
	if r != nil {
		out.Limits = status.Limits{Up: r.up.Rate(), Down: r.down.Load(), LAN: true}
	}
	s := a.view.folders[f.ID]
	var who roster.Standing
	if r != nil {
		who = *r.who.Load()
	}
	out.Role = roleShown(who.Own)
	for _, p := range who.Partners {
		m := memberView(settings, p, s)
		m.Linked = a.view.links[p.Device].Connected
		m.Unsought = !m.Linked && a.view.links[p.Device].Unsought
		out.Members = append(out.Members, m)
	}
	if equal, ok := a.view.equal[f.ID]; ok {
		equal.Name = nameOf(settings, equal.Device)
		out.LastEqual = &equal
	}
	if r != nil {
		if p := r.broken.Load(); p != nil {
			out.State, out.Problems = status.NeedsYou, []status.Problem{*p}
			return out
		}
	}
	if s == nil {
		return out
	}
	t := s.Folder.Totals
	out.Files, out.Bytes = t.Files, t.Bytes
	out.NeedFiles, out.NeedBytes = t.NeedFiles, t.NeedBytes
	out.Conflicts, out.Root = int(t.Conflicts), hex.EncodeToString(s.Folder.Root[:])
	out.Held = heldCount(s)
	out.Problems = a.problems(settings, s)
	out.LocalChanges = s.Folder.Locals
	if v := s.Folder.Signed; v != nil && who.Own == members.Reader {
		signer := v.Signer()
		out.Signed = &status.Equal{
			Device: signer, Name: nameOf(settings, signer), When: status.MomentOf(time.UnixMilli(v.Wall)),
		}
	}
	if r != nil && r.anew != nil {
		out.Problems = append(out.Problems, *r.anew)
	}
	if r != nil {
		if p := r.badPatterns.Load(); p != nil {
			out.Problems = append(out.Problems, *p)
		}
	}
	out.State = stateOf(s, len(s.Troubles))
	if r != nil {
		r.showHeldPatterns(&out)
	}
	if who.Own == members.None {
		out.State = status.NeedsYou
		out.Problems = append(out.Problems, removedProblem(settings, f, who))
	}
	out.Progress = a.progress(f.ID, s, r)
	if r != nil {
		out.Moving = r.shownMoving(settings)
	}
	rest := restShown(settings, config.Pause{Folder: f.ID})
	if rest != nil && s.Folder.Broken == "" {
		out.State, out.Paused, out.Progress = status.Paused, rest, nil
	}
	return out
}

func memberView(settings *config.Config, m roster.Partner, s *node.Snapshot) status.Member {
	out := status.Member{
		ID: m.Device, Device: m.Device, Role: roleShown(m.Role), Name: nameOf(settings, m.Device), Guest: m.Guest,
	}
	if s == nil {
		return out
	}
	if i := slices.IndexFunc(s.Members, func(o node.Member) bool { return o.Device == m.Device }); i >= 0 {
		out.Connected = s.Members[i].Joined
		out.UpToDate = s.Members[i].Equal && s.Folder.Totals.Needs == 0 && !s.Folder.Scanning
	}
	return out
}

// stateOf says in one word how a folder is. Up to date is said only of what is verified:
// nothing is missing here, and every connected member has told of the same root.
func stateOf(s *node.Snapshot, troubles int) status.State {
	joined, equal := 0, true
	for _, m := range s.Members {
		if m.Joined {
			joined++
			equal = equal && m.Equal
		}
	}
	switch {
	case s.Folder.Broken != "":
		return status.NeedsYou
	case s.Folder.Scanning:
		return status.Scanning
	case s.Folder.Totals.Needs > 0 && joined == 0 && s.Folder.Totals.NeedFiles > 0:
		return status.Waiting
	case s.Folder.Totals.Needs > 0:
		return status.Syncing
	case len(s.Held) > 0:
		return status.NeedsYou // also with nobody there: only the person can go on
	case joined == 0:
		return status.Waiting
	case !equal:
		return status.Syncing
	case s.Folder.Totals.Conflicts > 0 || troubles > 0:
		return status.NeedsYou
	}
	return status.UpToDate
}

// problems lists what keeps the folder from being as it should be.
func (a *agent) problems(settings *config.Config, s *node.Snapshot) []status.Problem {
	var out []status.Problem
	for _, t := range s.Troubles {
		out = append(out, status.Problem{
			Path: t.Path, Kind: string(t.Kind), Reason: t.Reason, NextTry: a.momentOf(t.NextTry),
		})
	}
	for _, m := range s.Members {
		if m.Linked && m.Refused {
			out = append(out, status.Problem{
				Kind: status.MemberProblem, Reason: nameOf(settings, m.Device) + refusals[m.Reason],
			})
		}
		if m.Joined && m.Holds > 0 {
			out = append(out, status.Problem{Kind: status.HeldElsewhere, Reason: heldElsewhere(settings, m)})
		}
	}
	return out
}

// removedProblem says that an owner ended this device's membership.
func removedProblem(settings *config.Config, f config.Folder, who roster.Standing) status.Problem {
	name := nameOf(settings, who.EndedBy)
	if name == who.EndedBy.Short() {
		name = firstOf(who.EndedName, name)
	}
	return status.Problem{Kind: "removed", Reason: fmt.Sprintf("%s does not share this folder with this "+
		"device any more: its files stay here and are not kept the same; an owner can share it again, "+
		"or shoal folder remove %q ends it here", name, f.Name)}
}

var refusals = map[wire.RefuseReason]string{
	wire.NotMember:    " has not taken this folder, or does not share it with this device: accept it or share it there",
	wire.Removed:      " says that an owner has ended this device's membership of the folder",
	wire.LeftHere:     " does not share this folder itself any more",
	wire.FolderPaused: " has paused this folder",
	wire.FolderBroken: " cannot keep this folder at the moment; look at its status",
	wire.CloneFound: ": two computers run with one identity, or one index was copied from the other; stop one" +
		" of them, delete its state directory, and link it as a new device",
}

func (a *agent) progress(id ident.FolderID, s *node.Snapshot, r *folderRun) *status.Progress {
	t := s.Folder.Totals
	out := &status.Progress{BytesDone: t.Bytes - t.NeedBytes, BytesTotal: t.Bytes}
	bps := a.view.rates[id].bps
	if r != nil {
		if p := r.reading.Load(); p != nil {
			out.Current = p.Path
			if t.NeedFiles == 0 {
				out.BytesDone = p.Bytes
				return out
			}
		}
	}
	if t.NeedFiles == 0 {
		return nil
	}
	out.RateBps = int64(bps)
	if bps >= 1 {
		out.ETA = status.Measured(float64(t.NeedBytes) / bps)
	}
	return out
}

func (a *agent) momentOf(t step.Instant) status.Moment {
	if t == step.Never || t == 0 {
		return 0
	}
	return status.MomentOf(time.Now().Add(t.Since(a.clock.Now())))
}

func nameOf(settings *config.Config, d ident.DeviceID) string {
	for _, o := range settings.Devices {
		if o.ID == d {
			return o.Name
		}
	}
	return d.Short()
}
