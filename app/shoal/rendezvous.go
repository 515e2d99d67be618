package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/logbook"
	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/app/rendezvous"
	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/pace"
)

// rendezvousFlags are the flags of a server, as they were typed.
type rendezvousFlags struct {
	listen, public, host, cert, key, token string
	relayRate, totalRate, metrics, log     string
	devices                                int
}

// openRate is what a rendezvous that lets everybody in relays for one device, unless told
// otherwise: enough to work with, and no use to somebody who wants to hide a flood.
const openRate = "4MB/s"

func (s *session) rendezvousCommand() *cobra.Command {
	var f rendezvousFlags
	cmd := &cobra.Command{
		Use:   "rendezvous",
		Short: "Runs a server that lets devices find each other from anywhere",
		Long: "Runs a server that lets devices find each other from anywhere, on one port number of a computer " +
			"that all of them can reach: it tells who is there, carries sealed letters, links by code, tells " +
			"devices how the outside sees them (STUN), and relays for those that cannot connect directly (TURN).\n\n" +
			"It learns addresses and ids of devices; never names, content or codes.\n\n" +
			"The first line it prints is its address, with the key that it shows pinned: give it to " +
			"`shoal --nogui --rendezvous ADDRESS`, or to `shoal config set rendezvous ADDRESS`. The key is kept " +
			"below the home, so the address stays. With --json the line is {url}.\n\n" +
			"Open the port for TCP and UDP; relays use further UDP ports of the system's choice.",
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := s.rendezvousOptions(f)
			if err != nil {
				return err
			}
			server, err := rendezvous.Open(opts)
			if err != nil {
				return err
			}
			if s.json {
				err = s.document(struct {
					URL string `json:"url"`
				}{server.URL()})
			} else {
				err = s.line(server.URL())
			}
			if err == nil {
				opts.Log.Info("rendezvous started", "listen", opts.Listen.String(), "version", buildVersion())
				err = serving(cmd, opts.Log)
			}
			return errors.Join(err, server.Close())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", ":"+strconv.Itoa(post.DefaultPort), "`ADDR:PORT` to listen on, TCP and UDP")
	flags.StringVar(&f.public, "public-ip", "", "`IP` that devices reach this computer at (default: its own)")
	flags.StringVar(&f.host, "host", "", "`NAME` to print in the address instead of the IP")
	flags.StringVar(&f.cert, "cert", "", "`FILE` with a certificate chain that systems trust, in PEM; read again when it changes")
	flags.StringVar(&f.key, "key", "", "`FILE` with its key")
	flags.StringVar(&f.token, "token", "", "`WORD` that the address must hold; without it every device is let in")
	flags.IntVar(&f.devices, "devices", 20_000, "most devices at once")
	flags.StringVar(&f.relayRate, "relay-rate", "", "most that is relayed for one device, such as 2MB/s, or unlimited (default "+
		openRate+", and unlimited with --token)")
	flags.StringVar(&f.totalRate, "total-rate", "unlimited", "most that is relayed in all")
	flags.StringVar(&f.metrics, "metrics", "", "`ADDR:PORT` to answer Prometheus at (default: nowhere)")
	flags.StringVar(&f.log, "log-format", "text", "`FORM` of the log: text or json")
	return cmd
}

// serving waits until the server is to stop.
func serving(cmd *cobra.Command, log *slog.Logger) error {
	manager, err := platform.NewNotifier()
	if err != nil {
		log.Warn("the service manager says strange things", "reason", err)
	}
	if err := manager.Ready("devices may come"); err != nil {
		log.Warn("cannot talk to the service manager", "reason", err)
	}
	<-cmd.Context().Done()
	return manager.Stopping()
}

func (s *session) rendezvousOptions(f rendezvousFlags) (o rendezvous.Options, err error) {
	if f.log != "text" && f.log != "json" {
		return o, usagef("--log-format %q: want text or json", f.log)
	}
	level := &slog.LevelVar{}
	switch {
	case s.quiet:
		level.Set(slog.LevelWarn)
	case s.verbose:
		level.Set(slog.LevelDebug)
	}
	o.Log = logger(logbook.New(s.errs), f.log, level)
	if o.Listen, err = serverAddress(f.listen); err != nil {
		return o, err
	}
	if o.Public, err = publicAddress(f.public, o.Listen.Addr()); err != nil {
		return o, err
	}
	if (f.cert == "") != (f.key == "") {
		return o, usagef("--cert and --key belong together")
	}
	if f.cert != "" && f.host == "" {
		return o, usagef("--cert: say with --host for which name the certificate is")
	}
	if err := post.CheckToken(f.token); err != nil {
		return o, usagef("--token: %v", err)
	}
	if f.devices < 1 {
		return o, usagef("--devices: want 1 or more")
	}
	o.Host, o.CertFile, o.KeyFile, o.Token = f.host, f.cert, f.key, f.token
	o.Devices, o.Metrics = f.devices, f.metrics
	if f.relayRate == "" {
		f.relayRate = openRate
		if f.token != "" {
			f.relayRate = "unlimited"
		}
	}
	if o.RelayRate, err = pace.ParseRate(f.relayRate); err != nil {
		return o, usagef("--relay-rate: %v", err)
	}
	if o.TotalRate, err = pace.ParseRate(f.totalRate); err != nil {
		return o, usagef("--total-rate: %v", err)
	}
	dir, err := s.home()
	if err != nil {
		return o, err
	}
	home, err := config.OpenHome(dir)
	if err != nil {
		return o, err
	}
	o.KeyDir = filepath.Join(home.Dir(), "rendezvous")
	return o, nil
}

func serverAddress(text string) (netip.AddrPort, error) {
	if err := config.CheckListen(text); err != nil {
		return netip.AddrPort{}, usageError{fmt.Errorf("--listen: %w", err)}
	}
	if text[0] == ':' {
		text = "[::]" + text
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, usagef("--listen %q: give an IP address and a port, such as 203.0.113.5:22101", text)
	}
	return at, nil
}

// publicAddress is where devices reach this computer: what the owner says, the address that
// is listened on, or the one that packets to the internet would leave from.
func publicAddress(text string, listen netip.Addr) (netip.Addr, error) {
	if text != "" {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.IsUnspecified() {
			return ip, usagef("--public-ip %q: want an IP address", text)
		}
		return ip.Unmap(), nil
	}
	if !listen.IsUnspecified() {
		return listen.Unmap(), nil
	}
	for _, probe := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} { // nothing is sent
		if conn, err := net.Dial("udp", probe); err == nil {
			at := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
			return at, conn.Close()
		}
	}
	return listen, usagef("this computer has no address that leads outside: say with --public-ip how devices reach it")
}
