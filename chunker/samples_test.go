package chunker

import "encoding/binary"

// splitMix is a generator small enough to be part of the pinned vectors.
type splitMix uint64

func (s *splitMix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *splitMix) below(n int) int { return int(s.next() % uint64(n)) }

// noise returns n bytes without any pattern.
func noise(from uint64, n int) []byte {
	s := splitMix(from)
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, s.next())
	}
	return b[:n]
}

// prose returns n bytes of lines made of 2,000 invented words, the frequent ones short.
func prose(from uint64, n int) []byte {
	s := splitMix(from)
	var words [2000]string
	for i := range words {
		w := make([]byte, 2+s.below(2+i/200))
		for k := range w {
			w[k] = "etaoinshrdlucmfwypvbgkqjxz"[s.below(1+s.below(26))]
		}
		words[i] = string(w)
	}
	b := make([]byte, 0, n+32)
	line := 0
	for len(b) < n {
		w := words[s.below(1+s.below(2000))]
		b = append(b, w...)
		if line += len(w) + 1; line > 70 {
			b, line = append(b, ".\n"...), 0
		} else {
			b = append(b, ' ')
		}
	}
	return b[:n]
}

// records returns n bytes of 16-byte records: a counter, two small numbers, zeros.
func records(from uint64, n int) []byte {
	s := splitMix(from)
	b := make([]byte, 0, n+16)
	for i := uint32(0); len(b) < n; i++ {
		b = binary.LittleEndian.AppendUint32(b, i)
		b = binary.LittleEndian.AppendUint16(b, uint16(s.below(500)))
		b = binary.LittleEndian.AppendUint16(b, uint16(s.below(7)))
		b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	return b[:n]
}

// engines returns every engine that this machine can run.
func engines() []engine {
	if pickEngine() == avx2 {
		return []engine{bytewise, swar, avx2}
	}
	return []engine{bytewise, swar}
}

func (e engine) String() string { return [...]string{"bytewise", "swar", "avx2"}[e] }

// wholeCuts cuts data with Next, as a caller does that has all of it in memory.
func wholeCuts(p Params, e engine, data []byte) (cuts []int64) {
	at := 0
	for at < len(data) {
		at += p.next(e, data[at:], true)
		cuts = append(cuts, int64(at))
	}
	return cuts
}

// blockCuts cuts data with a Cutter, in blocks of the sizes that size returns.
func blockCuts(p Params, e engine, data []byte, size func() int) (cuts []int64) {
	c := NewCutter(p)
	c.engine = e
	for len(data) > 0 {
		n := min(size(), len(data))
		cuts = c.Cuts(data[:n], cuts)
		data = data[n:]
	}
	return c.Finish(cuts)
}

// segmentCuts cuts data in segments whose candidates are listed apart, then stitched.
func segmentCuts(p Params, e engine, data []byte, size func() int) (cuts []int64) {
	s := NewStitcher(p)
	for at := 0; at < len(data); {
		end := min(at+size(), len(data))
		found := p.candidates(e, data[:at], data[at:end], int64(at), nil)
		cuts = s.Cuts(found, int64(end), cuts)
		at = end
	}
	return s.Finish(cuts)
}
