package index

import (
	"bytes"
	"errors"
	"testing"

	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

func FuzzSaw(f *testing.F) {
	one, two := version.Vector{{Replica: 1, Counter: 2}}, version.Vector{{Replica: 1, Counter: 9}, {Replica: 2, Counter: 1}}
	for _, b := range []tree.Base{{}, {SawPlace: one, SawContent: one, SawAttrs: one},
		{SawPlace: one, SawContent: two}, {SawAttrs: two}} {
		f.Add(appendSaw(nil, &b))
	}
	f.Fuzz(func(t *testing.T, written []byte) {
		var b, again tree.Base
		if err := parseSaw(written, &b, nil); err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		short := appendSaw(nil, &b)
		if err := parseSaw(short, &again, nil); err != nil || !bytes.Equal(appendSaw(nil, &again), short) {
			t.Fatalf("%x is read back as %+v, %v", short, again, err)
		}
		for _, likely := range []version.Vector{one, two, {{Replica: 1, Counter: 3}}} {
			var guessed tree.Base
			if err := parseSaw(written, &guessed, likely); err != nil || !bytes.Equal(appendSaw(nil, &guessed), short) {
				t.Fatalf("where %v is likely, %x is read back as %+v, %v", likely, short, guessed, err)
			}
		}
		if !b.SawPlace.Equal(again.SawPlace) || !b.SawContent.Equal(again.SawContent) || !b.SawAttrs.Equal(again.SawAttrs) {
			t.Fatalf("%+v is read back as %+v", b, again)
		}
	})
}
