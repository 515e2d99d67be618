package host

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Somebody who calls with one key after the other keeps nobody else out.
func TestOneSourceKeepsNoCallerOut(t *testing.T) {
	var callers []status.Asking
	call := func(id int, from string) {
		callers = withCaller(callers, status.Asking{ID: ident.DeviceID{byte(id)}, Address: from})
	}
	listed := func(id int) bool {
		return slices.ContainsFunc(callers, func(c status.Asking) bool { return c.ID == ident.DeviceID{byte(id)} })
	}
	call(1, "10.0.0.1:5")
	for i := range 50 {
		call(100+i, fmt.Sprintf("[2001:db8::%x]:%d", i+1, i+1)) // all of one /64
	}
	if len(callers) != 1+callersFrom || !listed(1) || listed(145) || !listed(146) || !listed(149) {
		t.Errorf("after many calls from one place the list is %+v", callers)
	}
	for i := range 12 {
		call(2+i, fmt.Sprintf("10.0.0.%d:5", 2+i))
	}
	if len(callers) != callersMax || !listed(1) || !listed(13) || listed(146) || !listed(147) {
		t.Errorf("in the end the list is %+v", callers)
	}
}
