package host

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/release"
	"github.com/shoal-sync/shoal/app/update"
)

const (
	// newerEvery is how often is looked for a newer version, when the settings ask for it.
	newerEvery = 24 * time.Hour
	// newerFirst is when after a start, or a change of the settings: links need a while.
	newerFirst = 5 * time.Second
	// newerTime bounds one look.
	newerTime = time.Minute
)

// sortOffers puts the newest first; among equals the device of the smaller id.
func sortOffers(all []offer) {
	slices.SortFunc(all, func(a, b offer) int {
		order, err := release.Compare(b.list.Version, a.list.Version)
		if err != nil || order == 0 {
			one, other := a.link.Device(), b.link.Device()
			return slices.Compare(one[:], other[:])
		}
		return order
	})
}

// watchReleases looks once a day whether there is a newer version, where the settings say,
// and shows it. It installs nothing.
func (a *agent) watchReleases() {
	wait := time.NewTimer(newerFirst)
	defer wait.Stop()
	last := ""
	for {
		changed := a.news.next()
		places := a.settings.Load().Update
		if places != last {
			last = places
			a.newer.Store(nil)
			wait.Reset(newerFirst)
		}
		select {
		case <-changed:
			continue
		case <-wait.C:
			if places != config.UpdateOff {
				a.lookForNewer(places)
			}
			wait.Reset(newerEvery)
		case <-a.ctx.Done():
			return
		}
	}
}

func (a *agent) lookForNewer(places string) {
	ctx, cancel := context.WithTimeout(a.ctx, newerTime)
	defer cancel()
	newest := a.opts.Version
	for _, place := range config.UpdatePlaces(places) {
		found, err := a.newestAt(ctx, place, newest)
		if err != nil {
			a.log.Warn("cannot look for a newer version", "reason", err)
		}
		if found != "" {
			newest = found
		}
	}
	if newest == a.opts.Version {
		return
	}
	if was := a.newer.Swap(&newest); was == nil || *was != newest {
		a.log.Info("there is a newer version", "version", newest)
		a.news.tell()
	}
}

// newestAt is the version at a place, when it is newer.
func (a *agent) newestAt(ctx context.Context, place, than string) (string, error) {
	if place == config.UpdateLinked {
		found, err := a.releases.offers(ctx, api.UpdateFind{System: runtime.GOOS, Arch: runtime.GOARCH,
			Window: a.opts.Window, Newer: than})
		if err != nil || len(found) == 0 {
			return "", err
		}
		return found[0].list.Version, nil
	}
	client, err := update.NewClient(a.settings.Load().Proxy)
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	list, _, err := update.NewPlace(place, client).Newer(ctx, a.releases.store, than)
	return list.Version, err
}

func (a *agent) newerVersion() string {
	if v := a.newer.Load(); v != nil {
		return *v
	}
	return ""
}
