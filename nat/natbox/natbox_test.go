package natbox

import "testing"

// A pair gets through unless one side's port changes with whom it speaks to and the other
// side lets in exactly who was sent to, or changes its port too.
func TestEveryPairComesOutAsTheorySays(t *testing.T) {
	all := []Depends{Nothing, Address, Port}
	for _, am := range all {
		for _, af := range all {
			for _, bm := range all {
				for _, bf := range all {
					a, b := Box{Mapping: am, Filtering: af}, Box{Mapping: bm, Filtering: bf}
					got, want := Straight(a, b), theory(am, af, bm, bf)
					if got != want || Straight(b, a) != want {
						t.Errorf("mapping %d filter %d with mapping %d filter %d: %v, want %v", am, af, bm, bf, got, want)
					}
				}
			}
		}
	}
	if Straight(Box{NoUDP: true}, Box{}) {
		t.Error("straight, without UDP")
	}
}

// theory: each side knows where a server saw the other. Where a mapping changes, packets
// come from elsewhere, and are let in only by a filter that does not look at the port.
// Then the answer goes to where they came from, which is always let in.
func theory(am, af, bm, bf Depends) bool {
	reaches := func(mapping, filter Depends) bool { return mapping == Nothing || filter != Port }
	if am != Nothing && bm != Nothing {
		// Neither is where the server saw it. One must let in everybody there; its answer
		// comes from a third place, and the other must not look at the port.
		return af == Nothing && bf != Port || bf == Nothing && af != Port
	}
	return reaches(am, bf) && reaches(bm, af)
}
