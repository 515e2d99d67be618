package sim

import "github.com/shoal-sync/shoal/sync/folder"

// loadDeleted reads the deleted entries that a peer has not heard of.
func (d *device) loadDeleted(f folder.LoadDeleted) {
	out := folder.FoundEntries{To: f.To, Repair: f.Repair}
	for _, row := range d.index.kept.deleted(f.After) {
		if len(out.Entries) == folder.FoundMax {
			out.After = row.Seq - 1
			break
		}
		if !row.Entry.KnownBy(f.Knowledge) {
			out.Entries = append(out.Entries, row.Entry)
			out.Has = append(out.Has, false)
		}
	}
	d.handle(out)
}
