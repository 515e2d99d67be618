package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
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

// foundFolder makes the id of a new folder, of which this device is the owner.
func (a *agent) foundFolder() (ident.FolderID, error) {
	founding := members.Founding{Founder: a.id}
	rand.Read(founding.Nonce[:]) // never fails: crypto/rand ends the program instead
	m := members.NewMap(founding.Folder())
	if err := m.Found(founding); err != nil {
		panic("bug: a folder's id does not prove its founder: " + err.Error())
	}
	return founding.Folder(), a.home.SaveMembers(founding.Folder(), m.Append(nil))
}

// loadMembers reads who shares the folder, so that it is known even while the folder
// cannot be kept.
func (r *folderRun) loadMembers(f config.Folder) error {
	r.sharing = roster.Config{Self: r.agent.id, Key: r.agent.public(), Map: members.NewMap(r.id)}
	for _, m := range f.Members {
		r.sharing.Hand = append(r.sharing.Hand, m.Device)
	}
	list, err := r.agent.home.Members(r.id)
	if err == nil && list != nil {
		var m *members.Map
		if m, err = members.ParseMap(r.id, list); err == nil {
			r.sharing.Map = m
		}
	}
	who := roster.New(r.id, r.sharing).Standing()
	r.who.Store(&who)
	if err != nil {
		return fmt.Errorf("the list of members %s cannot be read; without it the other members send it again: %w",
			r.agent.home.MembersFile(r.id), err)
	}
	return nil
}

func (a *agent) public() (key [32]byte) {
	copy(key[:], a.key.Private().Public().(ed25519.PublicKey))
	return key
}

// actMembers carries out what concerns the members. False: the effect is about something
// else.
func (r *folderRun) actMembers(effect any) bool {
	switch f := effect.(type) {
	case roster.Sign:
		signed := roster.Signed{Ticket: f.Ticket}
		copy(signed.Sign[:], ed25519.Sign(r.agent.key.Private(), f.Bytes))
		r.own = append(r.own, signed)
	case folder.SignRoot:
		v := f.Signed
		v.Key, v.Wall = r.agent.public(), time.Now().UnixMilli()
		copy(v.Sign[:], ed25519.Sign(r.agent.key.Private(), v.ToSign()))
		r.own = append(r.own, folder.RootSigned{Signed: v})
	case roster.Save:
		r.start(func() {
			saved := roster.Saved{Ticket: f.Ticket}
			if err := r.agent.home.SaveMembers(r.id, f.Body); err != nil {
				r.log.Error("the list of members cannot be written; trying again", "error", err)
				saved.Problem = err.Error()
			}
			r.post(saved)
		})
	case roster.Changed:
		was := r.who.Swap(&f.Standing)
		r.mayHaveWritten = r.mayHaveWritten || was.Own.MayWrite()
		if r.mayHaveWritten && f.Standing.Own == members.Reader {
			r.agent.start(func() { r.agent.beginReading(r) })
		}
		r.agent.start(r.agent.membersChanged) // the lock it takes may wait for this loop
	case roster.Answered:
		r.wishes.answer(f.Ticket, f)
	case folder.Reverting:
		r.reverts.answer(f.Ticket, f)
	case folder.GivenUp:
		r.givenUps.answer(f.Ticket, f)
	case roster.TellPlaces:
		r.tellPlaces(f.Device)
	case roster.PlacesHeard:
		r.agent.placesHeard(f.From, f.Places)
	default:
		return false
	}
	return true
}

// beginReading begins anew with a folder that this device may only read from now on. What
// it had written and others have not taken in cannot be told from what they have: with a
// new index everything on disk is compared with what the members say, and the rest is
// listed as local.
func (a *agent) beginReading(r *folderRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := slices.IndexFunc(a.config.Folders, func(f config.Folder) bool { return f.ID == r.id })
	if at < 0 || a.folders[r.id] != r || r.broken.Load() != nil {
		return
	}
	r.log.Info("this device may only read from now on; the folder is compared anew")
	a.stopFolder(r.id)
	dir, err := a.home.IndexDir()
	if err == nil {
		err = removeIndex(dir, r.id)
	}
	if err != nil {
		r.log.Error("the old index is in the way; stop the agent and delete it", "error", err)
	}
	a.startFolder(a.config.Folders[at])
}

