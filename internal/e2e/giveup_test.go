//go:build unix

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestGiveUp: a device tells of two contents and dies before they have left it, and both
// they and its memory are gone when it is back. The folder waits until a person gives them
// up: one is deleted everywhere, of the other the version from before stays.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("doc", "the version that bert has")
	settle(a, b)
	b.command("config", "set", "limit_lan", "on").done(t)
	b.command("config", "set", "limit_down", "400kbit/s").done(t)
	a.drop("doc", 4<<20)
	a.drop("film", 4<<20)
	b.eventually(patience, "both are known of", func() error {
		if f := b.folder(); f.NeedFiles != 2 {
			return fmt.Errorf("%d files are needed", f.NeedFiles)
		}
		return nil
	})
	a.kill()
	a.loseIndex()
	must(t, os.Remove(a.at("doc")))
	must(t, os.Remove(a.at("film")))
	a.start()
	for _, o := range []*agent{a, b} {
		o.lacks("doc", "film")
	}
	if got := a.command("held", "give-up", shared, "nothing of the kind"); got.code == 0 {
		t.Error("what does not exist was given up")
	}
	b.command("held", "give-up", shared, "doc").done(t)
	a.command("held", "give-up", shared, "film").done(t)
	b.command("config", "unset", "limit_down").done(t)
	settle(a, b)
	if got := a.read("doc"); got != "the version that bert has" {
		t.Errorf("anna has %q", got)
	}
	if a.exists("film") || b.exists("film") {
		t.Error("what was given up is there")
	}
}

// lacks waits until an agent says of files that nobody has their content.
func (a *agent) lacks(paths ...string) {
	a.t.Helper()
	err := pollEvery(500*time.Millisecond, 40*time.Second, func() error {
		f := a.folder()
		missing := map[string]bool{}
		for _, p := range f.Problems {
			missing[p.Path] = p.Kind == "content"
		}
		for _, path := range paths {
			if !missing[path] {
				return fmt.Errorf("problems %+v", f.Problems)
			}
		}
		return nil
	})
	if err != nil {
		a.t.Fatalf("%s does not say whose content is missing: %v", a.name, err)
	}
}
