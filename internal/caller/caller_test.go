package caller

import (
	"net/netip"
	"testing"
)

func TestSource(t *testing.T) {
	for from, want := range map[string]string{
		"10.0.0.7":            "10.0.0.7",
		"::ffff:10.0.0.7":     "10.0.0.7",
		"2001:db8:0:1::7":     "2001:db8:0:1::",
		"2001:db8:0:1:ffff::": "2001:db8:0:1::",
		"fe80::1:2:3:4%eth0":  "fe80::",
		"2001:db8:0:2::7":     "2001:db8:0:2::",
	} {
		if got := Source(netip.MustParseAddr(from)); got != netip.MustParseAddr(want) {
			t.Errorf("%s counts as %v, want %s", from, got, want)
		}
	}
	if got := Source(netip.Addr{}); got.IsValid() {
		t.Errorf("no address counts as %v", got)
	}
}