func (a *agent) revertFolder(ctx context.Context, i api.FolderRevert) (any, error) {
	f, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	if who := r.who.Load(); who.Own != members.Reader {
		return nil, fmt.Errorf("this device may write to %q: what is changed here is no local change, and there is "+
			"nothing to revert", f.Name)
	}
	done, err := r.reverts.ask(ctx, r, func(t step.Ticket) node.FolderEvent { return folder.RevertAsked{Ticket: t} })
	if err != nil {
		return nil, err
	}
	return api.Revert{Folder: f.ID, Changes: done.Changes}, nil
}

var rolesAsked = map[status.Role]members.Role{
	"": members.None, status.Reader: members.Reader, status.Writer: members.Writer, status.Owner: members.Owner,
}

func roleShown(r members.Role) status.Role { return status.Role(r.String()) }

func (a *agent) shareFolder(ctx context.Context, i api.FolderShare) (any, error) {
	f, d, err := a.findBoth(i.Folder, i.Device)
	if err != nil {
		return nil, err
	}
	role, known := rolesAsked[i.Role]
	if !known {
		return nil, api.Errorf(api.Usage, "role %q: want owner, writer or reader", i.Role)
	}
	r, err := a.keeping(f)
	if err != nil {
		return nil, err
	}
	got, err := r.wishes.ask(ctx, r, func(t step.Ticket) node.FolderEvent {
		return roster.ShareAsked{Ticket: t, Device: d.ID, Role: role, Name: memberName(d.Name)}
	})
	if err == nil {
		err = r.problem(got, f, d)
	}
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.start(func() { a.offered.changed(d.ID) })
	err = a.change(func(c *config.Config) error {
		if !c.PutMember(f.ID, config.Member{Device: d.ID, Role: roleShown(got.Role)}) {
			return api.Errorf(api.NotFound, "folder %q is not kept any more", i.Folder)
		}
		return nil
	})
	return api.Share{Folder: f.ID, Device: d.ID, Role: roleShown(got.Role)}, err
}

// memberName is what members are told of a device's name: nothing when it is too odd.
func memberName(name string) string {
	if members.CheckName(name) != nil {
		return ""
	}
	return name
}

func (a *agent) unshareFolder(ctx context.Context, i api.FolderUnshare) (any, error) {
	f, d, err := a.findBoth(i.Folder, i.Device)
	if err != nil {
		return nil, err
	}
	r, err := a.keeping(f)
	if err != nil {
		return nil, err
	}
	got, err := r.unshare(ctx, d.ID)
	if err == nil {
		err = r.problem(got, f, d)
	}
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.start(func() { a.offered.changed(d.ID) })
	err = a.change(func(c *config.Config) error { c.DropMember(f.ID, d.ID); return nil })
	return api.Share{Folder: f.ID, Device: d.ID, Role: roleShown(got.Role)}, err
}

func (r *folderRun) unshare(ctx context.Context, d ident.DeviceID) (roster.Answered, error) {
	return r.wishes.ask(ctx, r, func(t step.Ticket) node.FolderEvent { return roster.UnshareAsked{Ticket: t, Device: d} })
}

// problem says in words why a wish about the members was not carried out.
func (r *folderRun) problem(got roster.Answered, f status.Folder, d status.Device) error {
	switch got.Problem {
	case roster.Fine:
		return nil
	case roster.NotOwner:
		return fmt.Errorf("only an owner says who shares %q, and in which role: ask %s", f.Name, r.owners())
	case roster.NoOwner:
		return fmt.Errorf("nobody is known to own %q, so there are no roles in it: leave --role out; "+
			"a folder added without --id has its device as owner", f.Name)
	case roster.Ended:
		return fmt.Errorf("an owner ended the membership of %q in %q; only an owner can share it again: ask %s",
			d.Name, f.Name, r.owners())
	case roster.NotShared:
		return api.Errorf(api.NotFound, "folder %q is not shared with %q", f.Name, d.Name)
	case roster.TooMany:
		return fmt.Errorf("folder %q has all the members, owners or changes of members that it can have", f.Name)
	}
	return fmt.Errorf("the list of members of %q cannot be written: %s; it is tried again by itself", f.Name, got.Reason)
}

