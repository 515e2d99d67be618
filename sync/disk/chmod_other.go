//go:build !linux

package disk

import "github.com/shoal-sync/shoal/sync/tree"

// chmodVictim sets the permissions of a file that may not be opened, provided that it is the
// victim. Here that is two steps: what has its name a moment later gets them.
func (d *dir) chmodVictim(name string, mode uint32, victim tree.Stat) (tree.Stat, error) {
	now, err := d.look(name)
	if err != nil || !now.SameContent(victim) {
		if err == nil {
			err = ErrChanged
		}
		return now, err
	}
	return now, d.chmod(name, mode)
}
