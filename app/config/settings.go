package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/nat/proxy"
	"github.com/shoal-sync/shoal/nat/webrtc"
)

// Settings are what one person may want otherwise than another. Every field has its
// default when it is not set; see the table below for what each is for.
type Settings struct {
	Name      string // what other devices show for this one, never empty
	Listen    string // ADDR:PORT; never empty
	LogFormat string // text or json
	LogLevel  string // warn, info or debug
	MDNS      bool
	MDNSName  bool
	// LimitUp and LimitDown are of the whole device, LAN included only when LimitLAN.
	LimitUp, LimitDown pace.Schedule
	LimitLAN           bool
	OnMetered          string // pause or go-on
	OnBattery          string // pause or go-on
	NAT                bool   // links are made across NATs
	PortMapping        bool   // the router is asked to let calls through
	STUN               []webrtc.Server
	Proxy              string // environment, none, or the address of one
	LogFile            string // a full path, or stderr
	Rendezvous         []post.Place
	Autostart          bool
	Web                string // ADDR:PORT or off
	Language           string // system, or a words.Language
	Appearance         string // system, light or dark
	TextSize           int    // of the window, in percent: 80 to 200
	Update             string // off, or where to look for newer versions; see UpdatePlaces
}

// DefaultListen is where other devices reach this one unless told otherwise.
const DefaultListen = ":22100"

// setting is one row of the table.
type setting struct {
	key     string
	deflt   func() string
	restart bool
	says    string
	put     func(*Settings, string) error
}

// table holds every setting. A row is worth it only when two sensible people need
// different values; everything else is a constant with its reason.
var table = []setting{
	{key: "name", deflt: DefaultName,
		says: "what other devices show for this one; by default the name of the computer",
		put:  checked(func(s *Settings) *string { return &s.Name }, CheckName)},
	{key: "listen", deflt: fixed(DefaultListen), restart: true,
		says: "ADDR:PORT other devices reach this one at; :PORT means all addresses, port 0 any free port",
		put:  checked(func(s *Settings) *string { return &s.Listen }, CheckListen)},
	{key: "mdns", deflt: fixed("on"), restart: true,
		says: "whether linked devices on the local network are found and find this one: on or off",
		put:  onOff(func(s *Settings) *bool { return &s.MDNS })},
	{key: "mdns_name", deflt: fixed("on"), restart: true,
		says: "whether a device that has no linked devices tells the local network its name and id: on or off",
		put:  onOff(func(s *Settings) *bool { return &s.MDNSName })},
	{key: "limit_up", deflt: fixed("unlimited"),
		says: "most that is sent to other devices: a rate such as 2MB/s or 20Mbit/s, also by hours and days, " +
			"such as 2MB/s 08:00-18:00 Mon-Fri, 10MB/s",
		put: schedule(func(s *Settings) *pace.Schedule { return &s.LimitUp })},
	{key: "limit_down", deflt: fixed("unlimited"),
		says: "most that is taken from other devices, written as limit_up",
		put:  schedule(func(s *Settings) *pace.Schedule { return &s.LimitDown })},
	{key: "limit_lan", deflt: fixed("off"),
		says: "whether limit_up and limit_down also hold for devices on the same local network: on or off",
		put:  onOff(func(s *Settings) *bool { return &s.LimitLAN })},
	{key: "on_metered", deflt: fixed("pause"),
		says: "what to do while the system says that the network is paid by the byte: pause or go-on",
		put:  checked(func(s *Settings) *string { return &s.OnMetered }, oneOf("pause", "go-on"))},
	{key: "on_battery", deflt: fixed("go-on"),
		says: "what to do while the computer runs on its battery: pause or go-on",
		put:  checked(func(s *Settings) *string { return &s.OnBattery }, oneOf("pause", "go-on"))},
	{key: "through_nat", deflt: fixed("on"),
		says: "whether devices that no address leads to are reached through NATs, by WebRTC: on or off",
		put:  onOff(func(s *Settings) *bool { return &s.NAT })},
	{key: "port_mapping", deflt: fixed("on"), restart: true,
		says: "whether the router is asked, by PCP, NAT-PMP or UPnP, to let other devices call this one: on or off",
		put:  onOff(func(s *Settings) *bool { return &s.PortMapping })},
	{key: "stun", deflt: fixed(""),
		says: "servers that help through NATs, by commas: HOST:PORT of STUN servers, and relays as " +
			"turn:USER:PASSWORD@HOST:PORT?transport=udp (or tcp; turns: for TLS); none by default",
		put: putServers},
	{key: "rendezvous", deflt: fixed(""),
		says: "servers where devices find each other from anywhere, by commas: addresses as `shoal rendezvous` " +
			"prints them; none by default",
		put: putRendezvous},
	{key: "proxy", deflt: fixed("environment"),
		says: "what leads out of the local network: socks5://HOST:PORT, http://HOST:PORT, none, or environment, " +
			"which is ALL_PROXY or HTTPS_PROXY; NO_PROXY is heeded",
		put: checked(func(s *Settings) *string { return &s.Proxy }, checkProxy)},
	{key: "autostart", deflt: fixed("off"),
		says: "whether the tray is started when you log in: on or off",
		put:  onOff(func(s *Settings) *bool { return &s.Autostart })},
	{key: "web", deflt: fixed("off"), restart: true,
		says: "ADDR:PORT a web page is shown at, for devices without a screen, or off; see `shoal web`",
		put:  checked(func(s *Settings) *string { return &s.Web }, checkWeb)},
	{key: "language", deflt: fixed("system"),
		says: "what the window, the tray and a terminal speak: system, en, de, es, fr, zh-Hans or ja",
		put:  checked(func(s *Settings) *string { return &s.Language }, oneOf(languages()...))},
	{key: "appearance", deflt: fixed("system"),
		says: "how the window looks: system, light or dark",
		put:  checked(func(s *Settings) *string { return &s.Appearance }, oneOf("system", "light", "dark"))},
	{key: "text_size", deflt: fixed("100"),
		says: "how large the window's text is, in percent of the usual: 80 to 200",
		put:  textSize},
	{key: "update", deflt: fixed(UpdateOff),
		says: "where to look once a day whether there is a newer version of Shoal: off, linked (at linked devices), or " +
			"the https:// address of a signed list, also several by commas; it is told, not installed",
		put: checked(func(s *Settings) *string { return &s.Update }, checkUpdate)},
	{key: "log_file", deflt: fixed("stderr"), restart: true,
		says: "full path of the file to log to, which is begun anew at 10 MiB, three old ones kept; or stderr",
		put:  checked(func(s *Settings) *string { return &s.LogFile }, checkLogFile)},
	{key: "log_format", deflt: fixed("text"), restart: true,
		says: "form of the log: text or json",
		put:  checked(func(s *Settings) *string { return &s.LogFormat }, oneOf("text", "json"))},
	{key: "log_level", deflt: fixed("info"),
		says: "how much is logged: warn, info or debug",
		put:  checked(func(s *Settings) *string { return &s.LogLevel }, oneOf("warn", "info", "debug"))},
}

