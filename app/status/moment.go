package status

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Moment is a point in wall time: nanoseconds since 1970 in UTC. Zero means "not known"
// or "never"; in JSON it is null, otherwise an RFC 3339 string.
type Moment int64

// MomentOf returns t as a Moment.
func MomentOf(t time.Time) Moment {
	if t.IsZero() {
		return 0
	}
	return Moment(t.UnixNano())
}

// Time returns m in UTC, the zero time when m is not known.
func (m Moment) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(m)).UTC()
}

// IsZero reports whether m is not known.
func (m Moment) IsZero() bool { return m == 0 }

// Sub returns the time from o to m.
func (m Moment) Sub(o Moment) time.Duration { return time.Duration(m - o) }

// String returns the RFC 3339 form, or "never".
func (m Moment) String() string {
	if m == 0 {
		return "never"
	}
	return m.Time().Format(time.RFC3339Nano)
}

// MarshalJSON implements json.Marshaler.
func (m Moment) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(m.String())
}

// UnmarshalJSON implements json.Unmarshaler. It refuses times that nanoseconds since 1970
// cannot hold (before 1678, after 2262).
func (m *Moment) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*m = 0
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("time %s: want a string or null", text)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("time %q: want the form 2006-01-02T15:04:05Z: %w", s, err)
	}
	if !time.Unix(0, t.UnixNano()).Equal(t) {
		return fmt.Errorf("time %q: out of range", s)
	}
	*m = Moment(t.UnixNano())
	return nil
}

// Measured is a quantity that may not have been measured yet: zero is null in JSON.
type Measured float64

// MarshalJSON implements json.Marshaler. Three digits after the point are more than any
// clock here can tell.
func (q Measured) MarshalJSON() ([]byte, error) {
	if q == 0 || math.IsNaN(float64(q)) || math.IsInf(float64(q), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, math.Round(float64(q)*1000)/1000, 'f', -1, 64), nil
}
