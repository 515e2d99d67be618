package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/redact"
	"github.com/shoal-sync/shoal/app/status"
)

// told are the settings, and whether their values may be told to strangers.
var told = map[string]bool{
	"mdns": true, "mdns_name": true, "limit_up": true, "limit_down": true, "limit_lan": true, "on_metered": true,
	"through_nat": true, "port_mapping": true, "stun": false, "rendezvous": false, "update": false,
	"on_battery": true, "language": true, "appearance": true, "text_size": true, "log_format": true, "log_level": true,
	"name": false, "listen": false, "proxy": false, "log_file": false,
	"autostart": true, "web": false,
}

// bundle is a zip of redacted texts.
type bundle struct {
	redact *redact.Redactor
	files  []string // names, in order
	texts  map[string][]byte
	err    error
}

// writeBundle writes a report into a file that must not be there yet.
func (s *session) writeBundle(cmd *cobra.Command, path string, found status.Diagnosis) error {
	b := &bundle{redact: redact.New(), texts: map[string][]byte{}}
	b.add("README.txt", []byte("A report of shoal's doctor. Names, paths, addresses and ids are replaced by\n"+
		"numbers, the same number for the same text. Look through it before you pass it on.\n"))
	b.addJSON("version.json", map[string]string{
		"version": buildVersion(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	b.addJSON("doctor.json", found)
	b.addFiles(s)
	if client, err := s.client(); err == nil {
		defer client.Close()
		if view, err := client.Status(cmd.Context()); err == nil {
			b.addJSON("status.json", view)
		}
		if lines, err := client.Logs(cmd.Context()); err == nil {
			b.addLog(lines)
		}
	}
	text, err := b.zip()
	if err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: name another file", path)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the report: %w", errors.Join(err, os.Remove(path)))
	}
	return s.say("wrote %s: look through it before you pass it on", path)
}

func (b *bundle) add(name string, text []byte) {
	b.files = append(b.files, name)
	b.texts[name] = text
}

func (b *bundle) addJSON(name string, value any) {
	text, err := json.Marshal(value)
	if err == nil {
		text, err = b.redact.JSON(text)
	}
	b.err = errors.Join(b.err, err)
	b.add(name, text)
}

// addFiles adds the settings and what the agent keeps; files that are not there, or not
// readable as what they should be, are left out and said to be.
func (b *bundle) addFiles(s *session) {
	home, err := s.openHome()
	if err != nil {
		b.add("config.txt", []byte("the home cannot be opened\n"))
		return
	}
	switch text, err := os.ReadFile(home.SettingsFile()); {
	case err == nil:
		b.add("config.conf", []byte(b.redact.Settings(string(text), told)))
	case !errors.Is(err, fs.ErrNotExist):
		b.add("config.txt", []byte("the settings cannot be read\n"))
	}
	if text, err := os.ReadFile(home.File()); err == nil {
		if text, err = b.redact.JSON(text); err != nil {
			text = []byte("it is no JSON\n")
		}
		b.add("config.json", text)
	}
}

func (b *bundle) addLog(lines []status.LogLine) {
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(b.redact.Log(line.Text) + "\n")
	}
	b.add("log.txt", []byte(out.String()))
}

func (b *bundle) zip() ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range b.files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(b.texts[name])
		}
		b.err = errors.Join(b.err, err)
	}
	b.err = errors.Join(b.err, z.Close())
	return out.Bytes(), b.err
}
