package tree

import "testing"

func TestLives(t *testing.T) {
	var l Lives
	if l.Now() != 0 || l.Gave(5, 0) {
		t.Error("a replica that never lived gave something")
	}
	l = l.Begin(5, 0).Begin(6, 40).Begin(7, 90)
	for _, c := range []struct {
		life, seq uint64
		gave      bool
	}{{5, 40, true}, {5, 41, false}, {6, 90, true}, {6, 91, false}, {7, 1 << 40, true}, {8, 1, false}} {
		if got := l.Gave(c.life, c.seq); got != c.gave {
			t.Errorf("life %d gave row %d: %v", c.life, c.seq, got)
		}
	}
	long := l
	for i := range uint64(2 * LivesMax) {
		long = long.Begin(100+i, 1000+i)
	}
	if len(long) != LivesMax || long.Now() != 100+2*LivesMax-1 {
		t.Fatalf("%d lives are remembered", len(long))
	}
	if !long.Gave(5, 30) || long.Gave(5, 1<<40) {
		t.Error("of lives too long ago nothing is known but how far they came at most")
	}
	if l.Now() != 7 {
		t.Error("Begin changed the lives it was called on")
	}
}

func TestKeeper(t *testing.T) {
	for _, c := range []struct {
		name     string
		keeper   Keeper
		state    State
		outlived bool
	}{
		{"no note", Keeper{}, State{Replica: 1, Log: 5, Life: 3}, false},
		{"a new index", Keeper{Log: 5, Life: 3}, State{}, false},
		{"the same", Keeper{Log: 5, Life: 3}, State{Replica: 1, Log: 5, Life: 3}, false},
		{"a crash before it was noted", Keeper{Log: 5, Life: 3}, State{Replica: 1, Log: 5, Life: 4}, false},
		{"an old copy", Keeper{Log: 5, Life: 3}, State{Replica: 1, Log: 5, Life: 2}, true},
		{"another index", Keeper{Log: 5, Life: 3}, State{Replica: 1, Log: 6, Life: 9}, true},
	} {
		if got := c.keeper.Outlived(c.state); got != c.outlived {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
