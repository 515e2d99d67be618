package recipe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
)

// patternless returns n bytes that never repeat: SHA-256 of a counter, over and over.
func patternless(n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	for block := [8]byte{}; len(b) < n; {
		sum := sha256.Sum256(block[:])
		b = append(b, sum[:]...)
		for i := range block {
			if block[i]++; block[i] != 0 {
				break
			}
		}
	}
	return b[:n]
}

// chunksOf makes a list of chunks with the given sizes and ids 1, 2, 3 and so on.
func chunksOf(sizes ...uint32) (list []Chunk) {
	for i, size := range sizes {
		list = append(list, Chunk{ID: ident.ChunkID{31: byte(i + 1)}, Size: size})
	}
	return list
}

// The ids are a format: these were computed by another SHA-256 from the package comment.
func TestPinnedIDs(t *testing.T) {
	two := Recipe{Class: 0, Chunks: chunksOf(16<<10, 5)}
	const encoded = "01010000000002" +
		"000040000000000000000000000000000000000000000000000000000000000000000001" +
		"000000050000000000000000000000000000000000000000000000000000000000000002"
	if got := hex.EncodeToString(two.Append(nil)); got != encoded {
		t.Errorf("encoding %s, want %s", got, encoded)
	}
	for _, c := range []struct {
		name string
		got  ident.ContentID
		want string
	}{
		{"empty file", Recipe{}.ID(),
			"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"the byte a", Of([]byte("a")).ID(),
			"022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c"},
		{"two chunks", two.ID(),
			"6a842fed81172988328fb96aaf00e1af30c7c4d04f98bf48c07726110dfe9674"},
		{"link to a", LinkID("a"),
			"f5fcb5a1e3534de6007b6c49b3a5f4c545edb7c0e0608a30b20e1695db3e43b2"},
	} {
		if c.got.String() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, c.got, c.want)
		}
	}
}

func TestIDOfManyChunksHashesTheEncoding(t *testing.T) {
	for _, n := range []int{2, 63, 64, 65, 127, 128, 129, 1000} {
		r := Recipe{Class: 1, Chunks: make([]Chunk, n)}
		for i := range r.Chunks {
			r.Chunks[i] = Chunk{ID: ident.ChunkID{byte(i), byte(i >> 8)}, Size: 70000 + uint32(i)}
		}
		want := sha256.Sum256(r.Append([]byte{1}))
		if r.ID() != want {
			t.Errorf("%d chunks: the id is not H(0x01, encoding)", n)
		}
	}
}

func TestIDDependsOnEveryPart(t *testing.T) {
	seen := map[ident.ContentID]string{}
	for name, r := range map[string]Recipe{
		"two":           {Class: 0, Chunks: chunksOf(20000, 5)},
		"other class":   {Class: 1, Chunks: chunksOf(20000, 5)},
		"other size":    {Class: 0, Chunks: chunksOf(20001, 5)},
		"other last":    {Class: 0, Chunks: chunksOf(20000, 6)},
		"one more":      {Class: 0, Chunks: chunksOf(20000, 20000, 5)},
		"other chunk":   {Class: 0, Chunks: []Chunk{{ident.ChunkID{1}, 20000}, {ident.ChunkID{2}, 5}}},
		"chunks turned": {Class: 0, Chunks: []Chunk{{ident.ChunkID{2}, 20000}, {ident.ChunkID{1}, 5}}},
	} {
		if other, taken := seen[r.ID()]; taken {
			t.Errorf("%q and %q have the same id", name, other)
		}
		seen[r.ID()] = name
	}
}

// A file that holds the very bytes that are hashed for a recipe or a link is another
// thing.
func TestKindsOfContentNeverMeet(t *testing.T) {
	r := Recipe{Class: 0, Chunks: chunksOf(20000, 5)}
	for _, tag := range []byte{0, 1, 2} {
		if Of(r.Append([]byte{tag})).ID() == r.ID() {
			t.Errorf("a file has the id of a recipe")
		}
		if Of(append([]byte{tag}, "target"...)).ID() == LinkID("target") {
			t.Errorf("a file has the id of a link")
		}
	}
}

