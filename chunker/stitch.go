package chunker

// Candidate is an offset of a stream where a chunk may end. Every candidate is an easy
// one.
type Candidate struct {
	End  int64
	Hard bool
}

// Candidates appends to into the candidates in one segment of a stream, in order. The
// segment's bytes are data; it begins at offset at, and before holds the bytes that
// precede it, of which the last 63 count (fewer only at the start of the stream). A
// segment's own start is not among its candidates, its end may be.
//
// Segments may be searched in any order and at the same time; a Stitcher makes cuts of
// the candidates, the same ones that Next and Cutter find. Without the rest of the stream
// no byte can be skipped, so this looks at a quarter more than they do.
func (p Params) Candidates(before, data []byte, at int64, into []Candidate) []Candidate {
	p.mustBeValid()
	return p.candidates(fastest, before, data, at, into)
}

func (p Params) candidates(
	e engine, before, data []byte, at int64, into []Candidate,
) []Candidate {
	if len(before) > window-1 {
		before = before[len(before)-(window-1):]
	}
	var joint [2 * window]byte
	for from := 1; ; {
		h := hunt{class: p.Class, from: from, norm: from, to: len(data) + 1}
		end := e.searchAcross(before, data, h)
		if end == 0 {
			return into
		}
		w := data[max(end-window, 0):end]
		if end < window {
			n := copy(joint[:], before)
			n += copy(joint[n:], w)
			w = joint[n-window : n]
		}
		hard := mix(w)&p.hardMask() == 0
		into = append(into, Candidate{End: at + int64(end), Hard: hard})
		from = end + 1
	}
}

// Stitcher makes cuts of the candidates of a stream.
type Stitcher struct {
	params Params
	start  int64 // where the unfinished chunk begins
	seen   int64 // how far the candidates are known
}

// NewStitcher returns a stitcher at the start of a stream.
func NewStitcher(p Params) *Stitcher {
	p.mustBeValid()
	return &Stitcher{params: p}
}

// Cuts takes all candidates between where it last stopped and the offset upto, in order,
// and appends to into the chunk ends that are now certain. None is beyond upto.
func (s *Stitcher) Cuts(found []Candidate, upto int64, into []int64) []int64 {
	least, norm := int64(s.params.Min()), int64(s.params.Norm())
	for _, c := range found {
		into = s.force(c.End, into)
		size := c.End - s.start
		if size >= norm || size >= least && c.Hard {
			s.start = c.End
			into = append(into, s.start)
		}
	}
	s.seen = upto
	return s.force(upto, into)
}

// force cuts chunks of the largest size while one fits before upto.
func (s *Stitcher) force(upto int64, into []int64) []int64 {
	most := int64(s.params.Max())
	for upto-s.start >= most {
		s.start += most
		into = append(into, s.start)
	}
	return into
}

// Finish appends the end of the stream, if a chunk ends there that Cuts has not told of.
func (s *Stitcher) Finish(into []int64) []int64 {
	if s.seen > s.start {
		s.start = s.seen
		into = append(into, s.start)
	}
	return into
}
