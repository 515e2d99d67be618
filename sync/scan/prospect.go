package scan

import (
	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// prospectMin is from which size on others are told of a file while it is being read. A
// smaller one has been read in a few hundredths of a second.
const prospectMin = 64 << 20

// Prospects is told what large files will most likely turn out to hold, while they are being
// read. Its functions are called in turn, and must not block for long.
type Prospects struct {
	// Read is told of a part, in the order of the file, beginning with the first. The row is
	// what the index knows under that name, nil when that is nothing.
	Read func(path string, s tree.Stat, row *tree.Base, part recipe.Part)
	// Ended is told that the file has been read to its end; zero content says that it was
	// not one state of a file that was read.
	Ended func(path string, content ident.ContentID)
}

// teller tells of one file that is being read; nil tells nothing.
type teller struct {
	file   file
	stat   tree.Stat
	parts  *recipe.Parter
	listen *Prospects
}

func (r *run) prospectOf(f file, s tree.Stat) *teller {
	if r.options.Prospects.Read == nil || s.Size <= prospectMin {
		return nil
	}
	return &teller{f, s, recipe.NewParter(chunker.ClassOf(s.Size)), &r.options.Prospects}
}

func (t *teller) add(id ident.ChunkID, size int) {
	if t == nil {
		return
	}
	if part, ok := t.parts.Add(id, size); ok {
		t.listen.Read(t.file.path, t.stat, t.file.row, part)
	}
}

func (t *teller) rest() {
	if t == nil {
		return
	}
	if part, ok := t.parts.Rest(); ok {
		t.listen.Read(t.file.path, t.stat, t.file.row, part)
	}
}

// prospectEnds tells how the reading of a file ended; made is nil when it came to nothing.
func (r *run) prospectEnds(f file, s tree.Stat, made *recipe.Recipe) {
	if r.options.Prospects.Ended == nil || s.Size <= prospectMin {
		return
	}
	var content ident.ContentID
	if made != nil {
		content = made.ID()
	}
	r.options.Prospects.Ended(f.path, content)
}