func (r *folderRun) owners() string {
	var names []string
	for _, p := range r.who.Load().Partners {
		if p.Role == members.Owner {
			names = append(names, r.agent.deviceName(p.Device))
		}
	}
	if names == nil {
		return "one"
	}
	return strings.Join(names, " or ")
}

// sharedWith reports whether a device shares the folder now.
func (r *folderRun) sharedWith(d ident.DeviceID) bool {
	return r.who.Load().Role(d) != members.None
}

// tellMembers tells all connected members why this folder does not answer any more.
func (r *folderRun) tellMembers(reason wire.RefuseReason) {
	for _, p := range r.who.Load().Partners {
		if l := r.agent.links.to(p.Device); l != nil {
			r.agent.sendOn(l, wire.Refuse{Folder: r.id, Reason: reason})
		}
	}
}

// forgetMember ends a device's membership wherever this device may decide that. Where it
// may not, what was shared by hand ends.
func (a *agent) forgetMember(ctx context.Context, d ident.DeviceID) {
	var runs []*folderRun
	a.eachFolder(func(r *folderRun) { runs = append(runs, r) })
	for _, r := range runs {
		if r.broken.Load() != nil {
			continue
		}
		if _, err := r.unshare(ctx, d); err != nil {
			r.log.Warn("the membership could not be ended", "device", d.Short(), "error", err)
		}
	}
}

// through returns the devices that are known because they share a folder with this one,
// by the folders' names. The agent's lock is held.
func (a *agent) through() map[ident.DeviceID]*acquaintance {
	out := map[ident.DeviceID]*acquaintance{}
	for _, f := range a.config.Folders {
		r := a.folders[f.ID]
		if r == nil {
			continue
		}
		for _, p := range r.who.Load().Partners {
			if p.Guest || !r.who.Load().Known {
				continue
			}
			if out[p.Device] == nil {
				out[p.Device] = &acquaintance{}
			}
			k := out[p.Device]
			k.folders = append(k.folders, f.Name)
			k.name = firstOf(k.name, p.Name)
		}
	}
	return out
}

// configured reports whether a person here trusts a device. The agent's lock is held.
func (a *agent) configured(d ident.DeviceID) bool {
	return slices.ContainsFunc(a.config.Devices, func(o config.Device) bool { return o.ID == d })
}

// quoted lists names for people.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(out, ", ")
}

// acquaintance is a device that is known through folders.
type acquaintance struct {
	folders []string
	name    string
}

// membersChanged lets those link who share a folder now, and no others.
func (a *agent) membersChanged() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trust()
	a.news.tell()
}

// trust makes the devices that a person here trusts, those that share a folder with this
// one, and those that have to be told that they do not any more, the ones that may link.
// The agent's lock is held, or the agent has not started.
func (a *agent) trust() {
	trusted, announces := map[ident.DeviceID]bool{}, map[ident.DeviceID][32]byte{}
	for _, d := range a.config.Devices {
		trusted[d.ID] = true
		if d.AnnounceKey != "" {
			announces[d.ID] = d.Announce()
		}
	}
	a.linking.announces.Store(&announces)
	for d := range a.through() {
		trusted[d] = true
	}
	for _, r := range a.folders {
		for _, d := range r.who.Load().Ended {
			trusted[d] = true
		}
	}
	delete(trusted, a.id)
	was := a.trusted.Swap(&trusted)
	a.relinked()
	if a.device == nil || was == nil {
		return
	}
	for d := range trusted {
		if !(*was)[d] {
			a.tellTrust(route.DeviceTrusted{Device: d})
		}
	}
	for d := range *was {
		if !trusted[d] {
			a.tellTrust(route.DeviceForgotten{Device: d})
		}
	}
	a.circleChanged()
}

// known returns the configured devices, and behind them those known through folders. The
// agent's lock is held.
func (a *agent) known() (devices []config.Device, through map[ident.DeviceID]*acquaintance) {
	devices, through = a.config.Clone().Devices, a.through()
	var more []config.Device
	for d, k := range through {
		if !slices.ContainsFunc(devices, func(o config.Device) bool { return o.ID == d }) {
			more = append(more, config.Device{ID: d, Name: firstOf(k.name, a.hellos[d], d.Short())})
		}
	}
	slices.SortFunc(more, func(x, y config.Device) int { return slices.Compare(x.ID[:], y.ID[:]) })
	return append(devices, more...), through
}
