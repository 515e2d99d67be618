package chunker

import "golang.org/x/sys/cpu"

func pickEngine() engine {
	if cpu.X86.HasAVX2 {
		return avx2
	}
	return swar
}

// markAVX2 runs stage 1 over whole groups, at least one. window points to the first byte
// of the first window; 32*whole+63 bytes from there are read. into has room for whole
// groups; groups in which nothing passed are left out, and the rest are counted.
//
//go:noescape
func markAVX2(window *byte, whole int, into *group) int
