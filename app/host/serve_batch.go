package host

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
)

// findTogether finds where the contents of one piece each lie that a batch asks for, in one
// look at the index for each folder: small files are asked for by the dozen, and a look for
// each of them cost a third of what serving them took. It is a hint only. What is not found,
// or is not the same any more when it is read, is looked for again on its own. It returns
// what is to be closed when the batch has been served.
func findTogether(jobs []job) (readers []*disk.Reader) {
	ofRun := map[*folderRun][]int{}
	for i := range jobs {
		j := &jobs[i]
		if j.isPiece() && ident.ContentID(j.ask.Chunk) == j.ask.Content {
			ofRun[j.run] = append(ofRun[j.run], i)
		}
	}
	for r, which := range ofRun {
		if len(which) > 1 {
			readers = append(readers, r.findAll(jobs, which))
		}
	}
	return readers
}

// findAll notes where the contents of some jobs lie, unless the folder is closed, and what
// reads them.
func (r *folderRun) findAll(jobs []job, which []int) *disk.Reader {
	by := r.disk.Reader()
	r.serving.RLock()
	defer r.serving.RUnlock()
	if r.ctx.Err() != nil {
		return by
	}
	contents := make([]ident.ContentID, len(which))
	for k, i := range which {
		contents[k] = jobs[i].ask.Content
	}
	err := r.look(func(v *index.View) error {
		held, err := v.HoldingPaths(contents)
		for k, i := range which {
			if err == nil && held[k].Stat.Size == int64(jobs[i].ask.Size) {
				jobs[i].at, jobs[i].by = held[k], by
			}
		}
		return err
	})
	if err != nil {
		r.log.Debug("contents are looked for one by one", "reason", err)
	}
	return by
}
