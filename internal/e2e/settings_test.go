//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

// settingChange is what `shoal config set --json` prints.
type settingChange struct {
	Setting status.Setting
	Effect  string
}

// TestSettings: what can change at once does, the rest says when it will; an older home is
// understood; a mistake in the file is one clear line.
func TestSettings(t *testing.T) {
	t.Parallel()
	a := newAgent(t, "anna")
	must(t, os.WriteFile(filepath.Join(a.home, "config.json"),
		[]byte(`{"log_format":"json","mdns_name":false,"devices":[],"folders":[]}`), 0o600))
	a.start()
	set := func(key, value string) settingChange {
		var change settingChange
		a.command("config", "set", key, value).done(t).into(t, &change)
		return change
	}
	if c := set("log_level", "debug"); c.Effect != "now" || c.Setting.Value != "debug" {
		t.Errorf("got %+v", c)
	}
	if c := set("name", "never shown"); c.Effect != "after restart" || c.Setting.Override != "anna" {
		t.Errorf("a flag stands above the setting, but: %+v", c)
	}
	if c := set("mdns_name", "on"); c.Effect != "after restart" {
		t.Errorf("got %+v", c)
	}
	a.command("config", "set", "log_levle", "info").failed(t, 2, "did you mean", "log_level")
	var all []status.Setting
	a.command("config", "list").done(t).into(t, &all)
	for _, s := range all {
		if s.Key == "log_format" && (s.Value != "json" || !s.Set) {
			t.Errorf("of the older configuration is left %+v", s)
		}
	}
	a.stop()
	if !strings.HasPrefix(a.logs, "{") {
		t.Errorf("the log is no JSON: %.200s", a.logs)
	}
	must(t, os.WriteFile(filepath.Join(a.home, "config.conf"), []byte("# x\nmdsn = on\n"), 0o600))
	a.command("--nogui").failed(t, 1, "config.conf, line 2", "did you mean", "mdns")
}
