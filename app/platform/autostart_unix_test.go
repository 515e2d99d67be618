//go:build !windows && !darwin

package platform

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAutostart(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	entry := filepath.Join(config, "autostart", "app.shoal.Shoal.desktop")
	if err := SetAutostart(false, Start{}); err != nil {
		t.Errorf("ending what was never begun: %v", err)
	}
	if err := SetAutostart(true, Start{"/opt/my shoal/shoal", []string{"--tray", "--home", `/tmp/100% "$a\b`}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(entry)
	want := `Exec="/opt/my shoal/shoal" "--tray" "--home" "/tmp/100%% \\"\\$a\\\\b"` + "\n"
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("got %s, %v; want %s", text, err, want)
	}
	if check, err := exec.LookPath("desktop-file-validate"); err == nil {
		if out, err := exec.Command(check, entry).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	if err := SetAutostart(false, Start{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(entry); !os.IsNotExist(err) {
		t.Errorf("the entry is still there: %v", err)
	}
	if err := SetAutostart(true, Start{"/a\nb", nil}); err == nil {
		t.Error("a line break was written")
	}
}
