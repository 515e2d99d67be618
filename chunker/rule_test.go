package chunker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"testing"
)

// literalCuts is the package comment written down once more, with nothing taken from the
// code: what the rule says, at the speed it says it.
func literalCuts(class int, b []byte) (cuts []int64) {
	average := []int{64 << 10, 256 << 10, 1 << 20}[class]
	least, norm, most := average/4, average*13/16, average*4
	hardBits, easyBits := 10+2*class, 6+2*class
	factors := [8]uint64{
		0x6e789e6aa1b965f5, 0x06c45d188009454f, 0xf88bb8a8724c81ed, 0x1b39896a51a8749b,
		0x53cb9f0c747ea2eb, 0x2c829abe1f4532e1, 0xc584133ac916ab3d, 0x3ee5789041c98ac3,
	}
	start := 0
	for p := 1; p <= len(b); p++ {
		size := p - start
		cut := size == most || p == len(b)
		if i := p - 1; !cut && size >= least &&
			b[i]^b[i-11]^(b[i-32]<<1)^(b[i-3]<<2)^(b[i-17]<<3)^(b[i-55]<<4) == 0x68 {
			h := uint64(0xe220a8397b1dcdaf)
			for j, factor := range factors {
				h += binary.LittleEndian.Uint64(b[p-64+8*j:]) * factor
			}
			h = (h ^ (h >> 32)) * 0xf3b8488c368cb0a7
			bits := hardBits
			if size >= norm {
				bits = easyBits
			}
			cut = h>>(64-bits) == 0
		}
		if cut {
			cuts = append(cuts, int64(p))
			start = p
		}
	}
	return cuts
}

// pinned are the cuts of fixed bytes. A change here is a change of the wire format: it
// takes a new RuleVersion, not a new table.
var pinned = []struct {
	class                Class
	input                string
	count                int
	smallest, mean, most int
	digest               uint64 // FNV-1a of the chunk ends, 8 bytes each, little-endian
}{
	{0, "noise", 24, 35082, 66050, 125059, 0x6400b309591a0c46},
	{0, "prose", 25, 53385, 63408, 91089, 0xe52b6aa74e44503f},
	{0, "records", 28, 23123, 56614, 103796, 0x953ba7c724b4a9c1},
	{0, "zeros", 7, 262144, 226458, 262144, 0x6093252aab886c78},
	{1, "noise", 23, 82733, 274078, 553960, 0x8862fa0ab550a396},
	{1, "prose", 26, 162812, 242453, 368968, 0x9463a848cea27302},
	{1, "records", 24, 73736, 262658, 416675, 0x3f2b7e6bfe5509a3},
	{1, "zeros", 7, 1048576, 900543, 1048576, 0x43414c61e8dc79c},
	{2, "noise", 23, 734361, 1094703, 1882786, 0x70e1e55a1ee61c2c},
	{2, "prose", 24, 281499, 1049090, 2220005, 0xeb0f3bbe4824f02e},
	{2, "records", 27, 376761, 932524, 2119502, 0xab6955154f96b2a7},
	{2, "zeros", 7, 4194304, 3596881, 4194304, 0x356a66e86136b328},
}

func pinnedInput(name string, size int) []byte {
	switch name {
	case "noise":
		return noise(1, size)
	case "prose":
		return prose(2, size)
	case "records":
		return records(3, size)
	}
	return make([]byte, size)
}

