//go:build !amd64

package chunker

func pickEngine() engine { return swar }

// markAVX2 exists so that the choice of engine reads the same everywhere.
func markAVX2(*byte, int, *group) int {
	panic("bug: AVX2 engine chosen on a processor of another kind")
}
