package host

import "testing"

// TestBuffersFit tries that a buffer holds what it was asked for, is at most a quarter
// larger, and is given back to those that are asked for its size.
func TestBuffersFit(t *testing.T) {
	last := -1
	for size := 1; size <= 4<<20; size += 1 + size/7 {
		class, room := bufferClass(size)
		if room < size || room > max(bufferMin, size+size/4+1) || class < last || class >= len(buffers) {
			t.Errorf("%d bytes are of class %d, with room for %d", size, class, room)
		}
		if again, same := bufferClass(room); again != class || same != room {
			t.Errorf("a buffer of %d bytes is of class %d, but was taken from %d", room, again, class)
		}
		last = class
	}
	for _, size := range []int{0, 1, bufferMin - 1, bufferMin, bufferMin + 1, 1 << 20, 1<<20 + 1, 4 << 20} {
		b := takeBuffer(size)
		if len(b) != 0 || cap(b) < size {
			t.Errorf("a buffer for %d bytes has %d of %d", size, len(b), cap(b))
		}
		giveBuffer(b)
	}
}
