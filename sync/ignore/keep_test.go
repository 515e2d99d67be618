package ignore

import (
	"math/rand/v2"
	"testing"
)

func TestKeptPatternsGiveTheSameVerdicts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 300 {
		p := parse(t, string(randomText(r)))
		if r.IntN(2) == 0 {
			p = Combine(p, parse(t, string(randomText(r))))
		}
		body := p.Append(nil)
		got, err := Restore(body)
		if err != nil || got.Hash() != p.Hash() {
			t.Fatalf("%v: %q", err, body)
		}
		for range 20 {
			path, dir := randomPath(r), r.IntN(2) == 0
			if a, b := p.Match(path, dir), got.Match(path, dir); a != b {
				t.Fatalf("%q: %+v, once kept %+v", path, a, b)
			}
		}
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 'a'})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Restore(body)
		if err != nil {
			return
		}
		again, err := Restore(p.Append(nil))
		if err != nil || again.Hash() != p.Hash() {
			t.Fatalf("%v: %q", err, body)
		}
	})
}
