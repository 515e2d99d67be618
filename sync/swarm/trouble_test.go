package swarm

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

// reasonOf returns what a person is told of a peer.
func (b *bench) reasonOf(at step.Instant, peer ident.DeviceID) string {
	b.t.Helper()
	for _, f := range b.core.Handle(at, StandingAsked{}) {
		if told, ok := f.(StandingTold); ok {
			for _, p := range told.Peers {
				if p.Peer == peer {
					return p.Reason
				}
			}
		}
	}
	b.t.Fatal("nothing is told of the peer")
	return ""
}

func TestWhatIsWrongWithAPeerIsTold(t *testing.T) {
	for _, c := range []struct {
		want string
		do   func(b *bench)
	}{
		{"", func(*bench) {}},
		{"unanswered", func(b *bench) { b.core.Tick(40 * second) }},
		{"was not what it claims", func(b *bench) { b.run(second, PieceBad{Ticket: b.asked[0].Ticket}) }},
		{"it sent content that is not", func(b *bench) {
			b.run(second, PieceBad{Ticket: b.asked[0].Ticket})
			b.run(second, PieceBad{Ticket: b.asked[1].Ticket})
		}},
		{"did not have", func(b *bench) {
			b.run(second, Heard{alice, wire.NoPiece{Ticket: b.asked[0].Ticket, Reason: wire.Gone}})
		}},
		{"busy", func(b *bench) {
			b.run(40*second, Heard{alice, wire.NoPiece{Ticket: b.asked[0].Ticket, Reason: wire.Busy}})
		}},
		{"faster than it can be answered (36 times)", func(b *bench) {
			for i := range 100 {
				b.run(second, Heard{alice, wantHave(ident.ContentID{9, byte(i)})})
			}
		}},
	} {
		b, _ := fetchingBench(t, 6, alice, bob)
		c.do(b)
		if got := b.reasonOf(40*second, alice); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("told %q, want %q", got, c.want)
		}
	}
}

// Who claims to have all and answers nothing is asked ever more rarely where others answer.
func TestWhoStallsAgainAndAgainIsAskedRarely(t *testing.T) {
	b, _ := fetchingBench(t, 6, alice, bob)
	var asks []step.Instant
	for now := step.Instant(0); now < step.Instant(10*time.Minute); now += second / 2 {
		before := len(b.asked)
		b.show(b.core.Tick(now))
		for _, a := range b.asked[before:] {
			if a.of == alice && (len(asks) == 0 || now > asks[len(asks)-1]) {
				asks = append(asks, now)
			}
		}
	}
	if len(asks) < 2 || len(asks) > 4 {
		t.Errorf("asked %d times more in ten minutes: %v", len(asks), asks)
	}
}
