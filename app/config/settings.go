package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/nat/proxy"
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
	Proxy              string // environment, none, or the address of one
	LogFile            string // a full path, or stderr
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
	{key: "proxy", deflt: fixed("environment"),
		says: "what leads out of the local network: socks5://HOST:PORT, http://HOST:PORT, none, or environment, " +
			"which is ALL_PROXY or HTTPS_PROXY; NO_PROXY is heeded",
		put: checked(func(s *Settings) *string { return &s.Proxy }, checkProxy)},
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

func checkProxy(value string) error {
	if value == "none" || value == "environment" {
		return nil
	}
	_, err := proxy.Parse(value)
	return err
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
