//go:build !windows && !darwin

package platform

import "github.com/godbus/dbus/v5"

// TrayMissing says why the desktop has no place for an icon, empty when it has one. It may
// come later: panels are started beside us.
func TrayMissing() string {
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		return "there is no D-Bus session: " + err.Error()
	}
	defer bus.Close()
	var owned bool
	err = bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher").Store(&owned)
	switch {
	case err != nil:
		return "the D-Bus session does not answer: " + err.Error()
	case !owned:
		return "nothing on this desktop shows status icons; GNOME does with its extension AppIndicator"
	}
	return ""
}
