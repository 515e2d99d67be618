package book

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Source is who told of an address.
type Source uint8

// The sources. A person's word is Static; Seen is an address used in an earlier run.
const (
	Static Source = iota
	Seen
	Mdns
	Gossip // another device says so
	Claim  // the device itself says so, on a link
)

// Event is something that happened; the types below are all there are.
type Event interface {
	fmt.Stringer
	event()
}

// AddressHeard says that a device is told to be at an address. Lasts is how long to believe
// it; it does not matter for Static.
type AddressHeard struct {
	Device ident.DeviceID
	Addr   netip.AddrPort
	Source Source
	Lasts  time.Duration
}

// AddressWorked says that the device was reached at the address. The address of an incoming
// link is none: nobody listens on a caller's port.
type AddressWorked struct {
	Device ident.DeviceID
	Addr   netip.AddrPort
}

// AddressFailed says that an attempt to reach the device at the address failed.
type AddressFailed struct {
	Device ident.DeviceID
	Addr   netip.AddrPort
}

// AddressWithdrawn says that a person crossed out an address, or a source took it back.
type AddressWithdrawn struct {
	Device ident.DeviceID
	Addr   netip.AddrPort
}

// DeviceForgotten says that the device does not matter any more.
type DeviceForgotten struct{ Device ident.DeviceID }

func (AddressHeard) event()     {}
func (AddressWorked) event()    {}
func (AddressFailed) event()    {}
func (AddressWithdrawn) event() {}
func (DeviceForgotten) event()  {}

func (e AddressHeard) String() string {
	return fmt.Sprintf("AddressHeard %s %s source=%d lasts=%v", e.Device.Short(), e.Addr, e.Source, e.Lasts)
}
func (e AddressWorked) String() string {
	return fmt.Sprintf("AddressWorked %s %s", e.Device.Short(), e.Addr)
}
func (e AddressFailed) String() string {
	return fmt.Sprintf("AddressFailed %s %s", e.Device.Short(), e.Addr)
}
func (e AddressWithdrawn) String() string {
	return fmt.Sprintf("AddressWithdrawn %s %s", e.Device.Short(), e.Addr)
}
func (e DeviceForgotten) String() string { return "DeviceForgotten " + e.Device.Short() }

// Effect is an order to the world; the type below is all there is.
type Effect interface {
	fmt.Stringer
	effect()
}

// AddressesKnown orders the addresses of a device, best first, to be passed on. It comes
// whenever the list has changed. The list may be kept, not changed.
type AddressesKnown struct {
	Device ident.DeviceID
	Addrs  []netip.AddrPort
}

func (AddressesKnown) effect() {}

func (e AddressesKnown) String() string {
	return fmt.Sprintf("AddressesKnown %s %v", e.Device.Short(), e.Addrs)
}
