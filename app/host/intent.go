package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/wire"
)

// change applies a change to the configuration and saves it, or changes nothing.
// The agent's lock is held.
func (a *agent) change(with func(*config.Config) error) error {
	fresh := a.config.Clone()
	if err := with(&fresh); err != nil {
		return err
	}
	if err := a.home.Save(fresh); err != nil {
		return err
	}
	a.config = fresh
	return nil
}

func (a *agent) addFolder(i api.FolderAdd) (any, error) {
	path, err := filepath.Abs(i.Path)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.config.Folders {
		if f.Path == path && (i.ID.IsZero() || i.ID == f.ID) {
			return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, nil
		}
	}
	if err := a.home.CheckRoot(a.config, path); err != nil {
		return nil, err
	}
	f := config.Folder{ID: i.ID, Name: firstOf(i.Name, filepath.Base(path)), Path: path}
	if f.ID.IsZero() {
		if f.ID, err = a.foundFolder(); err != nil {
			return nil, err
		}
	}
	made, err := disk.Create(path, disk.Limits{})
	if err != nil {
		return nil, err
	}
	f.Token = made.Identity().String()
	if err := made.Close(); err != nil {
		return nil, err
	}
	if err := a.change(func(c *config.Config) error { return c.PutFolder(f) }); err != nil {
		return nil, err
	}
	a.startFolder(f)
	return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, nil
}

// removeFolder stops keeping a folder and forgets what was known of it: added again, it
// is another replica.
func (a *agent) removeFolder(i api.FolderRemove) (any, error) {
	f, err := api.FindFolder(a.Status(), i.Folder)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err = a.change(func(c *config.Config) error { c.DropFolder(f.ID); return nil })
	if err != nil {
		return nil, err
	}
	r := a.folders[f.ID]
	delete(a.folders, f.ID)
	if r != nil {
		r.close()
		r.tellMembers(wire.NotMember)
	}
	a.trust()
	a.tellOffers(f.Members)
	a.view.setFolder(f.ID, nil)
	dir, err := a.home.IndexDir()
	if err == nil {
		err = removeIndex(dir, f.ID)
	}
	return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, err
}

func (a *agent) rescanFolder(ctx context.Context, i api.FolderRescan) (any, error) {
	if known, err := api.FindFolder(a.Status(), i.Folder); err == nil {
		a.seekFolder(known.ID)
	}
	f, r, err := a.runOf(i.Folder)
	if err != nil {
		return nil, err
	}
	if err := r.rescan(ctx); err != nil {
		return nil, err
	}
	return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, nil
}

// runOf finds a folder that is being kept.
func (a *agent) runOf(text string) (status.Folder, *folderRun, error) {
	f, err := api.FindFolder(a.Status(), text)
	if err != nil {
		return f, nil, err
	}
	r, err := a.keeping(f)
	return f, r, err
}

// keeping returns what keeps a folder that was seen in a view.
func (a *agent) keeping(f status.Folder) (*folderRun, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.folders[f.ID]
	if r == nil {
		return nil, api.Errorf(api.NotFound, "folder %q is not kept any more", f.Name)
	}
	if p := r.broken.Load(); p != nil {
		return nil, fmt.Errorf("folder %q is not kept at the moment: %s", f.Name, p.Reason)
	}
	return r, nil
}

func (a *agent) findBoth(folder, device string) (f status.Folder, d status.Device, err error) {
	view := a.Status()
	if f, err = api.FindFolder(view, folder); err != nil {
		return f, d, err
	}
	d, err = api.FindDevice(view, device)
	return f, d, err
}

func (a *agent) addDevice(i api.DeviceAdd) (any, error) {
	if i.ID == a.id {
		return nil, api.Errorf(api.Usage, "this is the id of this device itself: give the other one's")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var d config.Device
	err := a.change(func(c *config.Config) (err error) {
		d, err = c.PutDevice(config.Device{ID: i.ID, Name: i.Name, Addresses: i.Addresses})
		return err
	})
	if err != nil {
		return nil, err
	}
	a.trust()
	a.deviceTrusted(d)
	return api.Device{ID: d.ID, Name: d.Name}, nil
}

// renameDevice changes what a device is called here; nobody else hears of it.
func (a *agent) renameDevice(i api.DeviceRename) (any, error) {
	if err := config.CheckName(i.Name); err != nil {
		return nil, api.Errorf(api.Usage, "%v", err)
	}
	d, err := api.FindDevice(a.Status(), i.Device)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.configured(d.ID) {
		return nil, fmt.Errorf("%q is known only through %s: it is called what the folder's owners call it; "+
			"to trust it here too, and name it: shoal device add %s", d.Name, quoted(d.Through), d.ID)
	}
	err = a.change(func(c *config.Config) error {
		_, err := c.PutDevice(config.Device{ID: d.ID, Name: i.Name})
		return err
	})
	return api.Device{ID: d.ID, Name: i.Name}, err
}

func (a *agent) removeDevice(ctx context.Context, i api.DeviceRemove) (any, error) {
	view := a.Status()
	d, err := api.FindDevice(view, i.Device)
	if err != nil {
		asks, none := api.FindAsking(view, i.Device)
		if none == nil && a.linking.refuse(asks.ID) {
			return api.Device{ID: asks.ID, Name: asks.Name}, nil
		}
		return nil, err
	}
	a.forgetMember(ctx, d.ID)
	a.mu.Lock()
	defer a.mu.Unlock()
	if left := a.through()[d.ID]; left != nil && !a.configured(d.ID) {
		return nil, fmt.Errorf("%q is known through %s, and only an owner of that says that it is not: "+
			"this device can leave with shoal folder remove", d.Name, quoted(left.folders))
	}
	err = a.change(func(c *config.Config) error { c.DropDevice(d.ID); return nil })
	if err != nil {
		return nil, err
	}
	a.trust()
	return api.Device{ID: d.ID, Name: d.Name}, nil
}

func (a *agent) trusts(d ident.DeviceID) bool { return (*a.trusted.Load())[d] }

// deviceTrusted lets the device machine link to a device, and tells it where that is.
func (a *agent) deviceTrusted(d config.Device) {
	a.tellTrust(route.DeviceTrusted{Device: d.ID})
	a.start(func() { a.letters.trusted(d.ID) })
	a.start(func() { a.resolve(d) })
}

// resolveEvery is how often host names are looked up again: they may point elsewhere.
const resolveEvery = 5 * time.Minute

func (a *agent) resolveAddresses() {
	ticker := time.NewTicker(resolveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-ticker.C:
		}
		a.mu.Lock()
		devices := a.config.Clone().Devices
		a.mu.Unlock()
		for _, d := range devices {
			a.resolve(d)
		}
	}
}

