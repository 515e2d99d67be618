package wire

import (
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
)

func TestProspectsAreWrittenAsDocumented(t *testing.T) {
	folder, prospect := spelled[ident.FolderID](0xf0), spelled[recipe.ProspectID](0xaa)
	part := recipe.Part{Class: 1, First: 2, Offset: 128, Chunks: []recipe.Chunk{
		{ID: spelledLong[ident.ChunkID](0xc1), Size: 65536}, {ID: spelledLong[ident.ChunkID](0xc2), Size: 1},
	}}
	begin := strings.Repeat("f0", 16) + strings.Repeat("aa", 16)
	for _, c := range []struct {
		m    Message
		want string
	}{
		{Prospect{folder, prospect, part}, "26" + begin + "01" + "02" + "8001" + "02" +
			"808004" + strings.Repeat("c1", 32) + "01" + strings.Repeat("c2", 32)},
		{ProspectEnded{folder, prospect, spelledLong[ident.ContentID](0xcc)}, "27" + begin + strings.Repeat("cc", 32)},
	} {
		frame := Append(nil, c.m)
		if got := hex.EncodeToString(frame); got != c.want || Size(c.m) != len(frame) {
			t.Errorf("%T: got %s of %d bytes, Size says %d, want %s", c.m, got, len(frame), Size(c.m), c.want)
		}
		if got, err := Parse(frame); err != nil || !reflect.DeepEqual(got, c.m) {
			t.Errorf("read back %+v, %v", got, err)
		}
		for n := 1; n < len(frame); n++ {
			if got, err := Parse(frame[:n:n]); got != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("%T cut to %d bytes: %v, %v", c.m, n, got, err)
			}
		}
		if of, ok := FolderOf(c.m); !ok || of != folder {
			t.Errorf("%T is about %v, %v", c.m, of, ok)
		}
	}
	page, err := os.ReadFile("../../docs/wire.md")
	if err != nil || !strings.Contains(string(page), "### 38 Prospect\n") || !strings.Contains(string(page), "### 39 ProspectEnded\n") {
		t.Errorf("docs/wire.md does not show prospects: %v", err)
	}
}

// Who tells of parts that no file can have is not listened to any further.
func TestProspectsThatCannotBe(t *testing.T) {
	for name, part := range map[string]recipe.Part{
		"nothing":   {Class: 1},
		"tiny":      {Class: 1, Chunks: []recipe.Chunk{{Size: 1}, {Size: 65536}}},
		"class":     {Class: 7, Chunks: []recipe.Chunk{{Size: 65536}}},
		"too many":  {Class: 1, Chunks: make([]recipe.Chunk, recipe.PartChunksMax+1)},
		"too far":   {Class: 1, First: PiecesMax, Chunks: []recipe.Chunk{{Size: 65536}}},
		"too large": {Class: 1, Chunks: []recipe.Chunk{{Size: 2 << 20}}},
	} {
		if m, err := Parse(Append(nil, Prospect{Part: part})); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: read as %v, %v", name, m, err)
		}
	}
}
