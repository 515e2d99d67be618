package chunker

// Next returns the length of the first chunk in data, which begins where a chunk begins.
// last says that the file ends with data. The answer is 0 when data is empty, or when it
// is not the last, shorter than p.Max(), and its first chunk may go on behind its end:
// then call again with more. A stream in many parts is cheaper with a Cutter.
func (p Params) Next(data []byte, last bool) int {
	p.mustBeValid()
	return p.next(fastest, data, last)
}

func (p Params) next(e engine, data []byte, last bool) int {
	h := hunt{class: p.Class, from: p.Min(), norm: p.Norm(), to: min(p.Max(), len(data)+1)}
	if cut := e.search(data, h); cut > 0 {
		return cut
	}
	if len(data) >= p.Max() {
		return p.Max()
	}
	if last {
		return len(data)
	}
	return 0
}

// Cutter cuts one stream that arrives in blocks of any size. It keeps no block: callers
// may read the next one into the same memory. Blocks of 1 MiB and more cost nothing
// beyond the search itself.
type Cutter struct {
	params Params
	engine engine
	fed    int64 // bytes seen
	start  int64 // where the unfinished chunk begins
	tail   [window - 1]byte
	kept   int // how many bytes of tail hold the end of the stream so far
}

// NewCutter returns a cutter at the start of a stream.
func NewCutter(p Params) *Cutter {
	p.mustBeValid()
	return &Cutter{params: p, engine: fastest}
}

// Cuts takes the next block of the stream and appends to into the offsets, in the stream,
// of the chunk ends that are now certain. They are ascending and none is beyond the
// block.
func (c *Cutter) Cuts(block []byte, into []int64) []int64 {
	for {
		// Here offsets count from the start of the block.
		begin := int(c.start - c.fed)
		ceiling := begin + c.params.Max()
		cut := c.engine.searchAcross(c.tail[:c.kept], block, hunt{
			class: c.params.Class,
			from:  begin + c.params.Min(),
			norm:  begin + c.params.Norm(),
			to:    min(ceiling, len(block)+1),
		})
		if cut == 0 {
			if ceiling > len(block) {
				break
			}
			cut = ceiling
		}
		c.start = c.fed + int64(cut)
		into = append(into, c.start)
	}
	c.fed += int64(len(block))
	c.keep(block)
	return into
}

// keep remembers the last 63 bytes of the stream.
func (c *Cutter) keep(block []byte) {
	if len(block) >= len(c.tail) {
		c.kept = copy(c.tail[:], block[len(block)-len(c.tail):])
		return
	}
	stay := min(c.kept, len(c.tail)-len(block))
	copy(c.tail[:], c.tail[c.kept-stay:c.kept])
	c.kept = stay + copy(c.tail[stay:], block)
}

// Finish appends the end of the stream, if a chunk ends there that Cuts has not told of.
func (c *Cutter) Finish(into []int64) []int64 {
	if c.fed > c.start {
		c.start = c.fed
		into = append(into, c.fed)
	}
	return into
}
