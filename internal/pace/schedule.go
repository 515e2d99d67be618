package pace

import (
	"fmt"
	"strings"
	"time"
)

// Schedule is a limit that may differ by the hour and the day. The zero value is no limit.
type Schedule struct {
	rules []rule
	text  string
}

// rule is one part of a schedule: a rate, and when it holds.
type rule struct {
	rate     Rate
	days     [7]bool // by time.Weekday; of the day on which it begins to hold
	from, to int     // minutes of the day; equal for the whole day
}

// rulesMax bounds a schedule; a week of hours needs fewer.
const rulesMax = 32

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseSchedule reads rules separated by commas: a rate, then, when it does not always
// hold, hours and days, such as "2MB/s 08:00-18:00 Mon-Fri, 10MB/s". The first rule that
// holds counts, and none means no limit. Hours are local time and may pass midnight.
func ParseSchedule(text string) (Schedule, error) {
	s := Schedule{text: strings.TrimSpace(text)}
	for part := range strings.SplitSeq(s.text, ",") {
		r, err := parseRule(part)
		if err != nil {
			return Schedule{}, err
		}
		if s.rules = append(s.rules, r); len(s.rules) > rulesMax {
			return Schedule{}, fmt.Errorf("more than %d rules", rulesMax)
		}
	}
	return s, nil
}

func parseRule(text string) (r rule, err error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return r, fmt.Errorf("a rule is empty: want a rate such as 2MB/s, or unlimited")
	}
	rate := words[0]
	if words = words[1:]; len(words) > 0 && unitAlone(words[0]) {
		rate, words = rate+words[0], words[1:]
	}
	if r.rate, err = ParseRate(rate); err != nil {
		return r, err
	}
	hours, days := false, false
	for _, word := range words {
		switch {
		case strings.Contains(word, ":") && !hours:
			r.from, r.to, err = parseHours(word)
			hours = true
		default:
			err = r.addDays(word)
			days = true
		}
		if err != nil {
			return r, err
		}
	}
	if !days {
		r.days = [7]bool{true, true, true, true, true, true, true}
	}
	return r, nil
}

func unitAlone(word string) bool {
	for _, unit := range units {
		if strings.ToLower(word) == unit.word {
			return true
		}
	}
	return false
}

// parseHours reads HH:MM-HH:MM.
func parseHours(word string) (from, to int, err error) {
	a, b, ok := strings.Cut(word, "-")
	if ok {
		from, ok = minutes(a)
	}
	if ok {
		to, ok = minutes(b)
	}
	if !ok {
		return 0, 0, fmt.Errorf("hours %q: want the form 08:00-18:00", word)
	}
	return from % (24 * 60), to % (24 * 60), nil
}

func minutes(text string) (int, bool) {
	if text == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil
}

// addDays reads a day or a range of days, such as Mon or Mon-Fri.
func (r *rule) addDays(word string) error {
	first, last, isRange := strings.Cut(strings.ToLower(word), "-")
	a := day(first)
	b := a
	if isRange {
		b = day(last)
	}
	if a < 0 || b < 0 {
		return fmt.Errorf("%q: want hours such as 08:00-18:00, or days such as Mon, Mon-Fri or Sat-Sun", word)
	}
	for d := a; ; d = (d + 1) % 7 {
		r.days[d] = true
		if d == b {
			return nil
		}
	}
}

func day(name string) int {
	for d, known := range dayNames {
		if name == known {
			return d
		}
	}
	return -1
}

// At returns the rate that holds at a local time.
func (s Schedule) At(now time.Time) Rate {
	for _, r := range s.rules {
		if r.holds(now) {
			return r.rate
		}
	}
	return 0
}

func (r rule) holds(now time.Time) bool {
	minute, today := now.Hour()*60+now.Minute(), now.Weekday()
	switch {
	case r.from == r.to:
		return r.days[today]
	case r.from < r.to:
		return r.days[today] && minute >= r.from && minute < r.to
	}
	// Past midnight: the day counts on which it began.
	return r.days[today] && minute >= r.from || r.days[(today+6)%7] && minute < r.to
}

// String returns the text that was parsed, "unlimited" for no limit.
func (s Schedule) String() string {
	if s.text == "" {
		return "unlimited"
	}
	return s.text
}

// Limits are the schedules of both directions.
type Limits struct{ Up, Down Schedule }

// ParseLimits reads schedules of the directions, separated by semicolons, such as
// "up: 2MB/s 08:00-18:00 Mon-Fri; down: 5MB/s". What is not named has no limit;
// "unlimited" alone is no limit at all.
func ParseLimits(text string) (l Limits, err error) {
	if strings.EqualFold(strings.TrimSpace(text), "unlimited") {
		return Limits{}, nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ";") {
		way, rules, ok := strings.Cut(part, ":")
		way = strings.ToLower(strings.TrimSpace(way))
		if !ok || way != "up" && way != "down" || seen[way] {
			return Limits{}, fmt.Errorf("limits %q: want the form \"up: 2MB/s; down: 5MB/s 08:00-18:00 Mon-Fri\", or unlimited", text)
		}
		seen[way] = true
		s, err := ParseSchedule(rules)
		if err != nil {
			return Limits{}, fmt.Errorf("%s: %w", way, err)
		}
		if way == "up" {
			l.Up = s
		} else {
			l.Down = s
		}
	}
	return l, nil
}
