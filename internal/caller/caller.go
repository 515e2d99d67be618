// Package caller knows what counts as one caller. Who bounds what callers may take counts
// with it; it knows no bounds itself. Listeners, linking and the rendezvous call it.
package caller

import "net/netip"

// Source returns what stands for everybody who may call from an address: a whole /64 in
// IPv6, where every computer may take as many addresses as it likes, else the address.
func Source(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return ip
}
