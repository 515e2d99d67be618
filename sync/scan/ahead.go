package scan

import (
	"context"
	"fmt"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// aheadChunks is how many of the largest chunks are read at a time of a file that is being
// written.
const aheadChunks = 4

// Growing is a new file that is being written: a copy or a download that goes on. It is read
// as it grows, for the prospects alone: what it holds is reported by a look, once it has
// settled. One goroutine at a time may use it.
type Growing struct {
	Path string

	file  tree.FileID
	class chunker.Class
	parts *recipe.Parter
	at    int64 // the end of the last chunk
}

// ReadAhead reads what a growing file has got since the last time, as far as whole chunks
// go, and tells of their parts. A file that is small, or shorter than it was, is left alone.
func (s *Scanner) ReadAhead(ctx context.Context, g *Growing) error {
	if s.options.Prospects.Read == nil {
		return nil
	}
	top, err := s.open()
	if err != nil {
		return err
	}
	defer top.close() // opened for reading, so closing has nothing to say
	o, err := top.file(g.Path)
	if err != nil {
		return fmt.Errorf("read ahead %q: %w", g.Path, err)
	}
	defer o.close()
	stat, _, err := o.look()
	if err != nil || stat.Kind != tree.File || stat.Size <= prospectMin {
		return err
	}
	if class := chunker.ClassOf(stat.Size); g.parts == nil || g.file != stat.File || g.class != class || stat.Size < g.at {
		g.file, g.class, g.parts, g.at = stat.File, class, recipe.NewParter(class), 0
	}
	if err := o.skip(g.at); err != nil {
		return fmt.Errorf("read ahead %q: %w", g.Path, err)
	}
	return s.readOn(ctx, o, g, stat)
}

// readOn cuts and hashes from the end of the last chunk on. Where a chunk begins no byte
// before it matters (package chunker), so nothing else has to be remembered.
func (s *Scanner) readOn(ctx context.Context, o opened, g *Growing, stat tree.Stat) error {
	params := chunker.Params{Class: g.class}
	buf := make([]byte, aheadChunks*params.Max())
	kept, gaps := 0, o.hasGaps(stat.Size)
	for ctx.Err() == nil {
		if holes, err := gaps.skip(o, g.at, g.at+int64(kept), stat.Size, params.Max()); err != nil {
			return fmt.Errorf("read ahead %q: %w", g.Path, err)
		} else if holes > 0 {
			kept = 0
			s.tellHoles(g, stat, holes)
		}
		n, err := o.read(buf[kept:])
		if err != nil {
			return fmt.Errorf("read ahead %q: %w", g.Path, err)
		}
		rest := buf[:kept+n]
		for {
			size := params.Next(rest, false)
			if size == 0 {
				break
			}
			if part, ok := g.parts.Add(recipe.HashChunk(rest[:size]), size); ok {
				s.options.Prospects.Read(g.Path, stat, nil, part)
			}
			rest, g.at = rest[size:], g.at+int64(size)
		}
		if kept = copy(buf, rest); n == 0 {
			return nil
		}
	}
	return context.Cause(ctx)
}

// tellHoles goes on by chunks of a hole.
func (s *Scanner) tellHoles(g *Growing, stat tree.Stat, holes int) {
	hole := recipe.Hole(g.class)
	for range holes {
		if part, ok := g.parts.Add(hole.ID, int(hole.Size)); ok {
			s.options.Prospects.Read(g.Path, stat, nil, part)
		}
		g.at += int64(hole.Size)
	}
}
