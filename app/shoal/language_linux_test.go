package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/config"
)

// A person at a terminal is spoken to in the language of the settings or the system; a
// program that reads the same command gets English.
func TestLanguages(t *testing.T) {
	home := startAgent(t)
	speak := func(terminalToo bool, environment ...string) string {
		t.Helper()
		cmd := command(t, home, "status")
		cmd.Env = append(cmd.Env, environment...)
		if !terminalToo {
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		far, near := terminal(t, 100, 30)
		cmd.Stdout = near
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if err := near.Close(); err != nil {
			t.Fatal(err)
		}
		return readAll(t, far)
	}
	for _, c := range []struct {
		terminal bool
		locale   string
		want     string
	}{
		{true, "de_DE.UTF-8", "Noch keine Ordner"}, {true, "C", "No folders yet"},
		{true, "ja_JP.UTF-8", "フォルダー"}, {false, "de_DE.UTF-8", "No folders yet"},
	} {
		if got := speak(c.terminal, "LC_ALL="+c.locale); !strings.Contains(got, c.want) {
			t.Errorf("%+v: got\n%s", c, got)
		}
	}
	opened, err := config.OpenHome(home)
	if err == nil {
		_, err = opened.SetSetting("language", "fr")
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := speak(true, "LC_ALL=de_DE.UTF-8"); !strings.Contains(got, "Pas encore de dossier") {
		t.Errorf("the setting does not count: %s", got)
	}
	if _, err := opened.SetSetting("language", "tlh"); err == nil {
		t.Error("an unknown language was taken")
	}
}

// readAll reads a terminal's far side until its near side is gone, which Linux reports as
// an error.
func readAll(t *testing.T, far *os.File) string {
	t.Helper()
	var out bytes.Buffer
	chunk := make([]byte, 4096)
	for {
		n, err := far.Read(chunk)
		out.Write(chunk[:n])
		if err != nil {
			return out.String()
		}
	}
}
