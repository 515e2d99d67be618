package webrtc

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/natlab"
)

// TestLabRoad says what a link carries over a road of 50 ms there and back, without and with
// loss: SHOAL_LAB_ROAD says its Mbit/s. What a folder takes is compared with that.
func TestLabRoad(t *testing.T) {
	var mbit int
	if _, err := fmt.Sscanf(os.Getenv("SHOAL_LAB_ROAD"), "%d", &mbit); err != nil {
		t.Skip("only when asked for by SHOAL_LAB_ROAD=MBIT")
	}
	for i, loss := range []float64{0, 0.001, 0.01} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			if !natlab.Inside(t) {
				return
			}
			lab := natlab.New(t)
			lab.Server(1)
			road := natlab.Road{Delay: 25 * time.Millisecond, Mbit: float64(mbit), Loss: loss, Seed: uint64(i)}
			hosts := [2]*natlab.Computer{lab.NewHome(natlab.Port).Host(), lab.NewFarHome(natlab.Port, road).Host()}
			p := startPeers(t, hosts, help)
			if _, err := fmt.Fprintln(p.in[0], "flood"); err != nil {
				t.Fatal(err)
			}
			var bytes int
			var took string
			var striped bool
			line := ""
			p.await(t, func() { line = <-p.said })
			if _, err := fmt.Sscanf(line, "got %d in %s striped %t", &bytes, &took, &striped); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			span, err := time.ParseDuration(took)
			if err != nil {
				t.Fatal(err)
			}
			rate := float64(8*bytes) / span.Seconds() / 1e6
			t.Logf("%.1f of %d Mbit/s, %.2f, with QUIC %v", rate, mbit, rate/float64(mbit), striped)
		})
	}
}
