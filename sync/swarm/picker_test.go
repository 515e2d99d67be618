package swarm

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// check finds out whether the order of a picker is what the counts say.
func (p *picker) check(t *testing.T, open map[int]bool) {
	t.Helper()
	if len(p.order) != len(open) {
		t.Fatalf("%d slots in order, %d are open", len(p.order), len(open))
	}
	for i, slot := range p.order {
		if !open[int(slot)] || int(p.place[slot]) != i {
			t.Fatalf("slot %d at %d: open %v, said to be at %d", slot, i, open[int(slot)], p.place[slot])
		}
		if i > 0 && p.count[p.order[i-1]] > p.count[slot] {
			t.Fatalf("a slot of %d holders before one of %d", p.count[p.order[i-1]], p.count[slot])
		}
	}
}

func TestPickerKeepsTheRarestFirst(t *testing.T) {
	for seed := range uint64(20) {
		chance := rand.New(rand.NewPCG(seed, 5))
		p := picker{chance: chance}
		a, b := &want{}, &want{}
		first, second := p.take(a, 37), p.take(b, 5)
		open := map[int]bool{}
		slots := []int{}
		for i := range 37 {
			slots = append(slots, first+i)
		}
		for i := range 5 {
			slots = append(slots, second+i)
		}
		for range 3000 {
			switch slot := slots[chance.IntN(len(slots))]; chance.IntN(5) {
			case 0:
				p.open(slot)
				open[slot] = true
			case 1:
				p.shut(slot)
				delete(open, slot)
			case 2, 3:
				if p.count[slot] < 12 {
					p.more(slot)
				}
			case 4:
				if p.count[slot] > 0 {
					p.fewer(slot)
				}
			}
			p.check(t, open)
		}
		p.give(first, 37)
		for i := range 37 {
			delete(open, first+i)
		}
		p.check(t, open)
		if again := p.take(b, 40); again != first {
			t.Fatalf("slots %d.. are not used again, but %d..", first, again)
		}
	}
}

// Equally rare slots must not come in the order in which they were opened.
func TestPickerMixesEquals(t *testing.T) {
	p := picker{chance: rand.New(rand.NewPCG(1, 6))}
	first := p.take(&want{}, 100)
	for i := range 100 {
		p.more(first + i)
		p.open(first + i)
	}
	if slices.IsSorted(p.order) || p.rarest(0, func(int) bool { return false }) >= 0 {
		t.Fatalf("in order: %v", p.order)
	}
	if slot := p.rarest(0, func(slot int) bool { return slot == first+7 }); slot != first+7 {
		t.Fatalf("got %d", slot)
	}
}
