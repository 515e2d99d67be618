package platform

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"
)

// askTimeout is how long the network manager may take to answer: it answers from memory.
const askTimeout = 2 * time.Second

// Metered reports whether the network is paid by the byte; known is false where the system
// does not tell, as without NetworkManager.
func Metered() (metered, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return false, false
	}
	defer bus.Close()
	const manager = "org.freedesktop.NetworkManager"
	var answer dbus.Variant
	err = bus.Object(manager, "/org/freedesktop/NetworkManager").
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, manager, "Metered").
		Store(&answer)
	level, ok := answer.Value().(uint32)
	if err != nil || !ok {
		return false, false
	}
	// NMMetered: 0 not known, 1 yes, 2 no, 3 probably, 4 probably not.
	return level == 1 || level == 3, level != 0
}
