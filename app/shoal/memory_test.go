package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// memoryAgent is an agent that keeps what it is told in memory and syncs nothing: the
// command line is tested against it, over the real socket.
type memoryAgent struct {
	home *config.Home

	mutex    sync.Mutex
	self     status.Self
	settings config.Config
	events   []status.Event
	changed  chan struct{} // closed and replaced at each event
}

func (m *memoryAgent) Status() status.View {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.view()
}

func (m *memoryAgent) view() status.View {
	v := status.View{Device: m.self}
	for _, d := range m.settings.Devices {
		v.Devices = append(v.Devices, status.Device{ID: d.ID, Name: d.Name,
			Addresses: d.Addresses, LastProblem: "connection refused"})
	}
	for _, f := range m.settings.Folders {
		shown := status.Folder{ID: f.ID, Name: f.Name, Path: f.Path, State: status.Waiting}
		for _, member := range f.Members {
			shown.Members = append(shown.Members,
				status.Member{Device: member.Device, Role: member.Role})
		}
		v.Folders = append(v.Folders, shown)
	}
	return v
}

func (m *memoryAgent) Do(_ context.Context, intent api.Intent) (any, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	next := m.settings.Clone()
	result, err := m.apply(&next, intent)
	if err != nil {
		return nil, err
	}
	m.settings = next
	m.events = append(m.events, status.Event{Seq: uint64(len(m.events) + 1), Time: 1,
		Kind: status.LocalChange, Detail: api.KindOf(intent)})
	close(m.changed)
	m.changed = make(chan struct{})
	return result, nil
}

func (m *memoryAgent) apply(c *config.Config, intent api.Intent) (any, error) {
	switch i := intent.(type) {
	case api.FolderAdd:
		return m.addFolder(c, i)
	case api.FolderRemove:
		f, err := api.FindFolder(m.view(), i.Folder)
		c.DropFolder(f.ID)
		return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, err
	case api.FolderRescan:
		f, err := api.FindFolder(m.view(), i.Folder)
		return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, err
	case api.FolderShare:
		share, err := m.share(i.Folder, i.Device)
		if share.Role = i.Role; share.Role == "" {
			share.Role = status.Writer
		}
		c.PutMember(share.Folder, config.Member{Device: share.Device, Role: share.Role})
		return share, err
	case api.FolderUnshare:
		share, err := m.share(i.Folder, i.Device)
		share.Role = c.DropMember(share.Folder, share.Device)
		return share, err
	case api.DeviceAdd:
		d, err := c.PutDevice(config.Device{ID: i.ID, Name: i.Name, Addresses: i.Addresses})
		return api.Device{ID: d.ID, Name: d.Name}, err
	case api.DeviceRename:
		d, err := api.FindDevice(m.view(), i.Device)
		return api.Device{ID: d.ID, Name: i.Name}, err
	case api.FolderSet:
		f, err := api.FindFolder(m.view(), i.Folder)
		return api.Folder{ID: f.ID, Name: i.Value, Path: f.Path}, err
	case api.SettingList:
		return m.home.ListSettings()
	case api.SettingSet:
		now, err := m.home.GetSetting(i.Key)
		return api.SettingChange{Setting: now, Effect: "now"}, err
	case api.Pause:
		c.PutPause(config.Pause{})
		return api.Pauses{Paused: []api.Paused{{}}}, nil
	case api.Resume:
		c.Paused = nil
		return api.Pauses{Paused: []api.Paused{}}, nil
	case api.DeviceRemove:
		d, err := api.FindDevice(m.view(), i.Device)
		c.DropDevice(d.ID)
		return api.Device{ID: d.ID, Name: d.Name}, err
	}
	return nil, fmt.Errorf("cannot do %s", api.KindOf(intent))
}

func (m *memoryAgent) addFolder(c *config.Config, i api.FolderAdd) (any, error) {
	if err := m.home.CheckRoot(*c, i.Path); err != nil {
		return nil, err
	}
	f := config.Folder{ID: i.ID, Name: i.Name, Path: i.Path}
	if f.Name == "" {
		f.Name = filepath.Base(i.Path)
	}
	if f.ID.IsZero() {
		f.ID = ident.FolderID{byte(len(c.Folders) + 1), 7}
	}
	return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, c.PutFolder(f)
}

func (m *memoryAgent) share(folder, device string) (api.Share, error) {
	f, err := api.FindFolder(m.view(), folder)
	if err != nil {
		return api.Share{}, err
	}
	d, err := api.FindDevice(m.view(), device)
	return api.Share{Folder: f.ID, Device: d.ID}, err
}

func (m *memoryAgent) Logs(uint64) ([]status.LogLine, <-chan struct{}) { return nil, nil }

func (m *memoryAgent) Events(
	ctx context.Context, since uint64, deliver func(status.Event) error,
) error {
	for {
		m.mutex.Lock()
		events, changed := m.events, m.changed
		m.mutex.Unlock()
		for ; since < uint64(len(events)); since++ {
			if err := deliver(events[since]); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Link is asked for something it cannot do: real agents link in the end-to-end tests.
func (m *memoryAgent) Link(_ context.Context, r api.LinkRequest, deliver func(api.LinkEvent) error) error {
	return deliver(api.LinkEvent{Event: api.LinkEnded, Kind: api.Timeout, Text: "nobody shows " + r.Code})
}

// Wait is true at once for a folder nobody shares, and never for others.
func (m *memoryAgent) Wait(ctx context.Context, folder, device string) ([]string, error) {
	m.mutex.Lock()
	view := m.view()
	m.mutex.Unlock()
	f, err := api.FindFolder(view, folder)
	if err != nil {
		return nil, err
	}
	if len(f.Members) == 0 {
		return nil, nil
	}
	<-ctx.Done()
	return []string{f.Name + ": " + device + " is not connected"}, ctx.Err()
}
