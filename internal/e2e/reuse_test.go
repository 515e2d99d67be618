//go:build unix

package e2e

import (
	"os"
	"testing"
)

// TestChunksOfOtherFiles: what other files of the folder hold is not fetched: a copy that
// was edited, and a file that grew over the border of a size class.
func TestChunksOfOtherFiles(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	const size = 16<<20 - 100_000
	a.fill("original", size)
	settle(a, b)
	body := []byte(a.read("original"))

	before := b.traffic(a)
	copied := append([]byte("a new head"), body...)
	must(t, os.WriteFile(a.at("copy"), copied, 0o644))
	settle(a, b)
	if cost := b.traffic(a) - before; cost > 1<<20 {
		t.Errorf("an edited copy of a file of %d bytes cost %d bytes", size, cost)
	}

	before = b.traffic(a)
	appendTo(t, a.at("original"), string(noise(3, 200_000)))
	settle(a, b)
	if cost := b.traffic(a) - before; cost > 2<<20 {
		t.Errorf("200,000 bytes at the end of a file of %d bytes cost %d bytes", size, cost)
	}
}
