//go:build !linux

package watch

import (
	"errors"
	"fmt"
	"syscall"
)

// explain adds to an error what a person can do about it. Where each watched file takes
// an open file, as on macOS and the BSDs, that is the limit one meets.
func explain(err error) error {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return fmt.Errorf("%w: %w; raise the limit of open files (ulimit -n, kern.maxfiles)",
			ErrLimit, err)
	}
	return err
}
