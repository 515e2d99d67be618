package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// marks are what stands between thousands and before decimals.
func (l Language) marks() (group, point string) {
	switch l {
	case German, Spanish:
		return ".", ","
	case French:
		return "\u00a0", ","
	}
	return ",", "."
}

// Count writes a whole number with its digits in groups: "1,234,567".
func (b Book) Count(n int64) string {
	group, _ := b.language.marks()
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + group + digits[i:]
	}
	return sign + digits
}

// Files says a number of files: "1 file", "1,234 files".
func (b Book) Files(n int64) string { return b.Many(n, "%s file", "%s files") }

// Bytes says a size: "17 bytes", "1.5 KiB", "230 GiB".
func (b Book) Bytes(n int64) string {
	if n < 1024 {
		return b.many(n, "%s byte", "%s bytes", strconv.FormatInt(n, 10))
	}
	units := []string{Mark("%s KiB"), Mark("%s MiB"), Mark("%s GiB"), Mark("%s TiB"),
		Mark("%s PiB"), Mark("%s EiB")}
	value, unit := float64(n)/1024, 0
	// 1023.5 would be printed as 1024, which reads wrong beside a larger unit.
	for value >= 1023.5 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if value < 9.95 {
		_, point := b.language.marks()
		return b.Say(units[unit], strings.Replace(fmt.Sprintf("%.1f", value), ".", point, 1))
	}
	return b.Say(units[unit], fmt.Sprintf("%.0f", value))
}

// Rate says bytes per second.
func (b Book) Rate(bytes int64) string { return b.Say("%s/s", b.Bytes(bytes)) }

// Duration says a length of time as people do, in at most two units: "2 min 5 s". Whatever
// is shorter than a second is "less than 1 s".
func (b Book) Duration(d time.Duration) string {
	if d < time.Second {
		return b.Say("less than 1 s")
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
		says string
	}{{24 * time.Hour, Mark("%d d")}, {time.Hour, Mark("%d h")}, {time.Minute, Mark("%d min")},
		{time.Second, Mark("%d s")}}
	for i, unit := range units {
		if d < unit.size {
			continue
		}
		first := b.Say(unit.says, d/unit.size)
		if i+1 == len(units) {
			return first
		}
		if rest := d % unit.size / units[i+1].size; rest > 0 {
			return first + " " + b.Say(units[i+1].says, rest)
		}
		return first
	}
	panic("bug: a duration of a second or more has no unit")
}

// Ago says how long something is past: "just now", "3 min ago".
func (b Book) Ago(d time.Duration) string {
	if d < time.Second {
		return b.Say("just now")
	}
	return b.Say("%s ago", b.Duration(d))
}

// Width counts the columns that a text takes on a terminal: Chinese and Japanese
// characters take two (Unicode Standard Annex 11, the wide ones that we say).
func Width(text string) (columns int) {
	for _, r := range text {
		columns++
		wide := r >= 0x1100 && (unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) ||
			r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xff60)
		if wide {
			columns++
		}
	}
	return columns
}
