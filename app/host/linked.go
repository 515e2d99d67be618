package host

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/ident"
)

// recordLinked makes a device trusted and shares the folders that were agreed on.
func (a *agent) recordLinked(f pairing.Save) error {
	d := config.Device{ID: f.Device, AnnounceKey: hex.EncodeToString(f.Card.Announce[:])}
	if f.Card.Announce == [32]byte{} {
		d.AnnounceKey = ""
	}
	if f.Addr.IsValid() {
		d.Addresses = []string{"tcp://" + f.Addr.String()}
	}
	a.mu.Lock()
	if nameOf(&a.config, f.Device) == f.Device.Short() && config.CheckName(f.Card.Name) == nil {
		d.Name = f.Card.Name // else a person here has named it
	}
	err := a.change(func(c *config.Config) (err error) {
		d, err = c.PutDevice(d)
		return err
	})
	if err == nil {
		a.trust()
		a.deviceTrusted(d)
	}
	a.mu.Unlock()
	if err != nil {
		return err
	}
	a.log.Info("linked", "device", d.ID.String(), "name", d.Name)
	for _, o := range f.Given {
		if err := a.share(o.Folder, d.ID, status.Role(o.Role)); err != nil {
			return fmt.Errorf("%s is linked, but cannot be given folder %q: %w", d.Name, o.Name, err)
		}
	}
	for _, t := range f.Taken {
		if err := a.takeFolder(d.ID, t); err != nil {
			return fmt.Errorf("%s is linked, but its folder %q cannot be kept here: %w", d.Name, t.Offer.Name, err)
		}
	}
	return nil
}

// takeFolder begins to keep an offered folder, and shares it with who offered it.
func (a *agent) takeFolder(from ident.DeviceID, t pairing.Taken) error {
	if err := os.MkdirAll(t.Path, 0o755); err != nil {
		return err
	}
	name := t.Offer.Name
	if config.CheckName(name) != nil {
		name = "" // the directory's will do
	}
	if _, err := a.addFolder(api.FolderAdd{Path: t.Path, Name: name, ID: t.Offer.Folder}); err != nil {
		return err
	}
	return a.share(t.Offer.Folder, from, "") // the owners' list says more once it has come
}

// share makes a device a member of a folder. Without a role it becomes what is usual.
func (a *agent) share(folder ident.FolderID, device ident.DeviceID, role status.Role) error {
	_, err := a.shareFolder(a.ctx, api.FolderShare{Folder: folder.String(), Device: device.String(), Role: role})
	return err
}

// proposed lists offers with the places where they would go: where the folder is kept
// already, where the request says, or in the person's home.
func (a *agent) proposed(r api.LinkRequest, offers []pairing.Offer) (out []api.LinkFolder) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = a.home.Dir() + "-folders" // no place of the person's own is known
	}
	for _, o := range offers {
		path := a.pathOf(o.Folder)
		switch {
		case path != "":
		case r.To != "" && len(offers) == 1:
			path = r.To
		case r.To != "":
			path = filepath.Join(r.To, plainName(o.Name))
		default:
			path = freePlace(filepath.Join(home, plainName(o.Name)))
		}
		out = append(out, a.linkFolder(o, path))
	}
	return out
}

func (a *agent) pathOf(id ident.FolderID) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.config.Folders {
		if f.ID == id {
			return f.Path
		}
	}
	return ""
}

// checkPlace reports why an offered folder cannot go to a place, before anybody agrees.
func (a *agent) checkPlace(p api.LinkPlace) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.config.Folders {
		if f.ID == p.Folder && f.Path == p.Path {
			return nil // it is kept there already
		}
	}
	return a.home.CheckNewRoot(a.config, p.Path)
}

// plainName makes the name of a directory, legal on every system, of a name that another
// device chose.
func plainName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		return "shared folder"
	}
	return name
}

// freePlace is the path, or one with a number behind it, where nothing lies yet or an
// empty directory.
func freePlace(path string) string {
	for n := 2; ; n++ {
		try := path
		if n > 2 {
			try = fmt.Sprintf("%s %d", path, n-1)
		}
		entries, err := os.ReadDir(try)
		if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 || n > 100 {
			return try
		}
	}
}
