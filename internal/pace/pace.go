// Package pace knows how fast something may go: rates as people write them, rules that
// hold at some hours of some days, and the bucket that holds bytes back.
//
// It knows no clock: who asks says what time it is. Settings are read with it, the host
// and the swarm core hold transfers to a rate with it.
package pace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
)

// Rate is bytes per second; zero is without a limit.
type Rate int64

// Least is the lowest limit: below it the words that keep a link alive, which wait their
// turn like all bytes, would come too late.
const Least Rate = 32_000

// most is beyond every link, and far from overflowing a product with seconds.
const most Rate = 1_000_000_000_000

// units of a rate, longest first where one ends with another.
var units = []struct {
	word string
	size float64
}{
	{"kbit/s", 125}, {"mbit/s", 125_000}, {"gbit/s", 125_000_000},
	{"kib/s", 1 << 10}, {"mib/s", 1 << 20}, {"gib/s", 1 << 30},
	{"kb/s", 1e3}, {"mb/s", 1e6}, {"gb/s", 1e9}, {"b/s", 1},
}

// ParseRate reads a rate: a number and a unit, such as 2MB/s, 500 kB/s, 1.5 MiB/s or
// 20Mbit/s; "unlimited" is no limit. Large and small letters mean the same.
func ParseRate(text string) (Rate, error) {
	lower := strings.ToLower(strings.TrimSpace(text))
	if lower == "unlimited" {
		return 0, nil
	}
	for _, unit := range units {
		digits, ok := strings.CutSuffix(lower, unit.word)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || math.IsNaN(n) {
			break
		}
		if rate := n * unit.size; rate >= float64(Least) && rate <= float64(most) {
			return Rate(rate), nil
		}
		return 0, fmt.Errorf("rate %q: want at least %s and at most %s", text, Least, most)
	}
	return 0, fmt.Errorf("rate %q: want a number and a unit, such as 2MB/s, 500kB/s or 20Mbit/s, or unlimited", text)
}

// String returns the rate as ParseRate reads it.
func (r Rate) String() string {
	switch {
	case r == 0:
		return "unlimited"
	case r%1_000_000 == 0:
		return fmt.Sprintf("%dMB/s", r/1_000_000)
	case r%1_000 == 0:
		return fmt.Sprintf("%dkB/s", r/1_000)
	}
	return fmt.Sprintf("%dB/s", int64(r))
}

// burst is how much may pass at once after a rest, as a time at the full rate. Together
// with one Step it keeps any second within 5 % of the rate, and it makes up for a timer
// that is that late.
const burst = 35 * time.Millisecond

// Bucket holds bytes to a rate. The zero value lets everything pass.
type Bucket struct {
	rate Rate
	// paid is the instant at which what has passed is paid for at the rate.
	paid step.Instant
}

// SetRate changes the rate from now on.
func (b *Bucket) SetRate(now step.Instant, rate Rate) {
	if b.rate != rate {
		b.rate, b.paid = rate, now
	}
}

// Rate returns the present rate.
func (b *Bucket) Rate() Rate { return b.rate }

// Step returns how many bytes may pass at once, at most n: little enough that a second
// holds many of them.
func (b *Bucket) Step(n int) int {
	const least, most = 256, 256 << 10
	if b.rate == 0 {
		return n
	}
	return min(n, max(least, min(most, int(b.rate/100))))
}

// Take counts n bytes and returns how long they have to wait.
func (b *Bucket) Take(now step.Instant, n int) time.Duration {
	if b.rate == 0 {
		return 0
	}
	b.paid = max(b.paid, now.Add(-burst))
	wait := max(0, b.paid.Since(now))
	b.paid = b.paid.Add(time.Duration(float64(n) / float64(b.rate) * float64(time.Second)))
	return wait
}

// Due returns when the next bytes may pass: the present or an earlier instant when they
// may at once.
func (b *Bucket) Due() step.Instant {
	if b.rate == 0 {
		return 0
	}
	return b.paid
}