func TestPinnedCuts(t *testing.T) {
	for _, want := range pinned {
		t.Run(fmt.Sprintf("class%d/%s", want.class, want.input), func(t *testing.T) {
			p := Params{Class: want.class}
			data := pinnedInput(want.input, p.Average()*24+12345)
			cuts := wholeCuts(p, fastest, data)
			if !slices.Equal(cuts, literalCuts(int(want.class), data)) {
				t.Error("cuts differ from the rule as the package comment words it")
			}
			got := want
			got.count, got.mean = len(cuts), len(data)/len(cuts)
			got.smallest, got.most = len(data), 0
			h := fnv.New64a()
			start := int64(0)
			for i, end := range cuts {
				size := int(end - start)
				if i < len(cuts)-1 {
					got.smallest = min(got.smallest, size)
				}
				got.most = max(got.most, size)
				h.Write(binary.LittleEndian.AppendUint64(nil, uint64(end)))
				start = end
			}
			got.digest = h.Sum64()
			if got != want {
				t.Errorf("got {%d, %q, %d, %d, %d, %d, %#x}, want %+v", got.class, got.input,
					got.count, got.smallest, got.mean, got.most, got.digest, want)
			}
		})
	}
}

func TestClasses(t *testing.T) {
	const k = 1 << 10
	for _, c := range []struct {
		size                     int64
		class                    Class
		average, least, norm, at int
	}{
		{-1, 0, 64 * k, 16 * k, 52 * k, 256 * k},
		{0, 0, 64 * k, 16 * k, 52 * k, 256 * k},
		{16 << 20, 0, 64 * k, 16 * k, 52 * k, 256 * k},
		{16<<20 + 1, 1, 256 * k, 64 * k, 208 * k, 1024 * k},
		{4 << 30, 1, 256 * k, 64 * k, 208 * k, 1024 * k},
		{4<<30 + 1, 2, 1024 * k, 256 * k, 832 * k, 4096 * k},
		{1 << 62, 2, 1024 * k, 256 * k, 832 * k, 4096 * k},
	} {
		p := ForSize(c.size)
		if p.Class != c.class || p.Average() != c.average || p.Min() != c.least ||
			p.Norm() != c.norm || p.Max() != c.at {
			t.Errorf("size %d: got class %d %d %d %d %d, want %+v",
				c.size, p.Class, p.Average(), p.Min(), p.Norm(), p.Max(), c)
		}
		if err := p.Validate(); err != nil {
			t.Errorf("size %d: %v", c.size, err)
		}
	}
}

func TestValidateRefusesWhatTheRuleDoesNotHave(t *testing.T) {
	if err := (Params{Class: 3}).Validate(); !errors.Is(err, ErrClass) {
		t.Errorf("class 3: got %v", err)
	}
	if err := (Params{Key: Key{31: 1}}).Validate(); !errors.Is(err, ErrKeyed) {
		t.Errorf("a key: got %v", err)
	}
}

func TestUsingUnvalidatedParametersIsABug(t *testing.T) {
	keyed := Params{Key: Key{1}}
	for name, use := range map[string]func(){
		"Next":        func() { keyed.Next([]byte{1}, true) },
		"Candidates":  func() { keyed.Candidates(nil, []byte{1}, 0, nil) },
		"NewCutter":   func() { NewCutter(keyed) },
		"NewStitcher": func() { NewStitcher(keyed) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s cut with a key that the rule does not have", name)
				}
			}()
			use()
		}()
	}
}

// The size asked for is the size one gets: on bytes without a pattern, and near it on
// text.
func TestMeanIsNearTheAverage(t *testing.T) {
	p := Params{Class: 0}
	for name, data := range map[string][]byte{
		"noise": noise(4, 48<<20), "prose": prose(5, 48<<20),
	} {
		cuts := wholeCuts(p, fastest, data)
		mean, atMax, start := len(data)/len(cuts), 0, int64(0)
		for _, end := range cuts {
			if end-start == int64(p.Max()) {
				atMax++
			}
			start = end
		}
		if mean < 56<<10 || mean > 72<<10 {
			t.Errorf("%s: mean chunk of %d bytes, want 64 KiB give or take an eighth", name, mean)
		}
		if atMax*100 > 2*len(cuts) {
			t.Errorf("%s: %d of %d chunks are of the largest size, want at most 2 %%",
				name, atMax, len(cuts))
		}
	}
}