func fixed(value string) func() string { return func() string { return value } }

func checked(field func(*Settings) *string, check func(string) error) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		if err := check(value); err != nil {
			return err
		}
		*field(s) = value
		return nil
	}
}

func onOff(field func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		switch value {
		case "on", "true", "yes":
			*field(s) = true
		case "off", "false", "no":
			*field(s) = false
		default:
			return fmt.Errorf("%q: want on or off", value)
		}
		return nil
	}
}

// rendezvousMax bounds the servers of one device: each is a connection that stays open.
const rendezvousMax = 4

func putRendezvous(s *Settings, value string) error {
	places, err := ParseRendezvous(value)
	if err == nil {
		s.Rendezvous = places
	}
	return err
}

// ParseRendezvous reads the addresses of servers, separated by commas or spaces.
func ParseRendezvous(text string) (out []post.Place, err error) {
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		place, err := post.ParsePlace(one)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, place) {
			out = append(out, place)
		}
	}
	if len(out) > rendezvousMax {
		return nil, fmt.Errorf("%d servers: at most %d are used", len(out), rendezvousMax)
	}
	return out, nil
}

func textSize(s *Settings, value string) error {
	n, err := strconv.Atoi(strings.TrimSuffix(value, "%"))
	if err != nil || n < 80 || n > 200 {
		return fmt.Errorf("%q: want a number of percent from 80 to 200", value)
	}
	s.TextSize = n
	return nil
}

func checkProxy(value string) error {
	if value == "none" || value == "environment" {
		return nil
	}
	_, err := proxy.Parse(value)
	return err
}

func putServers(s *Settings, value string) (err error) {
	s.STUN, err = webrtc.ParseServers(value)
	return err
}

func checkWeb(value string) error {
	if value == "off" {
		return nil
	}
	return CheckListen(value)
}

func checkLogFile(value string) error {
	if value == "stderr" || filepath.IsAbs(value) {
		return nil
	}
	return fmt.Errorf("%q: want the full path of a file, or stderr", value)
}

func schedule(field func(*Settings) *pace.Schedule) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		parsed, err := pace.ParseSchedule(value)
		if err == nil {
			*field(s) = parsed
		}
		return err
	}
}

func oneOf(words ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(words, value) {
			return fmt.Errorf("%q: want %s or %s", value,
				strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
		}
		return nil
	}
}

// find returns the row of a key. The error of an unknown one names the key that was
// perhaps meant.
func find(key string) (*setting, error) {
	best, least := "", 1+len(key)/3 // two letters wrong in six, say
	for i := range table {
		if table[i].key == key {
			return &table[i], nil
		}
		if d := distance(key, table[i].key); d <= least {
			best, least = table[i].key, d
		}
	}
	hint := "see `shoal config list`"
	if best != "" {
		hint = fmt.Sprintf("did you mean %q?", best)
	}
	return nil, fmt.Errorf("there is no setting %q; %s", key, hint)
}

// Put gives a setting a value. The error says what is wrong with either.
func (s *Settings) Put(key, value string) error {
	row, err := find(key)
	if err != nil {
		return err
	}
	if err := row.put(s, value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// NeedsRestart reports whether a change of a setting takes effect only when the agent is
// started anew.
func NeedsRestart(key string) bool {
	row, err := find(key)
	return err == nil && row.restart
}

// defaults returns the settings of a new home.
func defaults() (s Settings) {
	for _, row := range table {
		if err := row.put(&s, row.deflt()); err != nil {
			panic(fmt.Sprintf("bug: the default of the setting %s: %v", row.key, err))
		}
	}
	return s
}

// distance is how many letters must be added, dropped or changed to make one word of the
// other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

var errLineBreak = errors.New("a value cannot hold a line break")
