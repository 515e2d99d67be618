package disk

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/shoal-sync/shoal/internal/volumetest"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// TestVolumeIsFoundOut: what is found out is what the volume does.
func TestVolumeIsFoundOut(t *testing.T) {
	usual := newReal(t, Limits{})
	v, err := usual.Volume()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" && v != (names.Volume{}) {
		t.Errorf("the usual file system of Linux has rules of its own: %+v", v)
	}
	left, err := os.ReadDir(filepath.Join(usual.dir, tree.PrivateDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if e.Name() == probeName {
			t.Error("names that were tried out are left behind")
		}
	}
}

// TestOtherVolumes tries out real volumes with other rules.
func TestOtherVolumes(t *testing.T) {
	for name, c := range map[string]struct {
		mount func(testing.TB) string
		want  names.Volume
	}{
		"exfat": {volumetest.ExFAT, names.Volume{
			Case: names.CaseSimple, TextOnly: true, Refused: `"*:<>?\|`, NoControls: true,
			NoLinks: true, NoModes: true,
		}},
		"ntfs": {volumetest.NTFS, names.Volume{
			Case: names.CaseSimple, ForgetsCase: true, TextOnly: true, Refused: `"*:<>?\|`,
			NoControls: true, NoLastDot: true, NoLastSpace: true, NoDevices: true, NoModes: true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRealIn(t, c.mount(t), Limits{})
			v, err := r.Volume()
			if err != nil {
				t.Fatal(err)
			}
			if v != c.want {
				t.Errorf("got  %+v\nwant %+v", v, c.want)
			}
		})
	}
}

// TestVolumeThatCannotBeTried: what cannot be found out is not made up.
func TestVolumeThatCannotBeTried(t *testing.T) {
	r := newReal(t, Limits{})
	in := filepath.Join(r.dir, tree.PrivateDir, probeName)
	if err := os.WriteFile(in, []byte("a file is in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Volume(); err == nil || v != names.Of(runtime.GOOS) {
		t.Errorf("got %+v, %v", v, err)
	}
}
