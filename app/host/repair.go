package host

import (
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
)

// deletedPage is how many deleted entries are read at a time.
const deletedPage = 512

// loadDeleted reads the deleted entries that a peer has not heard of, as committed.
func (r *folderRun) loadDeleted(f folder.LoadDeleted) {
	out := folder.FoundEntries{To: f.To, Repair: f.Repair, After: f.After}
	read := func(v *index.View) error {
		for len(out.Entries) < folder.FoundMax {
			rows, err := v.Deleted(out.After, deletedPage)
			if err != nil {
				return err
			}
			for i := range rows {
				if len(out.Entries) == folder.FoundMax {
					return nil
				}
				out.After = rows[i].Seq
				if e := &rows[i].Entry; !e.KnownBy(f.Knowledge) {
					out.Entries = append(out.Entries, *e)
				}
			}
			if len(rows) < deletedPage {
				out.After = 0
				return nil
			}
		}
		return nil
	}
	r.readFor(f.To, read, func() {
		out.Has = make([]bool, len(out.Entries))
		r.post(out)
	})
}
