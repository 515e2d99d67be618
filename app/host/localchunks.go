package host

import (
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/recipe"
)

const (
	// chunkFilesMax is how many files of the folder are read for the chunks of one content.
	// A file that is put together from more than that is mostly fetched.
	chunkFilesMax = 32
	// chunkAsksMax is how many of its chunks are looked for in vain: some 20 ms of look-ups.
	chunkAsksMax = 2000
)

// takeChunks stages what other files of this folder hold of a content: a copy that was
// edited, a directory of builds, an archive that grew. What is here is not fetched.
func (r *folderRun) takeChunks(s *disk.Stage, wanted recipe.Recipe) {
	vain, files := 0, 0
	for i, c := range wanted.Chunks {
		if s.Has(i) {
			continue
		}
		if vain >= chunkAsksMax || files >= chunkFilesMax {
			return
		}
		taken, err := r.takeChunksLike(s, c)
		if err != nil {
			r.log.Debug("nothing taken from other files", "reason", err)
		}
		if taken {
			files++
		} else {
			vain++
		}
	}
}

// takeChunksLike stages what the first file that holds a chunk holds of the content, and
// reports whether there is one.
func (r *folderRun) takeChunksLike(s *disk.Stage, c recipe.Chunk) (taken bool, err error) {
	const tries = 4 // some may have changed since they were looked at
	var files []index.File
	err = r.look(func(v *index.View) (err error) {
		files, err = v.FilesWith(c.ID, tries)
		return err
	})
	for i := 0; i < len(files) && !taken; i++ {
		f := &files[i]
		if from, ok := r.recipeOf(f.Content, f.Stat.Size); ok {
			n, e := s.CopyFrom(f.Path, f.Stat, from)
			taken, err = n > 0, e
		}
	}
	return taken, err
}
