package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/web"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/qr"
)

func (s *session) webCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "web",
		Short: "Prints a link that lets one browser see the web page of this device",
		Long: "Prints a link that lets one browser see the web page of this device. The link is good once, for 15 " +
			"minutes; the browser stays known until it is unused for 30 days.\n" +
			"The page is shown by an agent that was told where: `shoal --nogui --web 127.0.0.1:22180`, or " +
			"`shoal config set web 127.0.0.1:22180`. It is not encrypted: from other computers reach it through " +
			"ssh -L, or only in a network you trust.",
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			home, err := s.home()
			if err != nil {
				return err
			}
			links, err := web.Links(home, time.Now())
			if errors.Is(err, fs.ErrNotExist) {
				return api.Errorf(api.NoAgent, "no agent shows a web page: start it with `shoal --nogui --web 127.0.0.1:22180`, "+
					"or `shoal config set web 127.0.0.1:22180` and start it anew")
			}
			if err != nil {
				return err
			}
			if s.json {
				return s.document(struct {
					Links []string `json:"links"`
				}{links})
			}
			lines := links
			if rows, err := qr.Squares(links[0]); err == nil && !s.quiet && !strings.HasPrefix(links[0], "http://127.") {
				lines = append(append([]string{}, links...), qr.Lines(rows, false)...)
			}
			return s.lines(lines)
		},
	}
}

// page is the web page beside an agent.
type webPage struct {
	server   *web.Server
	client   *api.Client
	lock     *config.Lock
	withdraw func() error
	ended    chan error
}

// openPage serves the page at an address until the context ends, and prints a link to it.
// Nothing is served where no address was given.
func (s *session) openPage(ctx context.Context, home *config.Home, at string, o config.Settings, log *slog.Logger) (*webPage, error) {
	if at == "" || at == "off" {
		return nil, nil
	}
	p := &webPage{client: api.NewClient(home.Dir()), ended: make(chan error, 1)} // room for the one result
	options := web.Options{Home: home.Dir(), Log: log}
	if o.Language != "system" {
		options.Language = words.Language(o.Language)
	}
	var err error
	// An agent that finds its home taken must not have touched the page of the one there.
	if p.lock, err = home.LockRole("web"); err != nil {
		return nil, err
	}
	if p.server, err = web.Listen(at, p.client, options); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.server.Run(ctx) }()
	if p.withdraw, err = p.server.Announce(); err != nil {
		return nil, err
	}
	links, err := web.Links(home.Dir(), time.Now())
	if err != nil {
		return nil, err
	}
	if p.server.Open() {
		log.Warn("the web page is not encrypted: whoever is on the way between browser and device can read along",
			"address", p.server.Addr().String())
	}
	return p, s.say("Web page: %s", links[0])
}

// close returns when nothing is served any more; the context has ended.
func (p *webPage) close() error {
	if p == nil {
		return nil
	}
	err := errors.Join(<-p.ended, p.withdraw(), p.lock.Release())
	p.client.Close()
	if err != nil {
		return fmt.Errorf("web page: %w", err)
	}
	return nil
}
