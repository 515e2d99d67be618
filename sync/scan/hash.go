package scan

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

const (
	// blockSize is how much of a large file is read at a time; smaller files are read
	// whole. With blocks of this size reading is as fast as mapping the file, and a file
	// that shrinks meanwhile kills nobody. Twice as large ones are no faster, and were half
	// of the memory of a scan.
	blockSize = 4 << 20
	// blocksMax is how many blocks of a file are in memory: one being read, one with each
	// hasher, and one in between.
	blocksMax = 4
	// blockHashers is how many goroutines hash the chunks of one large file.
	blockHashers = 2
)

// file is one that is to be read.
type file struct {
	path string
	row  *tree.Base // what the index knows under that name
	from *tree.Base // the row this is a move of, if the content is the same or the file surely is
	// renamed is set when it is one whatever it holds.
	renamed bool
}

// hash has a file read. It waits while many others are waiting.
func (r *run) hash(f file) {
	if f.from != nil {
		r.pairing.Add(1)
	}
	select {
	case r.files <- f:
	case <-r.ctx.Done():
		if f.from != nil {
			r.pairing.Done()
		}
	}
}

// hashFiles reads files until there are no more.
func (r *run) hashFiles() {
	var buffer []byte
	for f := range r.files {
		if r.ctx.Err() == nil {
			buffer = r.hashFile(f, buffer)
		}
		if f.from != nil {
			r.pairing.Done()
		}
	}
}

// hashFile reads one file and reports it, unless it changed meanwhile: then it is noted
// to be looked at again. It returns the buffer for the next file.
func (r *run) hashFile(f file, buffer []byte) []byte {
	began, now := time.Now(), r.options.Now()
	o, err := r.top.file(f.path)
	if err != nil {
		r.unread(f, err)
		return buffer
	}
	defer o.close() // opened for reading, so closing has nothing to say
	before, changed, err := o.look()
	if err != nil || before.Kind != tree.File {
		r.again(f.path)
		return buffer
	}
	made, buffer, err := r.read(o, f, before, buffer)
	if err != nil {
		r.prospectEnds(f, before, nil)
		r.unread(f, err)
		return buffer
	}
	if r.between != nil {
		r.between(f.path)
	}
	after, changedSince, err := o.look()
	// The name may lead to another file by now, and then what was read is the past.
	named, nameErr := r.top.look(f.path)
	if err != nil || nameErr != nil || changedSince != changed ||
		!after.SameContent(before) || !named.SameContent(before) {
		r.prospectEnds(f, before, nil)
		r.again(f.path)
		return buffer
	}
	took := time.Since(began)
	r.tally.files.Add(1)
	r.tally.nanoseconds.Add(int64(took))
	r.tally.last.Store(&f.path)
	if took >= slowFrom {
		r.noteSlow(f.path, took)
	}
	r.prospectEnds(f, before, &made)
	r.reportFile(f, named, made, now)
	return buffer
}

// reportFile reports content that was read at the given wall clock time.
func (r *run) reportFile(f file, s tree.Stat, made recipe.Recipe, now int64) {
	p := place{path: f.path}
	p.traits = r.addTraits(f.path, &s)
	if f.row != nil {
		p.rows = []tree.Base{*f.row}
	}
	found := p.finding(s)
	found.Content = made.ID()
	found.Racy = racy(f, found, now)
	same := f.renamed || f.from != nil && f.from.Content == found.Content
	if f.from != nil && (same || surelyOne(s)) && r.claim(f.from.Entry) {
		if err := r.moved(&found, f.from); err != nil {
			r.fail(err)
			return
		}
	}
	if found.Racy {
		r.noteRacy(f.path)
	}
	if row := f.row; row != nil && row.Content == found.Content && row.Racy == found.Racy &&
		row.Stat == s {
		return
	}
	r.batch.addFile(found, made)
}

// racy reports whether a later change could leave the file's time as it is. A time that
// lies in the future stays there, so when reading twice gave the same, that must do.
func racy(f file, found tree.Finding, now int64) bool {
	age := time.Duration(now - found.Stat.Mtime)
	if age >= racyTime {
		return false
	}
	settled := f.row != nil && f.row.Racy && f.row.Content == found.Content &&
		f.row.Stat.SameContent(found.Stat)
	return age > -racyTime || !settled
}

// unread deals with a file that could not be read to its end.
func (r *run) unread(f file, err error) {
	switch {
	case r.ctx.Err() != nil:
	case errors.Is(err, fs.ErrNotExist), isNoDirectory(err),
		errors.Is(err, recipe.ErrSizeChanged):
		r.again(f.path)
	default:
		found := tree.Finding{Path: f.path, Problem: unreadable(err)}
		if f.row != nil {
			found.Known, found.Rev = f.row.Entry, f.row.Rev
		}
		r.batch.add(found)
	}
}

