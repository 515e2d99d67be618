package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/shoal-sync/shoal/sync/names"
)

// volumes are the rules for names that devices may have in a world with different ones.
var volumes = []names.Volume{
	{},
	names.Of("windows"),
	names.Of("darwin"),
	{Case: names.CaseFull, Forms: true, TextOnly: true}, // an older macOS, which shows names apart
	{Case: names.CaseSimple, TextOnly: true, Refused: `"*:<>?\|`, NoControls: true, NoLinks: true, NoModes: true},
	{Case: names.CaseSimple, ForgetsCase: true, NoLastDot: true},
	{Forms: true},
}

// rules draws the rules of a device's volume. The first device can hold everything, so
// that the others can be compared with it.
func (w *World) rules(number int) names.Volume {
	if !w.options.Volumes || number == 0 {
		return names.Volume{}
	}
	chance := rand.New(rand.NewPCG(w.options.Seed, uint64(number)<<8|0x7a))
	return volumes[chance.IntN(len(volumes))]
}

// rulesText tells of devices whose volumes have rules of their own.
func rulesText(devices ...*device) (out string) {
	for _, d := range devices {
		if d.disk.rules != (names.Volume{}) {
			s := d.core.Snapshot()
			out += fmt.Sprintf("\n  the volume of %s: %+v\n  %d are blocked", d.name, d.disk.rules, s.Folder.Blocked)
			for _, t := range s.Troubles {
				out += fmt.Sprintf("\n    %q: %s", t.Path, t.Reason)
			}
		}
	}
	return out
}
