//go:build unix

package e2e

import (
	"fmt"
	"testing"
)

// TestTransfers: what is still to come is listed under the name it will have, and the rates
// of the last hour know what has come.
func TestTransfers(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	a.fill("deep/down/large.bin", 3<<20)
	startAll(a, b)
	b.command("config", "set", "limit_down", "40KB/s").done(t)
	b.command("config", "set", "limit_lan", "on").done(t)
	keep(a, b)
	link(a, b)
	share(a, b)
	var found struct {
		Files, Bytes int64
		Queue        []struct {
			Path string
			Size int64
		}
	}
	b.eventually(patience, "the file is listed as still to come", func() error {
		found.Queue = nil
		b.command("transfers").done(t).into(t, &found)
		if len(found.Queue) != 1 || found.Queue[0].Path != "deep/down/large.bin" || found.Queue[0].Size != 3<<20 ||
			found.Files != 1 {
			return fmt.Errorf("listed is %+v", found)
		}
		return nil
	})
	b.command("config", "set", "limit_down", "unlimited").done(t)
	settle(a, b)
	b.command("transfers").done(t).into(t, &found)
	if found.Files != 0 {
		t.Errorf("still to come, after all has come: %+v", found)
	}
	b.eventually(patience, "the rates have a peak", func() error {
		var speeds struct {
			In   []int64 `json:"in_bps"`
			Peak int64   `json:"peak_in_bps"`
		}
		b.command("transfers", "--speed", "hour").done(t).into(t, &speeds)
		if len(speeds.In) == 0 || speeds.Peak < 10_000 {
			return fmt.Errorf("%+v", speeds)
		}
		return nil
	})
	b.command("transfers", "--speed", "year").failed(t, 2, "hour or day")
}
