package pace

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
)

func TestRates(t *testing.T) {
	for text, want := range map[string]Rate{
		"2MB/s": 2_000_000, " 500 kB/s ": 500_000, "1.5MiB/s": 1_572_864, "20Mbit/s": 2_500_000,
		"32000b/s": 32_000, "1GB/s": 1_000_000_000, "unlimited": 0, "UNLIMITED": 0, "300kbit/s": 37_500,
	} {
		got, err := ParseRate(text)
		if err != nil || got != want {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
		if again, err := ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%q is printed as %q, which is %d, %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"": "number and a unit", "2": "number and a unit", "MB/s": "number and a unit", "2MB": "number",
		"-1MB/s": "at least 32kB/s", "0kB/s": "at least", "31kB/s": "at least", "1e30GB/s": "at most",
		"NaNMB/s": "number", "infMB/s": "at most", "2 parsecs": "number",
	} {
		if _, err := ParseRate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestSchedules(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse("Mon 2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	const mon, sat, sun = "Mon 2026-06-01 ", "Sat 2026-06-06 ", "Sun 2026-06-07 "
	for _, c := range []struct {
		text, when string
		want       Rate
	}{
		{"2MB/s", mon + "03:00", 2_000_000}, {"2 MB/s", mon + "03:00", 2_000_000},
		{"2MB/s 08:00-18:00 Mon-Fri", mon + "08:00", 2_000_000},
		{"2MB/s 08:00-18:00 Mon-Fri", mon + "17:59", 2_000_000},
		{"2MB/s 08:00-18:00 Mon-Fri", mon + "18:00", 0},
		{"2MB/s 08:00-18:00 Mon-Fri", sat + "12:00", 0},
		{"2MB/s 08:00-18:00 Mon-Fri, 10MB/s", sat + "12:00", 10_000_000},
		{"unlimited 22:00-06:00, 1MB/s", mon + "23:00", 0},
		{"unlimited 22:00-06:00, 1MB/s", mon + "05:59", 0},
		{"unlimited 22:00-06:00, 1MB/s", mon + "06:00", 1_000_000},
		{"1MB/s 22:00-06:00 Sat", sun + "05:00", 1_000_000}, // begun on Saturday
		{"1MB/s 22:00-06:00 Sat", sat + "05:00", 0},
		{"1MB/s Sat Sun", sun + "05:00", 1_000_000}, {"1MB/s sat-mon", mon + "05:00", 1_000_000},
		{"1MB/s Sat Sun", mon + "05:00", 0}, {"1MB/s 12:00-24:00", mon + "23:59", 1_000_000},
		{"1MB/s 00:00-24:00", mon + "13:00", 1_000_000},
	} {
		s, err := ParseSchedule(c.text)
		if err != nil || s.At(at(c.when)) != c.want || s.String() != c.text {
			t.Errorf("%q at %s: got %v, %v", c.text, c.when, s.At(at(c.when)), err)
		}
	}
	if got := (Schedule{}).At(at(mon + "03:00")); got != 0 {
		t.Errorf("the zero schedule limits to %v", got)
	}
	for _, text := range []string{"", "2MB/s,", "08:00-18:00 2MB/s", "2MB/s 8-18", "2MB/s 08:00-25:00",
		"2MB/s 08:00", "2MB/s Mo", "2MB/s Mon-", "2MB/s 08:00-09:00 10:00-11:00", strings.Repeat("2MB/s,", 40) + "1MB/s"} {
		if s, err := ParseSchedule(text); err == nil {
			t.Errorf("%q was read as %v", text, s)
		}
	}
}

// In no second does more than 5 % beyond the rate pass, however many ask, however late
// they are woken, and when there is always something to send not less than 5 % below it.
func TestAnySecondIsWithinFivePercent(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []Rate{Least, 100_000, 2_000_000, 50_000_000, 1_000_000_000} {
		for _, late := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
			var b Bucket
			b.SetRate(0, rate)
			const askers = 3
			type passed struct {
				at step.Instant
				n  int
			}
			var all []passed
			var next [askers]step.Instant
			var size [askers]int
			for end := step.Instant(3 * time.Second); ; {
				who := 0
				for i := range next {
					if next[i] < next[who] {
						who = i
					}
				}
				now := next[who]
				if now >= end {
					break
				}
				if size[who] > 0 {
					all = append(all, passed{now, size[who]})
				}
				size[who] = b.Step(1 + chance.IntN(1<<20))
				if wait := b.Take(now, size[who]); wait > 0 {
					now = now.Add(wait + time.Duration(chance.Int64N(int64(late)+1)))
				}
				next[who] = now
			}
			least, most, in, from := 1<<62, 0, 0, 0
			for _, p := range all {
				in += p.n
				for all[from].at <= p.at.Add(-time.Second) {
					in -= all[from].n
					from++
				}
				most = max(most, in)
				if p.at > step.Instant(1100*time.Millisecond) {
					least = min(least, in)
				}
			}
			if float64(most) > 1.05*float64(rate) || float64(least) < 0.95*float64(rate) {
				t.Errorf("%v, woken up to %v late: from %d to %d bytes in a second", rate, late, least, most)
			}
		}
	}
}

func TestARestIsNotSavedUp(t *testing.T) {
	var b Bucket
	if b.Take(5, 1<<30) != 0 || b.Step(1<<30) != 1<<30 || b.Due() != 0 {
		t.Error("a bucket without a rate holds something back")
	}
	b.SetRate(0, 100_000)
	now := step.Instant(time.Hour)
	passed := 0
	for b.Take(now, 1000) == 0 {
		passed += 1000
	}
	if passed > 5000 {
		t.Errorf("after an hour's rest %d bytes pass at once", passed)
	}
	if b.Due() <= now {
		t.Error("nothing is due after too much has passed")
	}
	b.SetRate(now, 0)
	if b.Take(now, 1<<30) != 0 {
		t.Error("a rate that was lifted still holds back")
	}
}

func TestLimits(t *testing.T) {
	for text, want := range map[string][2]string{
		"up: 2MB/s 08:00-18:00 Mon-Fri; down: 5MB/s": {"2MB/s 08:00-18:00 Mon-Fri", "5MB/s"},
		"Down:500 kB/s": {"unlimited", "500 kB/s"}, "unlimited": {"unlimited", "unlimited"},
	} {
		l, err := ParseLimits(text)
		if err != nil || l.Up.String() != want[0] || l.Down.String() != want[1] {
			t.Errorf("%q: got %v, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "2MB/s", "up: ", "sideways: 2MB/s", "up: 2MB/s; up: 3MB/s", "up: 2MB/s;"} {
		if l, err := ParseLimits(text); err == nil {
			t.Errorf("%q was read as %v", text, l)
		}
	}
}
