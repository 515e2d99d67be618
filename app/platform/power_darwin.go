package platform

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// OnBattery reports whether the computer runs on a battery; known is false where the
// system does not tell.
func OnBattery() (on, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, "/usr/bin/pmset", "-g", "batt").Output()
	if err != nil {
		return false, false
	}
	return strings.Contains(string(text), "'Battery Power'"), true
}
