package platform

import (
	"io/fs"
	"os"
	"path"
	"strings"
)

// OnBattery reports whether the computer runs on a battery; known is false where the
// system does not tell.
func OnBattery() (on, known bool) { return onBattery(os.DirFS("/sys/class/power_supply")) }

// onBattery reads the kernel's list of supplies: on battery is who has one and gets power
// from nowhere else.
func onBattery(supplies fs.FS) (on, known bool) {
	entries, err := fs.ReadDir(supplies, ".")
	if err != nil {
		return false, false // a kernel without supplies
	}
	read := func(supply, name string) string {
		text, err := fs.ReadFile(supplies, path.Join(supply, name))
		if err != nil {
			return "" // not every supply has every file
		}
		return strings.TrimSpace(string(text))
	}
	battery, mains := false, false
	for _, e := range entries {
		switch read(e.Name(), "type") {
		case "Battery":
			// Those of mice and keyboards have the scope Device.
			battery = battery || read(e.Name(), "scope") != "Device" && read(e.Name(), "status") == "Discharging"
		case "Mains", "USB", "Wireless":
			mains = mains || read(e.Name(), "online") == "1"
		}
	}
	return battery && !mains, true
}
