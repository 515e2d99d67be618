package platform

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// ofSystem returns the languages of the system settings, as the person put them in order.
func ofSystem() []string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// The answer is a list in parentheses: one tag on a line, some in quotes.
	text, err := exec.CommandContext(ctx, "/usr/bin/defaults", "read", "-g", "AppleLanguages").Output()
	if err != nil {
		return nil // then English
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune("()\", \n", r) })
}
