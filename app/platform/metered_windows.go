package platform

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The network list manager of Windows, and the part of it that knows costs.
var (
	clsidNetworks = windows.GUID{Data1: 0xDCB00C01, Data2: 0x570F, Data3: 0x4A9B,
		Data4: [8]byte{0x8D, 0x69, 0x19, 0x9F, 0xDB, 0xA5, 0x72, 0x3B}}
	iidNetworkCosts = windows.GUID{Data1: 0xDCB00008, Data2: 0x570F, Data3: 0x4A9B,
		Data4: [8]byte{0x8D, 0x69, 0x19, 0x9F, 0xDB, 0xA5, 0x72, 0x3B}}
	coCreateInstance = windows.NewLazySystemDLL("ole32.dll").NewProc("CoCreateInstance")
)

// networkCosts is a COM object: a pointer to its table of functions.
type networkCosts struct {
	table *struct {
		queryInterface, addRef, release uintptr
		getCost                         uintptr
	}
}

// Metered reports whether the network is paid by the byte; known is false where the system
// does not tell.
func Metered() (metered, known bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if windows.CoInitializeEx(0, windows.COINIT_MULTITHREADED) != nil {
		return false, false
	}
	defer windows.CoUninitialize()
	const anyContext = 0x17 // CLSCTX_ALL
	var manager *networkCosts
	code, _, _ := coCreateInstance.Call(uintptr(unsafe.Pointer(&clsidNetworks)), 0, anyContext,
		uintptr(unsafe.Pointer(&iidNetworkCosts)), uintptr(unsafe.Pointer(&manager)))
	if code != 0 || manager == nil {
		return false, false
	}
	defer syscall.SyscallN(manager.table.release, uintptr(unsafe.Pointer(manager)))
	var cost uint32
	code, _, _ = syscall.SyscallN(manager.table.getCost, uintptr(unsafe.Pointer(manager)),
		uintptr(unsafe.Pointer(&cost)), 0)
	// NLM_CONNECTION_COST: 1 unrestricted, 2 fixed, 4 variable, over the limit, roaming.
	const paid = 0x2 | 0x4 | 0x10000 | 0x40000
	return cost&paid != 0, code == 0 && cost != 0
}