func (a *agent) resolve(d config.Device) {
	for _, address := range d.Addresses {
		hostPort, err := config.SplitAddress(address)
		if err == nil {
			var found []addrPort
			if found, err = lookUp(a.ctx, hostPort); err == nil {
				for _, addr := range found {
					a.device.Post(a.ctx, book.AddressHeard{Device: d.ID, Addr: addr, Source: book.Static})
				}
			}
		}
		if err != nil && a.ctx.Err() == nil {
			a.log.Warn("cannot find a device by name; check the address", "device", d.Name,
				"address", address, "error", err)
		}
	}
}

// Wait implements control.Agent.
func (a *agent) Wait(ctx context.Context, folder, device string) ([]string, error) {
	if device != "" {
		defer a.await(device)()
	}
	for {
		changed := a.news.next()
		missing, err := a.missing(folder, device)
		if err != nil || len(missing) == 0 {
			return nil, err
		}
		select {
		case <-changed:
		case <-time.After(time.Second): // links have no news of their own
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return missing, nil
			}
			return missing, ctx.Err()
		}
	}
}

// foldersMeant returns the folder that a person named, or all when none was.
func foldersMeant(view status.View, name string) ([]status.Folder, error) {
	if name == "" {
		return view.Folders, nil
	}
	f, err := api.FindFolder(view, name)
	if err != nil {
		return nil, err
	}
	return []status.Folder{f}, nil
}

// missing lists what is not verified equal.
func (a *agent) missing(folder, device string) ([]string, error) {
	view := a.Status()
	folders, err := foldersMeant(view, folder)
	if err != nil {
		return nil, err
	}
	var only ident.DeviceID
	if device != "" {
		d, err := api.FindDevice(view, device)
		if err != nil {
			return nil, err
		}
		only = d.ID
	}
	if len(folders) == 0 {
		return []string{"no folder is kept on this device"}, nil
	}
	var out []string
	for _, f := range folders {
		out = append(out, missingIn(f, only)...)
	}
	return out, nil
}

func missingIn(f status.Folder, only ident.DeviceID) []string {
	var out []string
	if f.Paused != nil {
		return []string{f.Name + ": it is paused; `shoal resume` goes on"}
	}
	if f.Held > 0 {
		out = append(out, heldText(f))
	}
	for _, p := range f.Problems {
		if f.NeedFiles > 0 || p.Path == "" {
			what := f.Name
			if p.Path != "" {
				what += ": " + p.Path
			}
			out = append(out, what+": "+p.Reason)
		}
	}
	if f.NeedFiles > 0 {
		out = append(out, fmt.Sprintf("%s: %s (%s) still to come here", f.Name,
			status.Files(f.NeedFiles), status.Bytes(f.NeedBytes)))
	}
	if f.LocalChanges > 0 {
		out = append(out, fmt.Sprintf("%s: %s changed on this device, which may only read; "+
			"shoal folder revert puts the members' version back", f.Name, status.Count(int64(f.LocalChanges))+" names"))
	}
	members := slices.Clone(f.Members)
	if !only.IsZero() {
		members = slices.DeleteFunc(members, func(m status.Member) bool { return m.Device != only })
		if len(members) == 0 {
			return append(out, fmt.Sprintf("%s: not shared with that device", f.Name))
		}
	}
	connected, behind := 0, 0
	for _, m := range members {
		switch {
		case !m.Connected && !only.IsZero() && m.Linked:
			out = append(out, fmt.Sprintf("%s: %s is connected, and does not share it with this device now", f.Name, m.Name))
		case !m.Connected && !only.IsZero():
			out = append(out, fmt.Sprintf("%s: %s is not connected", f.Name, m.Name))
		case m.Connected && !m.UpToDate:
			out = append(out, fmt.Sprintf("%s: not yet verified equal on %s", f.Name, m.Name))
			behind++
		case m.Connected:
			connected++
		}
	}
	if connected == 0 && len(out) == 0 && behind == 0 {
		out = append(out, fmt.Sprintf("%s: no member is connected", f.Name))
	}
	if connected > 0 && behind == 0 && f.NeedFiles == 0 && f.Held == 0 && f.LocalChanges == 0 {
		return nil
	}
	return out
}
