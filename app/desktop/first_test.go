//go:build !darwin || cgo

package desktop

import (
	"reflect"
	"testing"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// Who begins sees two ways to do so and no empty pages; with the first device or folder the
// sidebar is there.
func TestFirstRunOffersTwoWays(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.agent.answers["setting-list"] = []status.Setting{{Key: "autostart", Value: "off", Default: "off"}}
	s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/x"}}
	v := status.View{Device: home().Device}
	s.Apply(v)
	if !s.shows("This is anna-laptop") || s.shell.side.Visible() {
		t.Error("the first page is not the only thing shown")
	}
	s.until("whether to start at login is asked", func() bool { return s.shows("Start at login") })
	s.agent.heard()
	s.press("On")
	s.wants(api.SettingSet{Key: "autostart", Value: "on"})
	v.Asking = []status.Asking{{ID: deviceID(7), Name: "tv-box", Words: "amber fox"}}
	s.Apply(v)
	if !s.shows("tv-box wants to be linked") {
		t.Error("who asks to be linked is not shown at once")
	}
	v.Asking = nil
	s.Apply(v)
	s.press("Link a device")
	s.until("a code is shown", func() bool { return s.shows("4829-otter-maple") })
	s.linking.sheet.Close()
	v = home()
	v.Folders = nil
	s.Apply(v)
	if !s.shell.side.Visible() || !s.shows("No folders yet") {
		t.Error("with a device and no folder the first page is still there")
	}
	v = home()
	v.Devices = nil
	s.Apply(v)
	if !s.shell.side.Visible() || !s.shows("Photos") {
		t.Error("with a folder and no device the first page is still there")
	}
}

// Who finds nobody is told why, gets the remedy, and sees who comes later.
func TestNobodyNearbyIsExplained(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	v := home()
	v.Folders = v.Folders[:1]
	s.Apply(v)
	s.agent.answers["nearby-list"] = api.Nearby{Reason: "a firewall is in the way", Cause: api.Firewall, Remedy: "sudo ufw allow 5353/udp"}
	s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/x"}}
	s.Link()
	s.until("the reason is shown", func() bool {
		return s.shows("No device nearby wants to be linked. A firewall is in the way.") && s.shows("sudo ufw allow 5353/udp")
	})
	s.agent.mu.Lock()
	s.agent.answers["nearby-list"] = api.Nearby{Devices: []api.NearbyDevice{{ID: deviceID(7), Name: "tv-box"}}}
	asked := s.agent.linked[0]
	s.agent.linking = []api.LinkEvent{{Event: api.LinkLinked, ID: deviceID(7), Name: "tv-box"}}
	s.agent.mu.Unlock()
	// The only folder is offered without a word, and seen to be.
	if want := []string{folderID(1).String()}; !reflect.DeepEqual(asked.Folders, want) || !s.shows("Photos") {
		t.Errorf("offers %v, want %v", asked.Folders, want)
	}
	s.until("who came later is shown", func() bool { return s.shows("tv-box") })
	s.press("Link with tv-box")
	s.until("the sheet is gone", func() bool { return len(s.win.Canvas().Overlays().List()) == 0 })
	if got := s.agent.linked[1]; got.Nearby != deviceID(7).String() || len(got.Folders) != 1 {
		t.Errorf("asked %+v", got)
	}
}

// A device that asks while the sheet shows a code gets its card there, and two devices that
// are linked and have no folder are asked for one.
func TestWhoAsksIsShownInTheSheet(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.Apply(status.View{Device: home().Device})
	s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/x"},
		{Event: api.LinkAsking, ID: deviceID(7), Name: "tv-box", Words: "amber fox"}}
	s.Link()
	s.until("its words are shown", func() bool { return s.shows("amber fox") })
	s.agent.mu.Lock()
	s.agent.linking = []api.LinkEvent{{Event: api.LinkLinked, ID: deviceID(7), Name: "tv-box"}}
	s.agent.mu.Unlock()
	s.press("They are the same: link")
	s.until("a folder is asked for", func() bool { return s.shows("What should be the same here and on tv-box?") })
}