// read makes the recipe of a file that looks like that. It returns the buffer it used.
func (r *run) read(o opened, f file, s tree.Stat, buffer []byte) (recipe.Recipe, []byte, error) {
	size := s.Size
	if size > blockSize {
		r.large.Lock()
		defer r.large.Unlock()
		made, err := r.readLarge(o, size, r.prospectOf(f, s))
		return made, buffer, err
	}
	if int64(cap(buffer)) < size {
		buffer = make([]byte, min(2*size, blockSize)) // not anew for each a little larger
	}
	n, err := o.read(buffer[:size])
	if err == nil && int64(n) < size {
		err = recipe.ErrSizeChanged
	}
	if err != nil {
		return recipe.Recipe{}, buffer, err
	}
	r.tally.bytes.Add(size)
	return recipe.Of(buffer[:size]), buffer, nil
}

// block is a part of a large file, with the unfinished chunk of the part before in front,
// so that every chunk is one slice of it.
type block struct {
	memory []byte
	chunks [][]byte
	holes  int // chunks of a hole, of which nothing is read, in place of others
	ids    []ident.ChunkID
	hashed chan struct{} // closed when ids are complete
}

// blockMemory is kept from file to file while large files come one after the other.
var blockMemory = sync.Pool{New: func() any { return new(block) }}

// newBlock returns a block with room for the largest chunk in front.
func newBlock(chunkMax int) *block {
	b := blockMemory.Get().(*block)
	if len(b.memory) < chunkMax+blockSize {
		b.memory = make([]byte, chunkMax+blockSize)
	}
	return b
}

func (b *block) hash() {
	b.ids = b.ids[:0]
	for _, chunk := range b.chunks {
		b.ids = append(b.ids, recipe.HashChunk(chunk))
	}
	close(b.hashed)
}

// readLarge reads and cuts on this goroutine while others hash.
func (r *run) readLarge(o opened, size int64, tell *teller) (recipe.Recipe, error) {
	builder, err := recipe.NewBuilder(size)
	if err != nil {
		return recipe.Recipe{}, err
	}
	full := make(chan *block, blocksMax)
	var hashers sync.WaitGroup
	for range blockHashers {
		hashers.Go(func() {
			for b := range full {
				b.hash()
			}
		})
	}
	l := largeFile{opened: o, builder: builder, cutter: chunker.NewCutter(builder.Params()), teller: tell}
	l.gaps = o.hasGaps(size)
	err = r.readBlocks(&l, size, full)
	close(full)
	hashers.Wait()
	for _, b := range l.waiting {
		if err == nil {
			err = l.take(b)
		}
	}
	if err != nil {
		return recipe.Recipe{}, err
	}
	tell.rest()
	return builder.Finish()
}

func (r *run) readBlocks(l *largeFile, size int64, full chan<- *block) error {
	for l.fed < size {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		before := l.fed
		b, err := l.next(size)
		if err != nil {
			return err
		}
		if b == nil {
			break // ended early; Finish says so
		}
		full <- b
		l.waiting = append(l.waiting, b)
		if len(l.waiting) == blocksMax {
			oldest := l.waiting[0]
			l.waiting = l.waiting[1:]
			if err := l.take(oldest); err != nil {
				return err
			}
		}
		r.tally.bytes.Add(l.fed - before)
	}
	return nil
}

// largeFile is one that is read block by block.
type largeFile struct {
	opened
	builder *recipe.Builder
	cutter  *chunker.Cutter
	teller  *teller
	gaps    gaps
	fed     int64
	cutFrom int64    // where the stream of the cutter began
	open    []byte   // the unfinished chunk, at the end of the newest block
	waiting []*block // being hashed, oldest first
	ends    []int64
}

// next reads and cuts one block; nil when the file has ended before its time.
func (l *largeFile) next(size int64) (*block, error) {
	if b, err := l.nextHole(size); b != nil || err != nil {
		return b, err
	}
	b := newBlock(l.builder.Params().Max())
	room := len(b.memory) - blockSize
	start := room - copy(b.memory[room-len(l.open):], l.open)
	n, err := l.read(b.memory[room:])
	if err != nil || n == 0 {
		return nil, err
	}
	l.ends = l.cutter.Cuts(b.memory[room:room+n], l.ends[:0])
	if l.fed+int64(n) >= size {
		l.ends = l.cutter.Finish(l.ends)
	}
	b.chunks, b.holes, b.hashed = b.chunks[:0], 0, make(chan struct{})
	for _, end := range l.ends {
		at := room + int(l.cutFrom+end-l.fed)
		b.chunks = append(b.chunks, b.memory[start:at])
		start = at
	}
	l.fed += int64(n)
	l.open = b.memory[start : room+n]
	return b, nil
}

// take waits for the chunks of a block and adds them to the recipe. The newest block must
// not be taken before the next was read: it holds the unfinished chunk.
func (l *largeFile) take(b *block) error {
	<-b.hashed
	for i, id := range b.ids {
		if err := l.builder.Add(id, len(b.chunks[i])); err != nil {
			return err
		}
		l.teller.add(id, len(b.chunks[i]))
	}
	hole := recipe.Hole(l.builder.Params().Class)
	for range b.holes {
		if err := l.builder.Add(hole.ID, int(hole.Size)); err != nil {
			return err
		}
		l.teller.add(hole.ID, int(hole.Size))
	}
	blockMemory.Put(b)
	return nil
}
