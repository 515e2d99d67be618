package platform

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
)

// The entry is an agent of launchd (launchd.plist(5)), which is read at the next login.

func startEntry() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, "Library", "LaunchAgents", startsAs+".plist"), nil
}

func addStart(s Start) error {
	path, err := startEntry()
	if err != nil {
		return err
	}
	var words bytes.Buffer
	for _, word := range append([]string{s.Program}, s.Args...) {
		words.WriteString("<string>")
		if err := xml.EscapeText(&words, []byte(word)); err != nil {
			return err
		}
		words.WriteString("</string>")
	}
	return writeEntry(path, `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>Label</key><string>`+startsAs+`</string>
<key>ProgramArguments</key><array>`+words.String()+`</array>
<key>RunAtLoad</key><true/>
<key>ProcessType</key><string>Background</string>
</dict></plist>
`)
}

func dropStart() error {
	path, err := startEntry()
	if err != nil {
		return err
	}
	return dropEntry(path)
}
