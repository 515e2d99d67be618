package host

import (
	"net/netip"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/nat/portmap"
)

// startMapping asks the router to let calls through, unless a person does not want it or
// nobody from outside is to call.
func (a *agent) startMapping(settings config.Settings) {
	listen := a.listener.Addr()
	if !settings.PortMapping || listen.Addr().IsLoopback() {
		return
	}
	a.mapping.Store(portmap.Start(portmap.Options{Port: listen.Port(), Log: a.log}))
}

func (a *agent) stopMapping() {
	if k := a.mapping.Load(); k != nil {
		k.Close()
	}
}

// mapped returns where the router lets calls through, no address when it does not.
func (a *agent) mapped() netip.AddrPort {
	k := a.mapping.Load()
	if k == nil {
		return netip.AddrPort{}
	}
	granted, _ := k.Granted() // why not is for the doctor
	return granted.Outside
}

// checkMapping says whether the router lets calls through.
func (a *agent) checkMapping(d *status.Diagnosis) {
	c := status.Check{Name: "port mapping", Verdict: status.Fine}
	defer func() { d.Add(c) }()
	k := a.mapping.Load()
	if k == nil {
		c.Reason = "the router is not asked to let calls through (port_mapping)"
		return
	}
	switch granted, err := k.Granted(); {
	case granted.Outside.IsValid():
		c.Reason = "the router lets calls through at " + granted.Outside.String() + ", by " + granted.By
	case err == nil:
		c.Verdict, c.Reason = status.Unknown, "the router has just been asked"
	default:
		c.Verdict, c.Reason = status.Unknown, "no router lets calls through"
		c.Remedy = "nothing needs doing while devices are reached; UPnP or NAT-PMP can be turned on in most routers"
	}
}
