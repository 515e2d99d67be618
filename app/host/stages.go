package host

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/swarm"
)

// openStage opens the stage of a content, with what is on this device of it.
func (r *folderRun) openStage(f swarm.OpenStage) {
	s, err := r.stageWithOwn(f)
	if err != nil {
		r.post(swarm.StageFailed{Content: f.Content, Full: r.noteFull(err), Reason: err.Error()})
		return
	}
	present := make([]bool, len(f.Recipe.Chunks))
	for i := range present {
		present[i] = s.Has(i)
	}
	r.post(swarm.StageOpened{Content: f.Content, Present: present})
}

// stageWithOwn opens the stage of a content, and takes what is on this device of it: what a
// crash has left there, and what an old version of the file, others, or the trash hold.
func (r *folderRun) stageWithOwn(f swarm.OpenStage) (*disk.Stage, error) {
	if _, implied := recipe.Implied(f.Content, f.Recipe.Size()); !implied {
		err := r.store.PutRecipes([]index.Recipe{{Content: f.Content, Body: f.Recipe.Append(nil)}})
		if err != nil {
			return nil, err
		}
	}
	s, err := r.beginStage(f)
	if err != nil {
		return nil, err
	}
	if f.Old != nil {
		if old, ok := r.recipeOf(f.Old.Content, f.Old.Stat.Size); ok {
			if _, err := s.CopyFrom(f.Old.Path, f.Old.Stat, old); err != nil {
				// What the old version holds is fetched instead.
				r.log.Debug("nothing taken from the old version", "path", f.Old.Path, "reason", err)
			}
		}
	}
	r.takeChunks(s, f.Recipe)
	r.takeTrashed(s, f.Content, f.Recipe)
	r.mu.Lock()
	r.stages[f.Content] = s
	r.mu.Unlock()
	return s, nil
}

func (r *folderRun) stageOf(content ident.ContentID) *disk.Stage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stages[content]
}

// dropStage forgets a stage. What it holds stays on disk for a day: it may be wanted
// again.
func (r *folderRun) dropStage(content ident.ContentID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.stages, content)
}
