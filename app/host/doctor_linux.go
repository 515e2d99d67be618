package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// watchLimits says what the kernel allows this user, and how to allow more.
func watchLimits() (limits, remedy string) {
	read := func(name string) (int, bool) {
		text, err := os.ReadFile("/proc/sys/fs/inotify/" + name)
		if err != nil {
			return 0, false // a kernel that does not tell
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		return n, err == nil
	}
	watches, known := read("max_user_watches")
	instances, alsoKnown := read("max_user_instances")
	if !known || !alsoKnown {
		return "", "raise the limits of inotify"
	}
	limits = fmt.Sprintf(" (the system allows this user %d directories and %d watchers)", watches, instances)
	return limits, fmt.Sprintf("as administrator: sysctl fs.inotify.max_user_watches=%d fs.inotify.max_user_instances=%d; "+
		"lines of that kind in /etc/sysctl.d/shoal.conf keep it; then restart the agent", max(4*watches, 524288), max(2*instances, 512))
}
