package webrtc

import (
	"errors"
	"testing"
)

func blockOf(b byte) *block {
	out := &block{bytes: new([blockHeader + blockSize]byte), size: 1}
	out.bytes[blockHeader] = b
	return out
}

// unstrung is a stripe to which the test hands the blocks.
func unstrung() *stripe {
	s := newStripe(nil, func() {})
	s.open = 1
	return s
}

func TestBlocksAreReadInOrder(t *testing.T) {
	s := unstrung()
	s.next = 1<<32 - 2 // numbers begin anew after the last
	for _, i := range []uint32{2, 0, 1, 3} {
		if !s.put(s.next+i, blockOf(byte('a'+i))) {
			t.Fatal(s.failed)
		}
	}
	var into [1]byte
	for _, want := range "abcd" {
		if n, err := s.Read(into[:]); n != 1 || err != nil || into[0] != byte(want) {
			t.Fatalf("read %q, %v; want %c", into, err, want)
		}
	}
}

func TestStrangeBlocksEndTheStripe(t *testing.T) {
	twice, old := unstrung(), unstrung()
	twice.put(5, blockOf('a'))
	twice.put(5, blockOf('b'))
	old.next = 9
	old.put(8, blockOf('a'))
	for name, s := range map[string]*stripe{"twice": twice, "old": old} {
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, errBlock) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A block that is far ahead of what is read waits, and takes no memory.
func TestBlocksFarAheadWait(t *testing.T) {
	s := unstrung()
	done := make(chan bool)
	go func() { done <- s.put(aheadMax, blockOf('z')) }()
	select {
	case <-done:
		t.Fatal("a block far ahead was taken")
	default:
	}
	s.put(0, blockOf('a'))
	if _, err := s.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if !<-done {
		t.Error("it was not taken when its time had come")
	}
}
