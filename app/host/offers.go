package host

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

// offerPatience is how long an offer is kept back: a folder that is agreed on while two
// devices are linked is on its way to be kept, and nobody is to be asked about it again.
const offerPatience = 2 * time.Second

// offersTold bounds the folders of one device that people are told of in one run of the
// agent: beyond it they are only listed.
const offersTold = wire.OffersMax

// offerNumberMax bounds the files and bytes of an offer: every reader of JSON can hold it.
const offerNumberMax = 1<<53 - 1

// offers are the folders that linked devices share with this one, by their own account.
// They last as long as the agent: each link begins by telling them.
type offers struct {
	agent *agent

	mu     sync.Mutex
	from   map[ident.DeviceID][]wire.Offer
	coming map[ident.DeviceID]comingOffers
	told   map[ident.FolderID]bool // to people, in this run
	counts map[ident.DeviceID]int  // of what was told
}

// comingOffers are kept back for a while, and the newest of a device take the place of
// those before.
type comingOffers struct {
	wire.Offers
	fresh bool // they came since it was looked last
}

func newOffers(a *agent) *offers {
	return &offers{agent: a, from: map[ident.DeviceID][]wire.Offer{}, told: map[ident.FolderID]bool{},
		coming: map[ident.DeviceID]comingOffers{}, counts: map[ident.DeviceID]int{}}
}

// send tells a device what is shared with it.
func (o *offers) send(l *link) {
	a := o.agent
	view := a.Status()
	var m wire.Offers
	a.mu.Lock()
	for _, f := range a.config.Folders {
		at := slices.IndexFunc(f.Members, func(m config.Member) bool { return m.Device == l.Device() })
		if at < 0 || len(m.Folders) == wire.OffersMax {
			continue
		}
		offer := wire.Offer{Folder: f.ID, Name: f.Name, Role: string(f.Members[at].Role)}
		for _, shown := range view.Folders {
			if shown.ID == f.ID {
				offer.Files, offer.Bytes = uint64(shown.Files), uint64(shown.Bytes)
			}
		}
		m.Folders = append(m.Folders, offer)
	}
	a.mu.Unlock()
	a.sendOn(l, m)
}

// changed tells a device anew, if it is connected.
func (o *offers) changed(d ident.DeviceID) {
	if l := o.agent.links.to(d); l != nil {
		o.send(l)
	}
}

// tellOffers tells those who were members of a folder, after it was given up here.
func (a *agent) tellOffers(members []status.Member) {
	for _, m := range members {
		a.start(func() { a.offered.changed(m.Device) })
	}
}

// heard takes in what a device shares with this one. However often it says so, one
// goroutine waits.
func (o *offers) heard(from ident.DeviceID, m wire.Offers) {
	o.mu.Lock()
	_, waits := o.coming[from]
	o.coming[from] = comingOffers{m, waits}
	o.mu.Unlock()
	if waits {
		return
	}
	o.agent.start(func() {
		for {
			select {
			case <-time.After(offerPatience):
			case <-o.agent.ctx.Done():
				return
			}
			if m, quiet := o.quiet(from); quiet {
				o.take(from, m)
				return
			}
		}
	})
}

// quiet returns what a device said last, once nothing has come for a while.
func (o *offers) quiet(from ident.DeviceID) (wire.Offers, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.coming[from]
	if c.fresh {
		o.coming[from] = comingOffers{c.Offers, false}
		return wire.Offers{}, false
	}
	delete(o.coming, from)
	return c.Offers, true
}

func (o *offers) take(from ident.DeviceID, m wire.Offers) {
	m.Folders = slices.DeleteFunc(m.Folders, func(f wire.Offer) bool {
		return config.CheckName(f.Name) != nil || !status.Role(f.Role).Valid() || f.Folder.IsZero()
	})
	for i := range m.Folders { // no number of a device's may be one that a reader cannot hold
		f := &m.Folders[i]
		f.Files, f.Bytes = min(f.Files, offerNumberMax), min(f.Bytes, offerNumberMax)
	}
	o.mu.Lock()
	o.from[from] = m.Folders
	if len(m.Folders) == 0 {
		delete(o.from, from)
	}
	o.mu.Unlock()
	for _, f := range o.view() {
		o.mu.Lock()
		news := !o.told[f.Folder] && o.counts[f.Device] < offersTold
		if news {
			o.told[f.Folder] = true
			o.counts[f.Device]++
		}
		o.mu.Unlock()
		if news {
			o.agent.events.add(status.Event{Kind: status.FolderOffered, Device: f.Device, Folder: f.Folder, Detail: f.Name})
		}
	}
	o.agent.news.tell()
}

