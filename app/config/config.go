// Package config keeps what one user's shoal remembers between runs, all below one
// directory, the home:
//
//	HOME/config.conf      settings; people edit it, comments stay
//	HOME/config.json      trusted devices, folders, pauses; kept by the agent
//	HOME/keys/device.key  the Ed25519 key that is this device's identity
//	HOME/keys/members/    who shares each folder, as owners have signed
//	HOME/index/           databases, made by others
//	HOME/places.json      where devices were reached; hints
//	HOME/window.json      how large the window was
//	HOME/lock             held by the agent that runs in this home
//	HOME/agent.sock       made by package control
//
// It checks what it loads and saves, and says in a person's words what is wrong. It does
// not know what the settings lead to. The host loads and saves; the command line reads
// the key when no agent runs.
package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/pace"
)

// nameMax bounds names in bytes: longer ones fit into no line, and conflict copies carry
// the device's name inside a file name of at most 255 bytes.
const nameMax = 64

// Config is the content of config.json. The zero value is the state of a new home.
type Config struct {
	// Version is the form of the file; see Migrate.
	Version int      `json:"version"`
	Devices []Device `json:"devices"`
	Folders []Folder `json:"folders"`
	// Paused are the rests a person ordered. One whose time is over means nothing.
	Paused []Pause `json:"paused,omitempty"`
	// Declined are folders that a person does not want to be asked about, though a linked
	// device shares them: at most DeclinedMax, newest last.
	Declined []ident.FolderID `json:"declined,omitempty"`
}

// DeclinedMax bounds what is remembered as declined; the oldest is asked about again.
const DeclinedMax = 1000

// Device is a trusted device.
type Device struct {
	ID   ident.DeviceID `json:"id"`
	Name string         `json:"name"`
	// Addresses are of the form tcp://HOST:PORT.
	Addresses []string `json:"addresses,omitempty"`
	// AnnounceKey is the secret that the device told when it was linked, which it is
	// recognised by on local networks: 64 hexadecimal digits, empty for none.
	AnnounceKey string `json:"announce_key,omitempty"`
}

// Announce returns AnnounceKey as bytes, zero for none.
func (d Device) Announce() (key [32]byte) {
	if raw, err := hex.DecodeString(d.AnnounceKey); err == nil && len(raw) == len(key) {
		copy(key[:], raw)
	}
	return key
}

// Folder is a folder kept on this device.
type Folder struct {
	ID   ident.FolderID `json:"id"`
	Name string         `json:"name"`
	// Path is absolute.
	Path string `json:"path"`
	// Token is the identity of the directory, as kept inside it: a disk that is not
	// mounted, or another directory in its place, is never taken for an emptied folder.
	Token   string   `json:"token,omitempty"`
	Members []Member `json:"members,omitempty"`
	// Limits is a text that pace.ParseLimits reads; empty is no limit.
	Limits string `json:"limits,omitempty"`
	// Brake says how many deletes within a minute wait for a person; see BrakeOf.
	Brake string `json:"brake,omitempty"`
	// Trash says how long and how much the trash keeps; see TrashOf.
	Trash string `json:"trash,omitempty"`
	// Traits says whether owners and extended attributes are carried; see CarryOf.
	Traits string `json:"traits,omitempty"`
}

// Member is another device that shares a folder, as a person here said.
type Member struct {
	Device ident.DeviceID `json:"device"`
	Role   status.Role    `json:"role"`
}

// Clone returns a copy that shares nothing with c, to be changed and saved as one.
func (c Config) Clone() Config {
	c.Devices, c.Folders = slices.Clone(c.Devices), slices.Clone(c.Folders)
	for i := range c.Devices {
		c.Devices[i].Addresses = slices.Clone(c.Devices[i].Addresses)
	}
	for i := range c.Folders {
		c.Folders[i].Members = slices.Clone(c.Folders[i].Members)
	}
	c.Paused, c.Declined = slices.Clone(c.Paused), slices.Clone(c.Declined)
	return c
}

