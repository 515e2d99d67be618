package platform

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var getSystemPowerStatus = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemPowerStatus")

// OnBattery reports whether the computer runs on a battery; known is false where the
// system does not tell.
func OnBattery() (on, known bool) {
	var status struct {
		line, flag, percent, saver byte
		left, full                 uint32
	}
	if ok, _, _ := getSystemPowerStatus.Call(uintptr(unsafe.Pointer(&status))); ok == 0 {
		return false, false
	}
	return status.line == 0, status.line <= 1
}
