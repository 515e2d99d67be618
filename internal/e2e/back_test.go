//go:build unix

package e2e

import (
	"fmt"
	"os"
	"testing"
)

// A directory that came from another device is renamed, and a file in it then put back under
// the name that it came with: it is no file that this device has just put there.
func TestMovedBackToWhereItCame(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("dir/one", "one")
	settle(a, b)
	arrives := func(on *agent, path string) {
		t.Helper()
		on.eventually(patience, path+" arrives", func() error {
			_, err := os.Stat(on.at(path))
			return err
		})
		a.wait(b).done(t)
		b.wait(a).done(t)
	}
	a.put("dir/two", "two")
	arrives(b, "dir/two")
	b.move("dir", "other")
	arrives(a, "other/two")
	b.mkdir("dir")
	arrives(a, "dir")
	b.move("other/two", "dir/two")
	a.eventually(patience, "other/two is gone", func() error {
		if _, err := os.Stat(a.at("other/two")); err == nil {
			return fmt.Errorf("it is there")
		}
		return nil
	})
	a.wait(b).done(t)
	b.wait(a).done(t)
	equal(a, b)
}