// PutDevice adds a device, or adds to what is known of it: a name replaces the old one,
// addresses come on top. It returns the device as it is now. Without any name a device
// is called by the first group of its id. After an error c is not to be used further.
func (c *Config) PutDevice(d Device) (Device, error) {
	at := slices.IndexFunc(c.Devices, func(o Device) bool { return o.ID == d.ID })
	if at < 0 {
		at = len(c.Devices)
		c.Devices = append(c.Devices, Device{ID: d.ID, Name: d.ID.Short()})
	}
	now := &c.Devices[at]
	if d.Name != "" {
		now.Name = d.Name
	}
	if d.AnnounceKey != "" {
		now.AnnounceKey = d.AnnounceKey
	}
	for _, address := range d.Addresses {
		if !slices.Contains(now.Addresses, address) {
			now.Addresses = append(now.Addresses, address)
		}
	}
	return *now, now.check()
}

// DropDevice forgets a device and its memberships.
func (c *Config) DropDevice(id ident.DeviceID) {
	c.Devices = slices.DeleteFunc(c.Devices, func(d Device) bool { return d.ID == id })
	for i := range c.Folders {
		c.Folders[i].dropMember(id)
	}
	c.EndPause(Pause{Device: id})
}

// PutFolder adds a folder whose path CheckRoot has allowed.
func (c *Config) PutFolder(f Folder) error {
	for _, o := range c.Folders {
		if o.ID == f.ID {
			return fmt.Errorf("folder %s is kept already, at %s", f.ID, o.Path)
		}
	}
	if err := f.check(); err != nil {
		return err
	}
	c.Folders = append(c.Folders, f)
	c.Declined = slices.DeleteFunc(c.Declined, func(id ident.FolderID) bool { return id == f.ID })
	return nil
}

// Decline remembers that a person does not want a folder.
func (c *Config) Decline(id ident.FolderID) {
	c.Declined = append(slices.DeleteFunc(c.Declined, func(o ident.FolderID) bool { return o == id }), id)
	c.Declined = c.Declined[max(0, len(c.Declined)-DeclinedMax):]
}

// DropFolder forgets a folder. Nothing on disk is touched.
func (c *Config) DropFolder(id ident.FolderID) {
	c.Folders = slices.DeleteFunc(c.Folders, func(f Folder) bool { return f.ID == id })
	c.EndPause(Pause{Folder: id})
	c.Decline(id) // the others still share it; who gives it up is not asked about it again
}

// PutMember makes a device a member of a folder, or changes its role. It reports whether
// the folder is known.
func (c *Config) PutMember(folder ident.FolderID, m Member) bool {
	at := slices.IndexFunc(c.Folders, func(f Folder) bool { return f.ID == folder })
	if at < 0 {
		return false
	}
	f := &c.Folders[at]
	for i := range f.Members {
		if f.Members[i].Device == m.Device {
			f.Members[i] = m
			return true
		}
	}
	f.Members = append(f.Members, m)
	return true
}

// DropMember ends a device's membership and returns its role, empty when it had none.
func (c *Config) DropMember(folder ident.FolderID, device ident.DeviceID) status.Role {
	for i := range c.Folders {
		if c.Folders[i].ID == folder {
			return c.Folders[i].dropMember(device)
		}
	}
	return ""
}

func (f *Folder) dropMember(device ident.DeviceID) (role status.Role) {
	f.Members = slices.DeleteFunc(f.Members, func(m Member) bool {
		if m.Device == device {
			role = m.Role
		}
		return m.Device == device
	})
	return role
}

// SplitAddress returns the HOST:PORT of an address of the form tcp://HOST:PORT.
func SplitAddress(address string) (hostPort string, err error) {
	hostPort, isTCP := strings.CutPrefix(address, "tcp://")
	host, _, err := net.SplitHostPort(hostPort)
	switch {
	case !isTCP, err != nil, host == "", strings.ContainsFunc(host, notInHost):
		return "", fmt.Errorf("address %q: want the form tcp://HOST:PORT", address)
	}
	if err := checkPort(hostPort, 1); err != nil {
		return "", fmt.Errorf("address %q: %w", address, err)
	}
	return hostPort, nil
}

