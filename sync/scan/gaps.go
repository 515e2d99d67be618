package scan

import "github.com/shoal-sync/shoal/chunker"

// gaps is what is known of the holes of a file: ranges that were never written and take no
// room, however long they are. Their chunks are known without reading them. Like all that
// is read, what is said of them counts only if the file looks the same afterwards.
type gaps struct {
	none bool
	// written is where the next range begins that is none, once that was asked: from there
	// back to where it was asked for nothing was ever written.
	written int64
}

// hasGaps asks how much room a file takes: one that takes as much as it is long is read
// without asking any further.
func (o opened) hasGaps(size int64) gaps {
	room, err := o.occupied()
	return gaps{none: err != nil || room >= size}
}

// skip returns how many chunks of the largest size lie in a hole from an offset on, where a
// chunk begins, and lets reading go on behind them, or, when there are none, where it was.
func (g *gaps) skip(o opened, offset, reading, size int64, largest int) (int, error) {
	if g.none || size-offset < int64(largest) {
		return 0, nil
	}
	if g.written <= offset {
		at, err := o.nextWritten(offset, size)
		if err != nil || at < offset {
			g.none = true // this file system cannot say; then all is read
			return 0, o.skip(reading)
		}
		g.written = at
	}
	if n := (min(g.written, size) - offset) / int64(largest); n > 0 {
		return int(n), o.skip(offset + n*int64(largest))
	}
	return 0, o.skip(reading)
}

// nextHole returns the chunks of a hole as a block of its own; nil when none follow.
func (l *largeFile) nextHole(size int64) (*block, error) {
	params := l.builder.Params()
	start := l.fed - int64(len(l.open))
	n, err := l.gaps.skip(l.opened, start, l.fed, size, params.Max())
	if err != nil || n == 0 {
		return nil, err
	}
	// Where a chunk begins no byte before it matters (package chunker).
	l.fed = start + int64(n)*int64(params.Max())
	l.open, l.cutter, l.cutFrom = nil, chunker.NewCutter(params), l.fed
	return &block{holes: n, hashed: make(chan struct{})}, nil
}
