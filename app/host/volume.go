package host

import (
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/sync/disk"
)

// openDisk opens the folder on disk and finds out what names its volume can hold.
func (r *folderRun) openDisk(f config.Folder, token disk.Token) (err error) {
	if r.disk, err = disk.Open(f.Path, token, disk.Limits{Recipe: r.findRecipe, Trash: trashRules(f), Carry: config.CarryOf(f.Traits)}); err != nil {
		return err
	}
	if r.volume, err = r.disk.Volume(); err != nil {
		r.log.Warn("what names this volume can hold is not known for sure", "reason", err)
	}
	return nil
}