// CheckListen reports what is wrong with ADDR:PORT as an address to listen on.
func CheckListen(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || strings.ContainsFunc(host, notInHost) {
		return fmt.Errorf("listen %q: want the form ADDR:PORT, or :PORT for all addresses",
			listen)
	}
	if err := checkPort(listen, 0); err != nil {
		return fmt.Errorf("listen %q: %w", listen, err)
	}
	return nil
}

// CheckName reports what is wrong with a name of a device or folder.
func CheckName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("the name is empty")
	case len(name) > nameMax:
		return fmt.Errorf("the name %.20q... is longer than %d bytes", name, nameMax)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, notInName):
		return fmt.Errorf("the name %q holds characters that cannot be shown", name)
	}
	return nil
}

func checkPort(hostPort string, least uint64) error {
	_, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < least {
		return fmt.Errorf("port %q is not a number from %d to 65535", port, least)
	}
	return nil
}

func notInHost(r rune) bool { return r <= ' ' || strings.ContainsRune("/?#@\\", r) }

func notInName(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) }

// check reports the first thing that is wrong with c by itself.
func (c Config) check() error {
	if c.Version > formVersion {
		return fmt.Errorf("a newer shoal wrote it (form %d, this one knows %d): update this one",
			c.Version, formVersion)
	}
	devices := map[ident.DeviceID]bool{}
	for i, d := range c.Devices {
		if err := d.check(); err != nil {
			return fmt.Errorf("devices[%d]: %w", i, err)
		}
		if devices[d.ID] {
			return fmt.Errorf("devices[%d]: device %s is listed twice", i, d.ID)
		}
		devices[d.ID] = true
	}
	folders := map[ident.FolderID]bool{}
	for i, f := range c.Folders {
		if err := f.check(); err != nil {
			return fmt.Errorf("folders[%d]: %w", i, err)
		}
		if folders[f.ID] {
			return fmt.Errorf("folders[%d]: folder %s is listed twice", i, f.ID)
		}
		folders[f.ID] = true
	}
	return checkPauses(c.Paused)
}

func (d Device) check() error {
	if d.ID.IsZero() {
		return errors.New("the id is missing")
	}
	if err := CheckName(d.Name); err != nil {
		return err
	}
	for _, address := range d.Addresses {
		if _, err := SplitAddress(address); err != nil {
			return err
		}
	}
	if d.AnnounceKey != "" && d.Announce() == [32]byte{} {
		return errors.New("announce_key: want 64 hexadecimal digits, or leave it out")
	}
	return nil
}

func (f Folder) check() error {
	if f.ID.IsZero() {
		return errors.New("the id is missing")
	}
	if err := CheckName(f.Name); err != nil {
		return err
	}
	if err := checkAbsolute(f.Path); err != nil {
		return err
	}
	if f.Limits != "" {
		if _, err := pace.ParseLimits(f.Limits); err != nil {
			return err
		}
	}
	if _, _, _, err := BrakeOf(f.Brake); err != nil {
		return err
	}
	if _, err := TrashOf(f.Trash); err != nil {
		return err
	}
	if err := CheckTraits(f.Traits); err != nil {
		return err
	}
	seen := map[ident.DeviceID]bool{}
	for i, m := range f.Members {
		switch {
		case m.Device.IsZero():
			return fmt.Errorf("members[%d]: the device is missing", i)
		case seen[m.Device]:
			return fmt.Errorf("members[%d]: device %s is listed twice", i, m.Device)
		case !m.Role.Valid():
			return fmt.Errorf("members[%d]: role %q: want owner, writer or reader", i, m.Role)
		}
		seen[m.Device] = true
	}
	return nil
}
