package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/natlab"
)

// TestSpeedAcrossNATs has a folder kept over two NATs and a road, and compares how long that
// takes with what the road carries: SHOAL_LAB_ROAD says its Mbit/s, the milliseconds there
// and back, how many MiB the one file has, and how many files of 4 KiB there are.
func TestSpeedAcrossNATs(t *testing.T) {
	var mbit, millis, mib, files int
	if n, err := fmt.Sscanf(os.Getenv("SHOAL_LAB_ROAD"), "%d:%d:%d:%d", &mbit, &millis, &mib, &files); n != 4 {
		t.Skipf("only when asked for by SHOAL_LAB_ROAD=MBIT:MILLISECONDS:MIB:FILES (%v)", err)
	}
	if !natlab.Inside(t) {
		return
	}
	road := natlab.Road{Delay: time.Duration(millis) * time.Millisecond / 2, Mbit: float64(mbit)}
	x := newTwoFarHomes(t, [2]natlab.Kind{natlab.Port, natlab.Port}, road)
	a, b := x.two[0], x.two[1]
	a.reached(b, status.Punched)
	a.put("first.txt", "hello")
	b.arrives("first.txt")

	took := func(name string, size int, make func()) time.Duration {
		in, used := b.device(a).BytesIn, cpuSeconds(t, a, b)
		begun := time.Now()
		make()
		b.eventually(10*time.Minute, name, func() error { return whole(b.at(name), size) })
		spent := time.Since(begun)
		used = cpuSeconds(t, a, b) - used
		least := time.Duration(float64(8*size) / (float64(mbit) * 1e6) * float64(time.Second))
		t.Logf("%s: %v, %.2f of what %d Mbit/s take for %d bytes; %d bytes came; CPU of both %.2f s",
			name, spent.Round(time.Millisecond), spent.Seconds()/least.Seconds(), mbit, size,
			b.device(a).BytesIn-in, used)
		return spent
	}
	took("one", mib<<20, func() { a.drop("one", mib<<20) })
	alone := took("same", files<<12, func() { a.drop("same", files<<12) })
	many := took("many", files<<12, func() {
		outside := filepath.Join(filepath.Dir(a.root), "many")
		for i := range files {
			dir := filepath.Join(outside, strconv.Itoa(i/500))
			must(t, os.MkdirAll(dir, 0o755))
			must(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), noise(uint64(i), 1<<12), 0o644))
		}
		must(t, os.Rename(outside, a.at("many")))
	})
	t.Logf("many small files take %.2f of the time of one that is as large", many.Seconds()/alone.Seconds())
}

// whole fails unless a file, or all files below a directory, have a size together.
func whole(path string, size int) error {
	got := 0
	err := filepath.WalkDir(path, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		about, err := d.Info()
		if err == nil {
			got += int(about.Size())
		}
		return err
	})
	if err == nil && got != size {
		err = fmt.Errorf("%d bytes of %d", got, size)
	}
	return err
}