// view lists what is offered and neither kept here nor declined, each folder once.
func (o *offers) view() (out []status.Offer) {
	a := o.agent
	a.mu.Lock()
	settings := a.config.Clone()
	a.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	for from, folders := range o.from {
		if !a.trusts(from) {
			continue // it was removed meanwhile
		}
		for _, f := range folders {
			known := slices.ContainsFunc(settings.Folders, func(k config.Folder) bool { return k.ID == f.Folder })
			if known || slices.Contains(settings.Declined, f.Folder) {
				continue
			}
			out = append(out, status.Offer{
				Folder: f.Folder, Name: f.Name, Device: from, DeviceName: nameOf(&settings, from),
				Role: status.Role(f.Role), Files: f.Files, Bytes: f.Bytes,
			})
		}
	}
	// Devices may call one folder by different names.
	slices.SortFunc(out, func(x, y status.Offer) int {
		return cmp.Or(bytes.Compare(x.Folder[:], y.Folder[:]), bytes.Compare(x.Device[:], y.Device[:]))
	})
	out = slices.CompactFunc(out, func(x, y status.Offer) bool { return x.Folder == y.Folder })
	slices.SortStableFunc(out, func(x, y status.Offer) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// find returns the offered folder that a person means by its id or name. One that was
// declined is meant too: people change their minds.
func (o *offers) find(text string) (from ident.DeviceID, offer wire.Offer, err error) {
	id, parseErr := ident.ParseFolder(text)
	o.mu.Lock()
	defer o.mu.Unlock()
	found := map[ident.FolderID]bool{}
	for d, folders := range o.from {
		for _, f := range folders {
			meant := parseErr == nil && f.Folder == id || f.Name == text
			if !meant || !o.agent.trusts(d) || o.agent.pathOf(f.Folder) != "" {
				continue
			}
			if !found[f.Folder] || bytes.Compare(d[:], from[:]) < 0 { // the one that view shows
				from, offer = d, f
			}
			found[f.Folder] = true
		}
	}
	switch len(found) {
	case 0:
		return from, offer, api.Errorf(api.NotFound, "no connected device offers a folder called %q that is not kept "+
			"here: `shoal status` lists what is offered", text)
	case 1:
		return from, offer, nil
	}
	return from, offer, api.Errorf(api.Failed, "%d folders called %q are offered: give the id", len(found), text)
}

// acceptFolder begins to keep an offered folder.
func (a *agent) acceptFolder(i api.FolderAccept) (any, error) {
	from, offer, err := a.offered.find(i.Folder)
	if err != nil {
		return nil, err
	}
	path := i.Path
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, api.Errorf(api.Usage, "this computer knows no home directory: say where the folder goes")
		}
		path = freePlace(filepath.Join(home, plainName(offer.Name)))
	}
	if !filepath.IsAbs(path) {
		return nil, api.Errorf(api.Usage, "%q is no full path", path)
	}
	if err := a.checkPlace(api.LinkPlace{Folder: offer.Folder, Path: path}); err != nil {
		return nil, err
	}
	taken := pairing.Taken{Path: path, Offer: pairing.Offer{Folder: offer.Folder, Name: strings.TrimSpace(offer.Name)}}
	if err := a.takeFolder(from, taken); err != nil {
		return nil, fmt.Errorf("folder %q cannot be kept at %s: %w", offer.Name, path, err)
	}
	a.news.tell()
	f, err := api.FindFolder(a.Status(), offer.Folder.String())
	return api.Folder{ID: f.ID, Name: f.Name, Path: f.Path}, err
}

// declineFolder lets an offered folder be asked about no more.
func (a *agent) declineFolder(i api.FolderDecline) (any, error) {
	_, offer, err := a.offered.find(i.Folder)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	err = a.change(func(c *config.Config) error { c.Decline(offer.Folder); return nil })
	a.mu.Unlock()
	a.news.tell()
	return api.Folder{ID: offer.Folder, Name: offer.Name}, err
}
