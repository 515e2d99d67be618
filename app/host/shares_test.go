package host

import (
	"context"
	"log/slog"
	"testing"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
)

// A server may answer about folders before this device has noted that it is reached: the
// agent used to end with a panic then.
func TestAServerAnswersBeforeItCounts(t *testing.T) {
	home, err := config.OpenHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a := &agent{ctx: ctx, log: slog.New(slog.DiscardHandler), news: newNews()}
	if a.key, err = home.Key(); err != nil {
		t.Fatal(err)
	}
	if a.letters, err = newLetters(a); err != nil {
		t.Fatal(err)
	}
	p := newPosts(a)
	place := post.Place{Host: "127.0.0.1:1"}
	p.mu.Lock()
	p.openLocked(place)
	p.mu.Unlock()
	defer a.work.Wait()
	defer cancel()
	o, folder := p.offices[0], ident.FolderID{1}
	if got := p.namesOf(o, o.shared.life, crowd{folder: folder, seeks: true}); got != nil {
		t.Fatalf("a server that is not reached named %v", got)
	}
	if o.shared.last[folder].at.IsZero() {
		t.Error("after a question in vain the next one is asked at once")
	}
}

// What a server was told is taken back, also when that changed while it was not reached.
func TestAServerIsToldThatNothingIsSharedAnyMore(t *testing.T) {
	p := &posts{}
	o := &office{shared: newShared()}
	o.shared.told = []post.Share{{Key: make([]byte, 16)}}
	p.forgetShares(o)
	if !o.shared.more || o.shared.told != nil {
		t.Errorf("reached anew: %+v", o.shared)
	}
	p.forgetShares(o)
	if !o.shared.more {
		t.Error("it forgot that before it could say so")
	}
}
