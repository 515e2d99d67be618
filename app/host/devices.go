package host

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/internal/ident"
)

type addrPort = netip.AddrPort

// strangerCalled notes a device that called without being trusted.
func (a *agent) strangerCalled(d ident.DeviceID, from netip.AddrPort) {
	a.log.Debug("a device that is not trusted called", "device", d.String(), "address", from.String())
	a.linking.called(d, from)
}

// nameHeard takes over the name a device gives itself, unless a person here has named it.
func (a *agent) nameHeard(d ident.DeviceID, name string) {
	if config.CheckName(name) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.trusts(d) {
		return
	}
	if !slices.ContainsFunc(a.config.Devices, func(o config.Device) bool { return o.ID == d }) {
		a.hellos[d] = name // known through a folder
		return
	}
	if nameOf(&a.config, d) != d.Short() {
		return
	}
	err := a.change(func(c *config.Config) error {
		_, err := c.PutDevice(config.Device{ID: d, Name: name})
		return err
	})
	if err != nil {
		a.log.Warn("cannot save the name of a device", "device", d.Short(), "error", err)
	}
}

func (a *agent) deviceName(d ident.DeviceID) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var known config.Config
	known.Devices, _ = a.known()
	return nameOf(&known, d)
}

func (a *agent) eachFolder(with func(*folderRun)) {
	a.mu.Lock()
	runs := make([]*folderRun, 0, len(a.folders))
	for _, r := range a.folders {
		runs = append(runs, r)
	}
	a.mu.Unlock()
	for _, r := range runs {
		with(r)
	}
}

// connected returns the links of the devices that are spoken with now.
func (ls *links) connected() []*link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Collect(maps.Values(ls.serving))
}
