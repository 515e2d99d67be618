package rendezvous

import (
	"errors"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/discovery/rendezvous"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Devices that share a folder are named to each other, by a server that is not told of the
// folder's id; a server that was started anew names nobody before it is told again.
func TestMembersAreNamed(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	a, b, other := newPhone(t, s.URL()), newPhone(t, s.URL()), newPhone(t, s.URL())
	folder := ident.FolderID{7, 7, 7}
	share := func(p *phone, part int) {
		p.connected()
		key := post.KeyOf(p.Place().Audience(), folder)
		if err := p.Share(t.Context(), []post.Share{{Key: key[:], Part: part}}); err != nil {
			t.Fatal(err)
		}
	}
	other.connected()
	share(a, 2)
	if got, err := a.Members(t.Context(), folder); err != nil || len(got) != 0 {
		t.Fatalf("alone, it is told of %v, %v", got, err)
	}
	share(b, post.PartAll)
	got, err := a.Members(t.Context(), folder)
	if err != nil || len(got) != 1 || got[0].Device != b.id || got[0].Part != post.PartAll ||
		ident.DeviceFromKey(got[0].Card) != b.id {
		t.Fatalf("told of %v, %v", got, err)
	}
	var refusal rendezvous.Refusal
	if got, err := other.Members(t.Context(), folder); !errors.As(err, &refusal) {
		t.Errorf("who does not share the folder is told of %v, %v", got, err)
	}
	b.stop()
	for limit := time.Now().Add(patience); time.Now().Before(limit); { // the server has to notice that it went
		if got, err = a.Members(t.Context(), folder); err != nil || len(got) == 0 {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	if err != nil || len(got) != 0 {
		t.Errorf("told of who went: %v, %v", got, err)
	}
	anew := newPhone(t, open(t, nil).URL())
	anew.connected()
	if got, err := anew.Members(t.Context(), folder); !errors.As(err, &refusal) {
		t.Errorf("a server that knows nothing names %v, %v", got, err)
	}
}
