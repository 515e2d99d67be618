package role

import (
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/app/config"
)

func TestASecondOneRaisesTheFirst(t *testing.T) {
	home, err := config.OpenHome(filepath.Join(t.TempDir(), "h"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := Take(t.Context(), home, Window, "")
	if err != nil || first == nil {
		t.Fatalf("got %v, %v", first, err)
	}
	second, err := Take(t.Context(), home, Window, "settings")
	if err != nil || second != nil {
		t.Fatalf("a second window: %v, %v", second, err)
	}
	if page := <-first.Asked(); page != "settings" {
		t.Errorf("asked for %q", page)
	}
	tray, err := Take(t.Context(), home, Tray, "")
	if err != nil || tray == nil {
		t.Fatalf("the window keeps the tray away: %v", err)
	}
	for _, r := range []*Role{first, tray} {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	again, err := Take(t.Context(), home, Window, "")
	if err != nil || again == nil {
		t.Fatalf("after the first one ended: %v, %v", again, err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestAHolderThatDied(t *testing.T) {
	home, err := config.OpenHome(filepath.Join(t.TempDir(), "h"))
	if err != nil {
		t.Fatal(err)
	}
	dead, err := Take(t.Context(), home, Tray, "")
	if err != nil {
		t.Fatal(err)
	}
	// As after a crash: the system takes the lock back, and the socket stays.
	if err := dead.lock.Release(); err != nil {
		t.Fatal(err)
	}
	r, err := Take(t.Context(), home, Tray, "")
	if err != nil || r == nil {
		t.Fatalf("got %v, %v", r, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	_ = dead.listener.Close() // its socket is gone already
}

// A holder that hangs before it listens is not waited for without end.
func TestAHolderThatHangs(t *testing.T) {
	home, err := config.OpenHome(filepath.Join(t.TempDir(), "h"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := home.LockRole(Window)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Take(t.Context(), home, Window, ""); err == nil || r != nil {
		t.Errorf("got %v, %v", r, err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}
