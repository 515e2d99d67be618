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
		if err := parseSaw(written, &b); err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		short := appendSaw(nil, &b)
		if err := parseSaw(short, &again); err != nil || !bytes.Equal(appendSaw(nil, &again), short) {
			t.Fatalf("%x is read back as %+v, %v", short, again, err)
		}
		if !b.SawPlace.Equal(again.SawPlace) || !b.SawContent.Equal(again.SawContent) || !b.SawAttrs.Equal(again.SawAttrs) {
			t.Fatalf("%+v is read back as %+v", b, again)
		}
	})
}