func TestImplied(t *testing.T) {
	const least = 16 << 10
	for _, size := range []int{0, 1, least - 1, least} {
		want := Of(patternless(size))
		got, ok := Implied(want.ID(), int64(size))
		if !ok || got.Class != want.Class || !slices.Equal(got.Chunks, want.Chunks) {
			t.Errorf("%d bytes: got %v %v, want %v", size, got, ok, want)
		}
		if err := got.Verify(want.ID()); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for _, size := range []int64{-1, least + 1, math.MaxInt64, math.MinInt64} {
		if got, ok := Implied(ident.ContentID{1}, size); ok {
			t.Errorf("%d bytes: got %v, want to have to fetch it", size, got)
		}
	}
	if _, ok := Implied(ident.ContentID{1}, 0); ok {
		t.Error("an empty file with the id of another content was believed")
	}
}

func TestOffsets(t *testing.T) {
	r := Recipe{Class: 0, Chunks: chunksOf(20000, 30000, 7)}
	for i, want := range []int64{0, 20000, 50000, 50007} {
		if got := r.Offset(i); got != want {
			t.Errorf("chunk %d: offset %d, want %d", i, got, want)
		}
	}
	if r.Size() != 50007 {
		t.Errorf("size %d, want 50007", r.Size())
	}
}

func TestVerify(t *testing.T) {
	r := Of(patternless(300_000))
	if err := r.Verify(r.ID()); err != nil {
		t.Error(err)
	}
	other := r.ID()
	other[31] ^= 1
	if err := r.Verify(other); !errors.Is(err, ErrWrongID) {
		t.Errorf("got %v, want ErrWrongID", err)
	}
}

func TestParseReturnsWhatAppendWrote(t *testing.T) {
	for _, size := range []int{0, 1, 16 << 10, 200_000, 17 << 20} {
		want := Of(patternless(size))
		encoded := want.Append([]byte("before"))[len("before"):]
		got, err := Parse(encoded)
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if got.Class != want.Class || !slices.Equal(got.Chunks, want.Chunks) {
			t.Errorf("%d bytes: got %v, want %v", size, got, want)
		}
		if len(encoded) != want.EncodedSize() {
			t.Errorf("%d bytes: encoded in %d, promised %d", size, len(encoded),
				want.EncodedSize())
		}
		clear(encoded)
		if got.ID() != want.ID() {
			t.Errorf("%d bytes: the recipe still leans on what it was parsed from", size)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const k = 1 << 10
	good := Recipe{Class: 0, Chunks: chunksOf(20*k, 30*k, 7)}.Append(nil)
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	list := func(class chunker.Class, sizes ...uint32) []byte {
		return Recipe{Class: class, Chunks: chunksOf(sizes...)}.Append(nil)
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":               {nil, ErrMalformed},
		"half a header":         {good[:6], ErrMalformed},
		"one byte short":        {good[:len(good)-1], ErrMalformed},
		"one byte more":         {append(bytes.Clone(good), 0), ErrMalformed},
		"another hash":          {changed(0, 2), ErrNewer},
		"another rule":          {changed(1, 2), ErrNewer},
		"class of nobody":       {changed(2, 3), ErrMalformed},
		"class of larger files": {changed(2, 1), ErrMalformed},
		"a chunk too few":       {changed(6, 2), ErrMalformed},
		"four billion chunks":   {[]byte("\x01\x01\x00\xff\xff\xff\xff"), ErrMalformed},
		"empty of class 1":      {[]byte("\x01\x01\x01\x00\x00\x00\x00"), ErrMalformed},
		"an empty chunk":        {list(0, 20*k, 0, 5), ErrMalformed},
		"an empty last chunk":   {list(0, 20*k, 0), ErrMalformed},
		"a small chunk inside":  {list(0, 16*k-1, 5), ErrMalformed},
		"a chunk too large":     {list(0, 256*k+1), ErrMalformed},
		"class 0 above 16 MiB":  {list(0, slices.Repeat([]uint32{256 * k}, 65)...), ErrMalformed},
		"class 1 at 16 MiB":     {list(1, slices.Repeat([]uint32{1024 * k}, 16)...), ErrMalformed},
	} {
		if _, err := Parse(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for name, data := range map[string][]byte{
		"smallest and largest": list(0, 16*k, 256*k, 1),
		"class 0 at 16 MiB":    list(0, slices.Repeat([]uint32{256 * k}, 64)...),
		"class 1 above 16 MiB": list(1, append(slices.Repeat([]uint32{1024 * k}, 16), 1)...),
	} {
		if _, err := Parse(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBoundsFollowFromTheClasses(t *testing.T) {
	last := chunker.Class(2)
	if (last + 1).Known() {
		t.Fatal("there is a larger class: derive MaxChunks and MaxSize anew")
	}
	if MaxChunks*int64(last.Min()) != 1<<40 {
		t.Error("a file of 1 TiB in the smallest chunks must fit exactly")
	}
	if MaxSize != MaxChunks*int64(last.Max()) {
		t.Error("MaxSize is not MaxChunks chunks of the largest size")
	}
	most := Recipe{Class: 2, Chunks: make([]Chunk, MaxChunks+1)}
	for i := range most.Chunks {
		most.Chunks[i].Size = uint32(last.Min())
	}
	err := most.Validate()
	if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "allowed") {
		t.Errorf("a chunk too many: got %v", err)
	}
	most.Chunks = most.Chunks[:MaxChunks]
	if err := most.Validate(); err != nil {
		t.Errorf("as many chunks as are allowed: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x01\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x01\x01\x00\xff\xff\xff\xff"))
	f.Add(Of([]byte("one chunk")).Append(nil))
	f.Add(Of(patternless(300_000)).Append(nil))
	f.Add(Recipe{Class: 1, Chunks: chunksOf(slices.Repeat([]uint32{1 << 20}, 20)...)}.Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNewer) {
				t.Fatalf("an error of no known kind: %v", err)
			}
			return
		}
		if again := r.Append(nil); !bytes.Equal(again, data) {
			t.Fatalf("%x has a second encoding %x", data, again)
		}
		if err := r.Verify(r.ID()); err != nil {
			t.Fatal(err)
		}
		if r.Class != chunker.ClassOf(r.Size()) {
			t.Fatalf("class %d for %d bytes", r.Class, r.Size())
		}
	})
}
