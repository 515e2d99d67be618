package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// gapped returns the recipe of a terabyte with three chunks in it that are not zeros, which
// lie at the beginning, in the middle and at the end.
func gapped() (rec recipe.Recipe, data map[int][]byte) {
	const holes = 1 << 18
	hole := recipe.Hole(2)
	rec.Class = 2
	data = map[int][]byte{}
	add := func(seed byte) {
		bytes := noise(1<<20, seed)
		data[len(rec.Chunks)] = bytes
		rec.Chunks = append(rec.Chunks, recipe.Chunk{ID: recipe.HashChunk(bytes), Size: 1 << 20})
	}
	add(1)
	for i := range holes {
		if i == holes/2 {
			add(2)
		}
		rec.Chunks = append(rec.Chunks, hole)
	}
	add(3)
	return rec, data
}

// keepsGaps skips a test where files have no holes.
func keepsGaps(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "gap"))
	if err == nil {
		err = f.Truncate(64 << 20)
	}
	room := int64(0)
	if err == nil {
		room, err = occupied(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Remove(f.Name())
	}
	if err != nil {
		t.Fatal(err)
	}
	if room > 1<<20 {
		t.Skip("this volume has no holes in files")
	}
}

// isGapped looks at a file of the folder that is to be that of gapped.
func (r real) isGapped(t *testing.T, path string, rec recipe.Recipe, data map[int][]byte) {
	t.Helper()
	f, err := os.Open(filepath.Join(r.dir, path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	is, err := f.Stat()
	if err != nil || is.Size() != rec.Size() {
		t.Errorf("%s: %d bytes, want %d, %v", path, is.Size(), rec.Size(), err)
	}
	if room, err := occupied(f); err != nil || room > 8<<20 {
		t.Errorf("%s takes %d MiB of the volume, %v", path, room>>20, err)
	}
	for i, want := range data {
		got := make([]byte, len(want))
		if _, err := f.ReadAt(got, rec.Offset(i)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: chunk %d is not what it was, %v", path, i, err)
		}
	}
}

// A file far larger than the volume is staged, installed and copied, because nearly all of
// it is holes.
func TestHolesTakeNoRoom(t *testing.T) {
	rec, data := gapped()
	r := newReal(t, Limits{Recipe: func(ident.ContentID) (recipe.Recipe, bool) { return rec, true }})
	keepsGaps(t, r.dir)
	s := begin(t, r, rec)
	if s.Missing() != len(data) {
		t.Fatalf("%d of %d chunks have to be fetched, want %d", s.Missing(), len(rec.Chunks), len(data))
	}
	for i, bytes := range data {
		if err := s.Put(i, bytes); err != nil {
			t.Fatal(err)
		}
	}
	is := r.do(t, whole("f", rec, nil), tree.Done)
	r.isGapped(t, "f", rec, data)
	o := whole("copy", rec, nil)
	o.Copy, o.CopyStat = "f", is
	r.do(t, o, tree.Done)
	r.isGapped(t, "copy", rec, data)
}

func TestHolesOfAProspectTakeNoRoom(t *testing.T) {
	r := newReal(t, Limits{})
	keepsGaps(t, r.dir)
	rec, data := gapped()
	p := r.NewProspect(recipe.ProspectID{1})
	for _, part := range inParts(rec, 4000) {
		have, err := p.Extend(part, true)
		if err != nil {
			t.Fatal(err)
		}
		for i, here := range have {
			at := part.First + i
			if bytes, ok := data[at]; ok == here {
				t.Fatalf("chunk %d: staged %v", at, here)
			} else if ok {
				if err := p.Put(at, bytes); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	got, err := p.Read(5, rec.Chunks[5], nil)
	if err != nil || recipe.HashChunk(got) != rec.Chunks[5].ID {
		t.Errorf("zeros cannot be passed on: %v", err)
	}
	s, err := r.BeginWith(p, rec.ID(), rec)
	if err != nil || s.Missing() != 0 {
		t.Fatalf("%d chunks missing, %v", s.Missing(), err)
	}
	r.do(t, whole("f", rec, nil), tree.Done)
	r.isGapped(t, "f", rec, data)
}

// What a prospect brought is not thrown away because there is no room for the rest, and no
// later attempt goes on without room for it.
func TestAFullVolumeKeepsWhatAProspectBrought(t *testing.T) {
	r := newReal(t, Limits{KeepFree: 1})
	content := noise(8<<20, 9)
	rec := recipe.Of(content)
	parts := inParts(rec, 3)
	p := r.NewProspect(recipe.ProspectID{1})
	bring(t, p, parts[0], content, rec)
	r.limits.KeepFree = 1 << 60
	if _, err := r.BeginWith(p, rec.ID(), rec); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("got %v, want ErrNoSpace", err)
	}
	if _, err := r.Begin(rec.ID(), rec); runtime.GOOS != "windows" && !errors.Is(err, ErrNoSpace) {
		t.Errorf("the second attempt: got %v, want ErrNoSpace", err)
	}
	r.limits.KeepFree = 1
	p = r.NewProspect(recipe.ProspectID{2})
	if _, err := p.Extend(parts[0], true); err != nil {
		t.Fatal(err)
	}
	r.limits.KeepFree = 1 << 60
	_, err := r.BeginWith(p, rec.ID(), rec)
	if n := r.inPrivate(t, stageName); runtime.GOOS != "windows" && (!errors.Is(err, ErrNoSpace) || n != 1) {
		t.Errorf("got %v, and %d files in the stage; want ErrNoSpace, and the stage alone", err, n)
	}
	r.limits.KeepFree = 1
	s := begin(t, r, rec)
	if want := len(rec.Chunks) - len(parts[0].Chunks); s.Missing() != want {
		t.Errorf("%d chunks have to be fetched, want %d", s.Missing(), want)
	}
	for range 2 { // all room is claimed by now, so that none is asked for again
		r.limits.KeepFree = 1
		r = r.reopen(t)
		r.limits.KeepFree = 1 << 60
		if _, err := r.Begin(rec.ID(), rec); runtime.GOOS == "linux" && err != nil {
			t.Error(err)
		}
	}
}

// A deleted file that is holes takes no room, and drives nothing out of the trash.
func TestTrashMaxCountsNoHoles(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Trash: TrashRules{Bytes: 16 << 20}, Now: func() time.Time { return now }})
	keepsGaps(t, r.dir)
	r.do(t, tree.Order{Op: tree.Remove, Path: "small", Victim: r.save(t, "small", "12345")}, tree.Done)
	r.save(t, "gapped", "12345")
	if err := os.Truncate(filepath.Join(r.dir, "gapped"), 1<<30); err != nil {
		t.Fatal(err)
	}
	is, _, err := r.Look("gapped")
	if err != nil {
		t.Fatal(err)
	}
	r.do(t, tree.Order{Op: tree.Remove, Path: "gapped", Victim: &is}, tree.Done)
	now = now.Add(lookAgainAfter)
	if err := r.SweepTrash(); err != nil {
		t.Fatal(err)
	}
	if kept, err := r.Folder.Trash(); err != nil || len(kept) != 2 {
		t.Errorf("kept are %+v, %v; want both", kept, err)
	}
}

// What an earlier run left may be worn where a hole is to be. That is one chunk to fetch,
// and no reason to give up what the prospect has.
func TestAProspectThatEndsInAHoleMeetsAWornStage(t *testing.T) {
	r := newReal(t, Limits{})
	data := noise(1<<20, 1)
	rec := recipe.Recipe{Class: 2, Chunks: []recipe.Chunk{{ID: recipe.HashChunk(data), Size: 1 << 20}, recipe.Hole(2)}}
	worn := make([]byte, rec.Size())
	worn[len(worn)-1] = 1
	if err := r.stage.writeNew(rec.ID().String(), worn); err != nil {
		t.Fatal(err)
	}
	p := r.NewProspect(recipe.ProspectID{1})
	if _, err := p.Extend(inParts(rec, 2)[0], true); err != nil {
		t.Fatal(err)
	}
	if err := p.Put(0, data); err != nil {
		t.Fatal(err)
	}
	s, err := r.BeginWith(p, rec.ID(), rec)
	if err != nil || s.Missing() != 1 || !s.Has(0) {
		t.Fatalf("%+v, %v; want all but the hole", s, err)
	}
	if err := s.Put(1, make([]byte, rec.Chunks[1].Size)); err != nil {
		t.Fatal(err)
	}
	r.do(t, whole("f", rec, nil), tree.Done)
	r.holds(t, "f", string(data)+string(make([]byte, rec.Chunks[1].Size)))
}
