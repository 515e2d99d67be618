package probe

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/natlab"
)

var (
	home = netip.MustParseAddr("127.0.0.1")
	away = netip.MustParseAddr("127.0.0.2")
)

func TestWithoutServersNothingIsTold(t *testing.T) {
	if _, err := Ask(context.Background(), nil); err == nil {
		t.Error("something was found out without asking anybody")
	}
	silent := netip.AddrPortFrom(home, 9)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	found, err := Ask(ctx, []netip.AddrPort{silent})
	if err != nil || found.UDP || found.TCP || !strings.Contains(found.String(), "no server answered") {
		t.Errorf("%+v, %v: %s", found, err, found)
	}
}

func TestEndsWhenNobodyWantsToKnow(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Ask(ctx, []netip.AddrPort{netip.AddrPortFrom(home, 9)}); err == nil {
		t.Error("no error")
	}
}

func TestNoNAT(t *testing.T) {
	teller, err := natlab.NewTeller(home, away, 19478, 19479)
	if err != nil {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v", err) // a second address of this computer's own
	}
	defer teller.Close()
	found, err := Ask(context.Background(), []netip.AddrPort{teller.Addr()})
	want := Found{UDP: true, Public: true, Seen: found.Seen, Mapping: Independent, Filtering: Independent, Hairpin: true}
	if err != nil || found != want || found.Hard() {
		t.Errorf("got %+v, %v", found, err)
	}
}
