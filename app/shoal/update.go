package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/release"
	"github.com/shoal-sync/shoal/app/update"
)

// releaseKeys is set by the build of a release: the public keys that may sign newer ones,
// by commas. A build without any believes no release.
var releaseKeys string

// updating is one run of `shoal update`.
type updating struct {
	*session
	home    *config.Home
	client  *api.Client
	store   *update.Store
	program string // full path of the one that is replaced
	window  bool
	result  updateResult
}

// updateResult is what --json prints.
type updateResult struct {
	Now       string `json:"now"`               // version of this program
	Version   string `json:"version,omitempty"` // the newer one, empty when there is none
	From      string `json:"from,omitempty"`
	Installed bool   `json:"installed"`
	Restarted bool   `json:"restarted"` // the agent
}

func (s *session) updateCommand() *cobra.Command {
	var check, back bool
	var from []string
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Replaces this program with a newer, signed version",
		Long: "Looks for a newer version of Shoal at linked devices, or where --from or the setting `update` says; " +
			"checks its signature, puts it in the place of this program and starts the agent anew. When the agent does " +
			"not come up with it, the old program comes back.\n" +
			"A program that was installed by the system's packages is updated by them.",
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if back && (check || len(from) > 0) {
				return usagef("--back goes alone")
			}
			u, err := s.newUpdating()
			if err != nil {
				return err
			}
			defer u.client.Close()
			if back {
				return u.back(cmd.Context())
			}
			return u.run(cmd.Context(), from, check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only say whether there is a newer version")
	cmd.Flags().BoolVar(&back, "back", false, "go back to the program that was replaced last")
	cmd.Flags().StringArrayVar(&from, "from", nil,
		"look at this `PLACE`: linked, or the address or path of a signed list, RELEASE; may be repeated")
	return cmd
}

func (s *session) newUpdating() (*updating, error) {
	home, err := s.openHome()
	if err != nil {
		return nil, err
	}
	keys, err := release.ParseKeys(releaseKeys)
	if err != nil {
		return nil, fmt.Errorf("the keys this program was built with: %w", err)
	}
	u := &updating{session: s, home: home, client: api.NewClient(home.Dir()), program: ownProgram, window: withWindow(),
		store: update.NewStore(filepath.Join(home.Dir(), "update"), keys)}
	u.result.Now = buildVersion()
	return u, nil
}

func (u *updating) run(ctx context.Context, from []string, check bool) (err error) {
	if releaseKeys == "" {
		return errors.New("this program was built without the keys of those who make releases, so it can believe none: " +
			"take a new one from where you got this one")
	}
	if err := release.CheckVersion(buildVersion()); err != nil {
		return fmt.Errorf("this program is no release, so nothing is newer or older than it: %w", err)
	}
	if !check {
		release, claimed := update.Claim(u.program)
		if claimed != nil {
			return claimed
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	places, err := u.places(from)
	if err != nil {
		return err
	}
	var best found
	for _, place := range places {
		f, err := u.look(ctx, place, check)
		switch {
		case err != nil && len(places) == 1:
			return fmt.Errorf("%s: %w", place, err)
		case err != nil:
			if err := u.say("%s: %v", place, err); err != nil {
				return err
			}
		case f.newerThan(best):
			best = f
		}
	}
	u.result.Version, u.result.From = best.version, best.from
	switch {
	case best.version == "" && u.json, best.version != "" && check && u.json:
		return u.document(u.result)
	case best.version == "":
		return u.say("%s is the newest version there is at %s", buildVersion(), strings.Join(places, ", "))
	case check:
		return u.say("version %s is there, from %s; this is %s", best.version, best.from, buildVersion())
	}
	return u.install(ctx, best)
}

// places are where to look: what was asked for, else what the setting says, else at linked
// devices.
func (u *updating) places(asked []string) ([]string, error) {
	if len(asked) == 0 {
		settings, err := u.home.Settings()
		if err != nil {
			return nil, err
		}
		asked = config.UpdatePlaces(settings.Update)
	}
	if len(asked) == 0 {
		asked = []string{config.UpdateLinked}
	}
	return asked, nil
}

// found is a newer version, and how its file is brought.
type found struct {
	version, from string
	bring         func(context.Context) error
}

func (f found) newerThan(other found) bool {
	if f.version == "" || other.version == "" {
		return f.version != ""
	}
	order, err := release.Compare(f.version, other.version)
	return err == nil && order > 0
}

func (u *updating) look(ctx context.Context, place string, check bool) (found, error) {
	if place != config.UpdateLinked {
		return u.lookAt(ctx, place)
	}
	ask := api.UpdateFind{System: runtime.GOOS, Arch: runtime.GOARCH, Window: u.window, Newer: buildVersion(), Look: true}
	var answer api.UpdateFound
	if err := u.ask(ctx, ask, &answer); err != nil {
		return found{}, err
	}
	ask.Look = false
	return found{version: answer.Version, from: answer.Name, bring: func(ctx context.Context) error {
		return u.ask(ctx, ask, &answer)
	}}, nil
}

func (u *updating) lookAt(ctx context.Context, at string) (found, error) {
	settings, err := u.home.Settings()
	if err != nil {
		return found{}, err
	}
	client, err := update.NewClient(settings.Proxy)
	if err != nil {
		return found{}, err
	}
	place := update.NewPlace(at, client)
	list, sealed, err := place.Newer(ctx, u.store, buildVersion())
	if err != nil || list.Version == "" {
		return found{}, err
	}
	f, ok := list.For(runtime.GOOS, runtime.GOARCH, u.window)
	if !ok {
		return found{}, fmt.Errorf("version %s has no file for %s", list.Version, ownPlatform())
	}
	return found{version: list.Version, from: at, bring: func(ctx context.Context) error {
		if _, err := u.store.Keep(sealed); err != nil {
			return err
		}
		return place.Fetch(ctx, u.store, f)
	}}, nil
}

func ownPlatform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// install brings a version and puts it in place.
func (u *updating) install(ctx context.Context, f found) (err error) {
	if err := u.say("fetching version %s from %s", f.version, f.from); err != nil {
		return err
	}
	if err := f.bring(ctx); err != nil {
		return fmt.Errorf("fetch version %s: %w; what has come is kept for the next time", f.version, err)
	}
	list, _, err := u.store.Held()
	if err != nil {
		return err
	}
	file, ok := list.For(runtime.GOOS, runtime.GOARCH, u.window)
	if !ok {
		return fmt.Errorf("version %s has no file for %s", list.Version, ownPlatform())
	}
	if order, err := release.Compare(list.Version, buildVersion()); err != nil || order <= 0 {
		return errors.Join(err, fmt.Errorf("version %s is not newer than this one, %s", list.Version, buildVersion()))
	}
	archive, err := u.store.Whole(file)
	if err != nil {
		return err
	}
	swap, err := update.Prepare(ctx, archive, u.program, list.Version)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, swap.Drop()) }()
	u.result.Installed = true
	u.result.Version = list.Version
	// From here on it is carried through: half an exchange helps nobody.
	ctx = context.WithoutCancel(ctx)
	if err := u.exchange(ctx, swap); err != nil {
		return err
	}
	if u.json {
		return u.document(u.result)
	}
	return u.say("this is version %s now; a window or a tray that is open shows it when it is opened anew", list.Version)
}

// back goes back to the program that was replaced last.
func (u *updating) back(ctx context.Context) (err error) {
	release, err := update.Claim(u.program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	ctx = context.WithoutCancel(ctx)
	running, err := u.running(ctx)
	if err != nil {
		return err
	}
	program := strings.TrimSuffix(u.program, ".old")
	if err := update.Back(program); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no program was replaced here: there is no %s.old", program)
	} else if err != nil {
		return err
	}
	version, err := update.VersionOf(ctx, program)
	if err != nil {
		return err
	}
	u.result.Version, u.result.Installed = version, true
	if running != nil && update.Replaceable(running.Program, program) {
		if err := u.restart(ctx, *running, version); err != nil {
			return err
		}
		u.result.Restarted = true
	}
	if u.json {
		return u.document(u.result)
	}
	return u.say("version %s is back", version)
}
