package status

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bytes says a size in words: "17 bytes", "1.5 KiB", "230 GiB".
func Bytes(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	const units = "KMGTPE"
	value, unit := float64(n)/1024, 0
	// 1023.5 would be printed as 1024, which reads wrong beside a larger unit.
	for value >= 1023.5 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %ciB", value, units[unit])
	}
	return fmt.Sprintf("%.0f %ciB", value, units[unit])
}

// Count says a number with its digits in groups: "1,234,567".
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Files says a number of files: "1 file", "1,234 files".
func Files(n int64) string {
	if n == 1 {
		return "1 file"
	}
	return Count(n) + " files"
}

// Duration says a length of time as people do, in at most two units: "2 min 5 s". Whatever
// is shorter than a second is "less than 1 s".
func Duration(d time.Duration) string {
	if d < time.Second {
		return "less than 1 s"
	}
	// At most two units are said, so what is below the second one is rounded away first;
	// rounding it later could print "60 s".
	for _, step := range []struct{ from, to time.Duration }{
		{time.Minute, time.Second}, {time.Hour, time.Second},
		{24 * time.Hour, time.Minute}, {1 << 62, time.Hour},
	} {
		if d < step.from {
			d = d.Round(step.to)
			break
		}
	}
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, unit := range units {
		if d < unit.size {
			continue
		}
		first := fmt.Sprintf("%d %s", d/unit.size, unit.name)
		if i+1 == len(units) {
			return first
		}
		if rest := d % unit.size / units[i+1].size; rest > 0 {
			return fmt.Sprintf("%s %d %s", first, rest, units[i+1].name)
		}
		return first
	}
	panic("bug: a duration of a second or more has no unit")
}

// Plain returns text that is safe to print on a terminal: names come from other devices
// and may hold control characters that would move the cursor or change its colours.
func Plain(text string) string {
	if !strings.ContainsFunc(text, hidden) && utf8.ValidString(text) {
		return text
	}
	quoted := strconv.QuoteToGraphic(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func hidden(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) }

// Words says the state as a person reads it.
func (s State) Words() string {
	switch s {
	case UpToDate:
		return "up to date"
	case NeedsYou:
		return "needs you"
	}
	return Plain(string(s))
}
