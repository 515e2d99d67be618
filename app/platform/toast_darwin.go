package platform

import (
	"fmt"
	"os/exec"
)

// Toaster shows messages through the script language of the system: programs that are not
// signed may not send them themselves. They have no button and cannot be clicked.
type Toaster struct{}

// NewToaster returns one; the messages bear the name of the system's script editor.
func NewToaster(string) *Toaster { return &Toaster{} }

// Show shows a message; clicked is never called.
func (t *Toaster) Show(m Toast, _ func()) error {
	// The texts are handed over as arguments, not written into the script.
	err := exec.Command("/usr/bin/osascript", "-e", "on run argv", "-e",
		"display notification (item 2 of argv) with title (item 1 of argv)", "-e", "end run", m.Title, m.Text).Run()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoToasts, err)
	}
	return nil
}

// Close has nothing to do.
func (t *Toaster) Close() error { return nil }
