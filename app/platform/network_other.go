//go:build !linux

package platform

import "context"

// NetworkChanges is not offered here: see the one for Linux.
func NetworkChanges(context.Context) <-chan struct{} { return nil }
