package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestContainers builds both images from the archive, as the files say, and runs what is in
// them: an agent that answers and ends when it is told to, and a server that says its
// address. The weakest isolation is enough, and there is more nowhere but on real machines.
func TestContainers(t *testing.T) {
	if _, err := exec.LookPath("buildah"); err != nil || os.Getuid() != 0 {
		t.Skip("SKIPPED: no container is built: no buildah here, or not root")
	}
	context := filepath.Dir(unpacked(t, find(t, newer.packages(t, "0.2.0"), "*-linux-*.tar.gz"), "*"))
	b := buildah{t, t.TempDir()}
	for _, name := range []string{"agent", "rendezvous"} {
		out, err := b.command("bud", "--isolation", "chroot", "-q", "-t", name, "-f", "containers/"+name+".Containerfile", context).
			CombinedOutput()
		if err == nil {
			out, err = b.command("from", "--name", name, name).CombinedOutput()
		}
		if err != nil {
			t.Skipf("SKIPPED: no container is built, this system can hold none: %v\n%s", err, out)
		}
	}
	agent := b.start("agent", "/shoal", "--nogui", "--listen", "127.0.0.1:0", "--no-mdns")
	agent.until("agent started")
	if out, err := b.run("agent", "/shoal", "status", "--json").CombinedOutput(); err != nil || !strings.Contains(string(out), `"folders"`) {
		t.Errorf("its status: %v\n%s", err, out)
	}
	if out, err := b.run("agent", "/shoal", "stop").CombinedOutput(); err != nil {
		t.Errorf("it does not end: %v\n%s", err, out)
	}
	agent.until("agent stopped")
	b.start("rendezvous", "/shoal", "rendezvous", "--home", "/state", "--listen", "127.0.0.1:0").until("https://")
	for name, want := range map[string]string{"agent": "[/shoal] [--nogui]", "rendezvous": "[/shoal rendezvous --home /state] []"} {
		out, err := b.command("inspect", "--type", "image", "--format",
			"{{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}", name).Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s starts %s, %v, want %s", name, got, err, want)
		}
	}
}

// buildah keeps all it has in a directory of its own.
type buildah struct {
	t   *testing.T
	dir string
}

func (b buildah) command(args ...string) *exec.Cmd {
	own := []string{"--root", filepath.Join(b.dir, "root"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "vfs"}
	return exec.Command("buildah", append(own, args...)...)
}

// run is a command in a container; all commands of one share its state.
func (b buildah) run(name string, args ...string) *exec.Cmd {
	b.t.Helper()
	state := filepath.Join(b.dir, name)
	must(b.t, os.MkdirAll(state, 0o700))
	return b.command(append([]string{"run", "--isolation", "chroot", "--volume", state + ":/state", name, "--"}, args...)...)
}

// contained is a process in a container.
type contained struct {
	t    *testing.T
	said string // file that holds what it says
}

func (b buildah) start(name string, args ...string) contained {
	b.t.Helper()
	said, err := os.Create(filepath.Join(b.t.TempDir(), "said"))
	must(b.t, err)
	defer said.Close()
	cmd := b.run(name, args...)
	cmd.Stdout, cmd.Stderr = said, said
	must(b.t, cmd.Start())
	b.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		_ = cmd.Wait()
	})
	return contained{b.t, said.Name()}
}

func (c contained) until(word string) {
	c.t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(c.said)
		must(c.t, err)
		if strings.Contains(string(text), word) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			c.t.Fatalf("in the container nothing says %q:\n%s", word, text)
		}
	}
}

// TestFlatpak: the manifest can be read, and what it installs is in the tree. Whether the
// sandbox fits is not known before it is built on a machine that has the runtime.
func TestFlatpak(t *testing.T) {
	text, err := os.ReadFile(appID + ".yml")
	must(t, err)
	var manifest struct {
		ID, Command string
		Modules     []struct {
			Commands []string `yaml:"build-commands"`
			Sources  []struct{ Type, Path string }
		}
	}
	must(t, yaml.Unmarshal(text, &manifest))
	if manifest.ID != appID || manifest.Command != "shoal" || len(manifest.Modules) != 1 {
		t.Fatalf("the manifest says %+v", manifest)
	}
	installed := 0
	for _, line := range manifest.Modules[0].Commands {
		fields := strings.Fields(line)
		if fields[0] != "install" {
			continue
		}
		installed++
		if _, err := os.Stat(filepath.Join(manifest.Modules[0].Sources[0].Path, fields[2])); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if !strings.HasPrefix(fields[3], "/app/share/") {
			t.Errorf("%s: it installs outside of its prefix", line)
		}
	}
	if installed != 3 {
		t.Errorf("%d files are installed beside the program", installed)
	}
	if _, err := exec.LookPath("flatpak-builder"); err != nil {
		t.Skipf("SKIPPED: the manifest is not read by its builder: %v", err)
	}
	if out, err := exec.Command("flatpak-builder", "--show-manifest", appID+".yml").CombinedOutput(); err != nil {
		t.Errorf("its builder: %v\n%s", err, out)
	}
}
