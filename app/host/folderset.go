package host

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/tree"
)

// folderKey is one property of a folder that people can set. Set changes the folder's
// configuration, or says what is wrong with the value; apply, when there is one, makes
// what is configured true of the folder that is being kept, also after set has failed.
// Both are called with the agent's lock held.
type folderKey struct {
	key   string
	set   func(a *agent, f *config.Folder, value string) error
	apply func(a *agent, f config.Folder)
}

// folderKeys are all of them; a new one gets a row here.
var folderKeys = []folderKey{
	{key: "name", set: setFolderName},
	{key: "limits", set: setFolderLimits, apply: (*agent).limitFolder},
	{key: "path", set: setFolderPath, apply: (*agent).restartFolder},
	{key: "brake", set: setFolderBrake, apply: (*agent).applyBrake},
	{key: "trash", set: setFolderTrash, apply: (*agent).applyTrash},
	{key: "traits", set: setFolderTraits, apply: (*agent).restartFolder},
}

// setFolder changes one property of a folder.
func (a *agent) setFolder(i api.FolderSet) (any, error) {
	at := slices.IndexFunc(folderKeys, func(k folderKey) bool { return k.key == i.Key })
	if at < 0 {
		var known []string
		for _, k := range folderKeys {
			known = append(known, k.key)
		}
		return nil, api.Errorf(api.Usage, "a folder has no property %q; there are %s", i.Key,
			strings.Join(known, ", "))
	}
	k := folderKeys[at]
	found, err := api.FindFolder(a.Status(), i.Folder)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var f config.Folder
	var tried bool
	err = a.change(func(c *config.Config) error {
		at := slices.IndexFunc(c.Folders, func(o config.Folder) bool { return o.ID == found.ID })
		if at < 0 {
			return api.Errorf(api.NotFound, "folder %q is not kept any more", i.Folder)
		}
		f, tried = c.Folders[at], true
		if err := k.set(a, &c.Folders[at], i.Value); err != nil {
			return err
		}
		f = c.Folders[at]
		return nil
	})
	if tried && k.apply != nil {
		k.apply(a, f)
	}
	if err != nil {
		return nil, err
	}
	return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, nil
}

func setFolderName(_ *agent, f *config.Folder, value string) error {
	if err := config.CheckName(value); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	f.Name = value
	return nil
}

// setFolderTraits says whether owners and extended attributes are carried. The folder is
// kept anew then, and so is looked at.
func setFolderTraits(_ *agent, f *config.Folder, value string) error {
	if value == "off" {
		value = ""
	}
	if err := config.CheckTraits(value); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	if carry := config.CarryOf(value); carry.Any() {
		if err := disk.CanCarry(filepath.Join(f.Path, tree.PrivateDir), carry); err != nil {
			return err
		}
	}
	f.Traits = value
	return nil
}

func setFolderLimits(_ *agent, f *config.Folder, value string) error {
	if _, err := pace.ParseLimits(value); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	f.Limits = value
	return nil
}

func (a *agent) limitFolder(f config.Folder) {
	if r := a.folders[f.ID]; r != nil {
		r.limit(f, time.Now())
	}
}

// setFolderPath follows a folder that a person has moved. It must be the same one: another
// directory in its place would look as if everything had been deleted and made anew.
func setFolderPath(a *agent, f *config.Folder, value string) error {
	if !filepath.IsAbs(value) {
		return api.Errorf(api.Usage, "path %q: want the full path from the root", value)
	}
	value = filepath.Clean(value)
	a.stopFolder(f.ID) // it holds its directory
	others := a.config.Clone()
	others.DropFolder(f.ID)
	if err := a.home.CheckRoot(others, value); err != nil {
		return err
	}
	token, err := disk.ParseToken(f.Token)
	if err != nil {
		return err
	}
	there, err := disk.Open(value, token, disk.Limits{})
	if err != nil {
		return err
	}
	if err := there.Close(); err != nil {
		return err
	}
	f.Path = value
	return nil
}

// stopFolder ends the keeping of a folder for a while. The agent's lock is held.
func (a *agent) stopFolder(id ident.FolderID) {
	if r := a.folders[id]; r != nil {
		delete(a.folders, id)
		r.close()
		a.view.setFolder(id, nil)
	}
}

// restartFolder begins to keep a folder anew, as it is configured now. The agent's lock is
// held.
func (a *agent) restartFolder(f config.Folder) {
	a.stopFolder(f.ID)
	a.startFolder(f)
}
