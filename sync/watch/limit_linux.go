package watch

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// explain adds to an error what a person can do about it. The system's own words mislead:
// it says "no space left on device" when there are no watches left, and "too many open
// files" when there are no watchers left.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return limitError("fs.inotify.max_user_watches", "524288")
	case errors.Is(err, syscall.EMFILE):
		return limitError("fs.inotify.max_user_instances", "1024")
	}
	return err
}

func limitError(setting, enough string) error {
	now := ""
	value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(setting, ".", "/"))
	if err == nil {
		now = ", now " + strings.TrimSpace(string(value))
	}
	return fmt.Errorf("%w (%s%s); to raise it, run: sudo sysctl %s=%s",
		ErrLimit, setting, now, setting, enough)
}
