package index

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// chunked makes a file on disk whose content has the given chunks.
func chunked(n uint64, chunks ...uint64) (tree.Batch, Recipe) {
	r := recipe.Recipe{}
	for _, c := range chunks {
		text := binary.BigEndian.AppendUint64(nil, c)
		r.Chunks = append(r.Chunks, recipe.Chunk{ID: recipe.HashChunk(text), Size: 64 << 10})
	}
	row := benchRow(n)
	row.Entry.Place.Parent = ident.Root
	row.Entry.Content.ID = r.ID()
	return tree.Batch{Rows: []tree.Row{row}, Placed: []tree.Base{benchBase(&row)}}, Recipe{r.ID(), r.Append(nil)}
}

func chunkID(c uint64) ident.ChunkID {
	return recipe.HashChunk(binary.BigEndian.AppendUint64(nil, c))
}

// filesWith returns the numbers of the files that are said to hold a chunk.
func filesWith(t *testing.T, s *Store, chunk uint64) map[string]bool {
	t.Helper()
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	files, err := v.FilesWith(chunkID(chunk), 10)
	if err := errors.Join(err, v.Close()); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, f := range files {
		out[f.Path] = true
	}
	return out
}

func putChunked(t *testing.T, s *Store, n uint64, chunks ...uint64) string {
	t.Helper()
	batch, r := chunked(n, chunks...)
	if err := s.PutRecipes([]Recipe{r}); err != nil {
		t.Fatal(err)
	}
	record(t, s, batch)
	return batch.Placed[0].Name
}

// TestFilesWithAChunk with a table that is in memory, that is all in files, and both.
func TestFilesWithAChunk(t *testing.T) {
	for name, most := range map[string]int{"memory": residentMax, "files": 600, "both": 1500} {
		t.Run(name, func(t *testing.T) {
			s := openNew(t)
			s.chunks.max = most
			names := map[uint64]string{}
			for n := uint64(1); n <= 40; n++ {
				chunks := []uint64{7} // all have this one
				for c := range uint64(50) {
					chunks = append(chunks, n*1000+c)
				}
				names[n] = putChunked(t, s, n, chunks...)
				if n == 20 {
					filesWith(t, s, 1) // builds the table; the rest is added to it
				}
			}
			for n, want := range names {
				for c := range uint64(50) {
					if got := filesWith(t, s, n*1000+c); len(got) != 1 || !got[want] {
						t.Fatalf("chunk %d of file %d is said to be in %v", c, n, got)
					}
				}
			}
			if got := filesWith(t, s, 7); len(got) < 8 {
				t.Errorf("a chunk of all files is said to be in %d", len(got))
			}
			if got := filesWith(t, s, 8); len(got) != 0 {
				t.Errorf("a chunk of no file is said to be in %v", got)
			}
			if most < residentMax != (len(s.chunks.runs) > 0) {
				t.Errorf("there are %d runs", len(s.chunks.runs))
			}
		})
	}
}

// TestFilesWithAWaitingRecipe: a recipe counts before it is committed.
func TestFilesWithAWaitingRecipe(t *testing.T) {
	s := openNew(t)
	batch, r := chunked(1, 5, 6)
	record(t, s, batch)
	if got := filesWith(t, s, 5); len(got) != 0 {
		t.Fatalf("without a recipe it is said to be in %v", got)
	}
	if err := s.chunks.drop(); err != nil {
		t.Fatal(err)
	}
	if err := s.PutRecipes([]Recipe{r}); err != nil {
		t.Fatal(err)
	}
	if got := filesWith(t, s, 6); len(got) != 1 {
		t.Errorf("it is said to be in %v", got)
	}
}

// TestNoRoomForTheTable: where no run can be written there is an answer to why, and the
// folder goes on.
func TestNoRoomForTheTable(t *testing.T) {
	s := openNew(t)
	s.chunks.max = 10
	s.chunks.path = filepath.Join(t.TempDir(), "nowhere", "folder.db")
	putChunked(t, s, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	if _, err := viewOf(t, s).FilesWith(chunkID(3), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the answer is %v", err)
	}
	putChunked(t, s, 2, 13, 14)
}

// TestRunsAreNotLeft: what a crash may leave goes with the next start.
func TestRunsAreNotLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	if err := os.WriteFile(path+"-chunks-1", []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := openAt(t, path)
	s.chunks.max = 4
	putChunked(t, s, 1, 1, 2, 3, 4, 5)
	filesWith(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(path + "-chunks-*"); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}
