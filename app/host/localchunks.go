package host

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
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

// takeTrashed stages a content that was taken away here before: an undo, or a file that was
// deleted here and comes back under another name.
func (r *folderRun) takeTrashed(s *disk.Stage, content ident.ContentID, wanted recipe.Recipe) {
	t, ok, err := r.disk.Kept(content)
	if ok {
		_, err = s.CopyFrom(t.Private, t.Stat, wanted)
	}
	if err != nil {
		r.log.Debug("nothing taken from the trash", "path", t.Path, "reason", err)
	}
}

// fromTrash takes small contents that were taken away here before out of the trash, and
// returns what is still to be asked for.
func (r *folderRun) fromTrash(items []wire.PieceAsk) []wire.PieceAsk {
	here := map[uint64]disk.Trashed{}
	for _, item := range items {
		if ident.ContentID(item.Chunk) != item.Content {
			continue
		}
		if t, ok := r.disk.KeptNow(item.Content); ok && t.Stat.Size == int64(item.Size) {
			here[item.Ticket] = t
		}
	}
	if len(here) == 0 {
		return items
	}
	taken, rest := []wire.PieceAsk{}, []wire.PieceAsk{}
	for _, item := range items {
		if _, ok := here[item.Ticket]; ok {
			taken = append(taken, item)
		} else {
			rest = append(rest, item)
		}
	}
	r.start(func() {
		for _, item := range taken {
			r.stageTrashed(item, here[item.Ticket])
		}
	})
	return slices.Clip(rest)
}

// stageTrashed answers an ask out of the trash. A failure is told like that of a disk, and
// the content asked for again, of somebody else.
func (r *folderRun) stageTrashed(item wire.PieceAsk, t disk.Trashed) {
	data, err := r.disk.ReadChunkAt(t.Private, t.Stat, disk.Range{Size: int64(item.Size)}, nil)
	if err == nil {
		err = r.disk.PutWhole(item.Content, data)
	}
	if err != nil {
		r.disk.ForgetKept(item.Content)
		r.post(swarm.PieceBad{Ticket: item.Ticket, Ours: true, Full: r.noteFull(err), Reason: err.Error()})
		return
	}
	r.post(swarm.PiecesStored{Tickets: []uint64{item.Ticket}})
}
